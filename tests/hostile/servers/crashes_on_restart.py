"""Starts once; what it stored stops it from starting again."""

import sys

from echo_server import DATA, serve

mark = DATA / "lock"
if mark.exists():
    sys.exit("another instance is running: lock exists")
mark.touch()
serve()
