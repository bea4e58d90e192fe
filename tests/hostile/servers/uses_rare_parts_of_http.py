"""Correct (RFC 9110, 9112): early hints, chunks with extensions and trailers, gzip that nobody asked for."""

import gzip
import json

from echo_server import Handler, serve

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
HEAD = (
    b"HTTP/1.1 200 Very Well\r\nContent-Type: application/json ; Charset=UTF-8\r\nContent-Encoding: GZip\r\n"
    b"Transfer-Encoding: chunked\r\nTrailer: X-Digest\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Empty:\r\n\r\n"
)


class Rare(Handler):
    def answer(self, status, value):
        body = gzip.compress(json.dumps(value).encode())
        chunks = b"".join(b"1;name=value\r\n%c\r\n" % byte for byte in body)
        self.wfile.write(HINTS + HEAD + chunks + b"000\r\nX-Digest: none\r\n\r\n")


serve(Rare)
