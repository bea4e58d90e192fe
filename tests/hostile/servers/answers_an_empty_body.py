"""Answers 200 and nothing."""

from echo_server import Handler, serve


class Empty(Handler):
    def echo(self, body):
        self.answer_bytes(200, b"")


serve(Empty)
