"""Redirects /echo to a local file and a host that is not its own."""

from echo_server import Handler, serve


class Away(Handler):
    def echo(self, body):
        self.answer_bytes(302, b"", Location="file:///etc/passwd")


serve(Away)
