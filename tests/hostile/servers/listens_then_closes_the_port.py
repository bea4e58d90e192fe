"""Lives on after the first connection, and listens no more."""

import time

from echo_server import listen

server = listen()
server.socket.accept()
server.server_close()
time.sleep(600)
