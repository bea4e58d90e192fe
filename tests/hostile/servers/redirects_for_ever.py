"""Redirects /echo to itself."""

from echo_server import Handler, serve


class Loop(Handler):
    def echo(self, body):
        self.answer_bytes(307, b"", Location="/echo")


serve(Loop)
