"""Correct, and keeps a chain of processes going in which each starts the next and ends."""

import os
import time

from echo_server import serve

END = time.monotonic() + 60

if not os.fork():
    os.setsid()
    while time.monotonic() < END:
        if os.fork():
            os._exit(0)
        time.sleep(0.005)
    os._exit(0)
serve()
