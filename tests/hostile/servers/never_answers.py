"""Reads a request and says nothing."""

import time

from echo_server import Handler, serve


class Silent(Handler):
    def echo(self, body):
        time.sleep(600)


serve(Silent)
