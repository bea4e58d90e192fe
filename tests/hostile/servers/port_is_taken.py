"""Ends because its port is in use: it takes one twice."""

from echo_server import listen

held = listen(port=0)
listen(port=held.server_port)
