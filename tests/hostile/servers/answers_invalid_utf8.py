"""Answers JSON in Latin-1."""

from echo_server import Handler, serve


class Latin(Handler):
    def echo(self, body):
        self.answer_bytes(200, '{"text": "Käse für 5 £"}'.encode("latin-1"))


serve(Latin)
