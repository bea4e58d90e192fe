"""Sends control characters and a lone newline within its headers."""

from echo_server import Handler, serve


class Nul(Handler):
    def echo(self, body):
        self.answer_bytes(200, body, X_Bad="a\0b\x1b[31mc\rd")


serve(Nul)
