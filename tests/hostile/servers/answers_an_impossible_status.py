"""Answers 200000."""

from echo_server import Handler, serve


class Impossible(Handler):
    def echo(self, body):
        self.answer_bytes(200000, body)


serve(Impossible)
