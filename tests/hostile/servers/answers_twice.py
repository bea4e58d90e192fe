"""Sends a second answer that nobody asked for, which poisons the connection for the next request."""

from echo_server import Handler, serve


class Twice(Handler):
    def echo(self, body):
        self.answer_bytes(200, body)
        self.answer_bytes(500, b'{"error": "left over from before"}')


serve(Twice)
