"""Sends headers at once and its body a byte every tenth of a second."""

import time

from echo_server import Handler, serve


class Drip(Handler):
    def echo(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(6000):
            self.wfile.write(b" ")
            time.sleep(0.1)


serve(Drip)
