"""Correct, and listens on ::1 alone, as `localhost` resolves on some machines."""

from echo_server import serve

serve(host="::1")
