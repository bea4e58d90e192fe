r"""Answers "\ud800", which is JSON and can be no UTF-8 text."""

from echo_server import Handler, serve


class Surrogate(Handler):
    def echo(self, body):
        self.answer_bytes(200, rb'{"text": "\ud800"}')


serve(Surrogate)
