"""Listens and leaves every connection in the queue."""

import time

from echo_server import listen

server = listen()
time.sleep(600)
