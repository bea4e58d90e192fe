"""Says chunked and sends lengths that are no numbers."""

from echo_server import Handler, serve

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


class Broken(Handler):
    def echo(self, body):
        self.raw(HEAD + b"many\r\n" + body)


serve(Broken)
