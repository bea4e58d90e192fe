"""Answers an array nested 900 deep, which a parser may read and a report may fail to write."""

from echo_server import Handler, serve


class Deep(Handler):
    def echo(self, body):
        self.answer_bytes(200, b"[" * 900 + b"]" * 900)


serve(Deep)
