"""Answers 100 Continue for ever."""

from echo_server import Handler, serve


class Interim(Handler):
    def echo(self, body):
        while True:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


serve(Interim)
