"""Correct, and slow to start."""

import time

from echo_server import serve

time.sleep(3)
serve()
