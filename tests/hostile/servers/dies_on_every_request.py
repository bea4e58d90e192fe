"""Ends whenever it is asked anything."""

import os

from echo_server import Handler, serve


class Mortal(Handler):
    def parse_request(self):
        print("fatal error: out of luck", flush=True)
        os._exit(134)


serve(Mortal)
