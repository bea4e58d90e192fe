"""Correct in HTTP/1.0: no length, and the end of the connection ends the body."""

import json

from echo_server import Handler, serve


class Old(Handler):
    protocol_version = "HTTP/1.0"

    def answer(self, status, value):
        self.raw(b"HTTP/1.0 %d\ncontent-type: APPLICATION/JSON\n\n" % status + json.dumps(value, indent=4).encode())


serve(Old)
