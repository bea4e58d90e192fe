"""Correct, and prints 64 MiB for one request."""

import sys

from echo_server import Handler, serve


class Flood(Handler):
    def echo(self, body):
        for _ in range(1024):
            sys.stdout.write(("debug " * 10 + "\n") * 1024)
        sys.stdout.flush()
        super().echo(body)


serve(Flood)
