"""Writes the body to the socket and nothing else."""

from echo_server import Handler, serve


class Bare(Handler):
    def echo(self, body):
        self.raw(body)


serve(Bare)
