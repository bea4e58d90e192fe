"""Sends its answer so slowly that no read times out and the answer never ends."""

import time

from echo_server import Handler, serve


class Drip(Handler):
    def echo(self, body):
        for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + b"X-Wait: 1\r\n" * 99:
            self.wfile.write(bytes([byte]))
            time.sleep(1)


serve(Drip)
