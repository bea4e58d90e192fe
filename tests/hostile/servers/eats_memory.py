"""Takes 2 GiB for one request."""

import time

from echo_server import Handler, serve

held = []


class Eats(Handler):
    def echo(self, body):
        for _ in range(64):
            held.append(b"x" * (32 << 20))
            time.sleep(0.01)
        super().echo(body)


serve(Eats)
