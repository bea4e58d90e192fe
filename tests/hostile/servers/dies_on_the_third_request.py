"""Answers twice and ends."""

import os

from echo_server import Handler, serve


class Mortal(Handler):
    seen = 0

    def parse_request(self):
        Mortal.seen += 1
        if Mortal.seen == 3:
            os._exit(7)
        return super().parse_request()


serve(Mortal)
