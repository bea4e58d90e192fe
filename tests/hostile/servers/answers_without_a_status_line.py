"""Writes the body to the socket, as a line, and nothing else."""

from echo_server import Handler, serve


class Bare(Handler):
    def echo(self, body):
        self.raw(body + b"\r\n")


serve(Bare)
