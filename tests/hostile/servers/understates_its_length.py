"""Names a length shorter than its body: the rest lies in the way of the next answer."""

from echo_server import Handler, serve


class Short(Handler):
    def echo(self, body):
        self.answer_bytes(200, body, Content_Length=5)


serve(Short)
