"""Listens on the right port of an address that nobody calls."""

from echo_server import serve

serve(host="127.0.0.2")
