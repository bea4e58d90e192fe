"""Sends headers for ever."""

from echo_server import Handler, serve


class Endless(Handler):
    def echo(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X-More: there is always one more\r\n" * 100)


serve(Endless)
