"""Prints one line of 32 MiB and nothing else, and fails."""

import sys

from echo_server import Handler, serve


class Flood(Handler):
    def echo(self, body):
        for _ in range(32):
            sys.stdout.write("." * (1 << 20))
        sys.stdout.flush()
        self.answer(500, {"error": "too much"})

    def log_message(self, *args):
        pass


serve(Flood)
