"""Correct, and slow to start for the first time."""

import time

from echo_server import DATA, serve

mark = DATA / "index"
if not mark.exists():
    time.sleep(3)
mark.touch()
serve()
