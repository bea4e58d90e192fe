"""Answers an ordinary request with 101 and talks something else from then on."""

from echo_server import Handler, serve


class Switch(Handler):
    def echo(self, body):
        self.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\nhello\n" * 3)


serve(Switch)
