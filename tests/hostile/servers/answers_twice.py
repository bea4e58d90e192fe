"""Sends a second answer that nobody asked for, which poisons the connection for the next request."""

from echo_server import Handler, serve

HEAD = b"HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
MORE = b'{"error": "left over from before"}'


class Twice(Handler):
    def echo(self, body):
        self.wfile.write(HEAD % (200, len(body)) + body + HEAD % (500, len(MORE)) + MORE)


serve(Twice)
