"""Sends chunks for ever."""

from echo_server import Handler, serve


class Endless(Handler):
    def echo(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            self.wfile.write(b"10000\r\n" + b"[" * 0x10000 + b"\r\n")


serve(Endless)
