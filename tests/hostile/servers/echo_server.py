"""A correct server for hostile-echo; the servers beside it change one thing each."""

import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = int(os.environ["PORT"])
HOST = os.environ.get("HOST", "127.0.0.1")
DATA = Path(os.environ["DATA_DIR"])


class Handler(BaseHTTPRequestHandler):
    """GET /health, POST /echo, POST /count."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            self.health()
        else:
            self.answer(404, {"error": "no such route"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/echo":
            self.echo(body)
        elif self.path == "/count":
            self.count()
        else:
            self.answer(404, {"error": "no such route"})

    def health(self):
        self.answer(200, {"status": "ok"})

    def echo(self, body):
        self.answer(200, json.loads(body))

    def count(self):
        file = DATA / "count"
        number = int(file.read_text()) + 1 if file.exists() else 1
        file.write_text(str(number))
        self.answer(200, {"count": number})

    def answer(self, status, value):
        self.answer_bytes(status, json.dumps(value).encode())

    def answer_bytes(self, status, body, **headers):
        """Answer a complete response; `Content_Type="…"` and the like replace or add headers."""
        self.send_response(status)
        fields = {"Content_Type": "application/json", "Content_Length": len(body), **headers}
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data):
        """Write these bytes instead of a response and close the connection."""
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True


class Server(ThreadingHTTPServer):
    """Reports no client that hung up: what coach saw is what counts."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def listen(handler=Handler, host=HOST, port=PORT):
    """Bind and listen, and return the server."""
    Server.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return Server((host, port), handler)


def serve(handler=Handler, host=HOST, port=PORT):
    """Listen and answer until a signal ends the process."""
    listen(handler, host, port).serve_forever()


if __name__ == "__main__":
    serve()
