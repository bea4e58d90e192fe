"""Names gzip as the encoding of plain text."""

from echo_server import Handler, serve


class Broken(Handler):
    def echo(self, body):
        self.answer_bytes(200, body, Content_Encoding="gzip")


serve(Broken)
