"""Listens, and soon no more, although it lives on."""

import time

from echo_server import listen

server = listen()
server.socket.accept()
time.sleep(0.5)
server.server_close()
time.sleep(600)
