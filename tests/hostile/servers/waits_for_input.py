"""Correct once its standard input has ended."""

import sys

from echo_server import serve

sys.stdin.read()
serve()
