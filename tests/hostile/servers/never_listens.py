"""Starts and waits for ever."""

import time

print("connecting to the database ...", flush=True)
time.sleep(600)
