"""Answers NaN and Infinity, which are not JSON (RFC 8259, section 6)."""

from echo_server import Handler, serve


class NaN(Handler):
    def echo(self, body):
        self.answer_bytes(200, b'{"text": NaN, "number": Infinity}')


serve(NaN)
