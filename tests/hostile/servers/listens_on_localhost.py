"""Correct on this machine, and out of reach in a container: it listens on 127.0.0.1 wherever it runs."""

from echo_server import serve

serve(host="127.0.0.1")
