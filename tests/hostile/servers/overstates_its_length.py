"""Names a length longer than its body and keeps the connection open."""

from echo_server import Handler, serve


class Long(Handler):
    def echo(self, body):
        self.answer_bytes(200, body, Content_Length=len(body) + 5)


serve(Long)
