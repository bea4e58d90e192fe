"""Answers an array nested 100,000 deep."""

from echo_server import Handler, serve


class Deep(Handler):
    def echo(self, body):
        self.answer_bytes(200, b"[" * 100_000 + b"]" * 100_000)


serve(Deep)
