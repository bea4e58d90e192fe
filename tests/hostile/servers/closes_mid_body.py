"""Promises more than it sends."""

from echo_server import Handler, serve


class Short(Handler):
    def echo(self, body):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + body)


serve(Short)
