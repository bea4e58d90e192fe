"""Sends one header of 16 MiB."""

from echo_server import Handler, serve


class Huge(Handler):
    def echo(self, body):
        self.answer_bytes(200, body, X_Session="a" * (16 << 20))


serve(Huge)
