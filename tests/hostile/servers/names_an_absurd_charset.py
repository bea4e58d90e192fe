"""Answers correct JSON and names a charset that is no charset."""

from echo_server import Handler, serve


class Absurd(Handler):
    def echo(self, body):
        self.answer_bytes(200, body, Content_Type="application/json; charset=zlib")


serve(Absurd)
