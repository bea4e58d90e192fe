"""Answers with bytes that are not HTTP."""

from echo_server import Handler, serve


class Garbage(Handler):
    def echo(self, body):
        self.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\xff" * 40)


serve(Garbage)
