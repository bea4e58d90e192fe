"""Answers an integer of 100,000 digits."""

from echo_server import Handler, serve


class Huge(Handler):
    def echo(self, body):
        self.answer_bytes(200, b'{"number": ' + b"9" * 100_000 + b"}")


serve(Huge)
