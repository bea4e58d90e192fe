"""Listens on a port of its own choice."""

from echo_server import serve

serve(port=0)
