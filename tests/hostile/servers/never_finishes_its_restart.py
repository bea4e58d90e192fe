"""Starts once; later starts wait for a lock that nobody gives up."""

import time

from echo_server import DATA, serve

mark = DATA / "lock"
if mark.exists():
    print("waiting for the lock", flush=True)
    time.sleep(600)
mark.touch()
serve()
