"""Sends 2 MiB that unpack to 2 GiB."""

import gzip

from echo_server import Handler, serve

MEMBER = gzip.compress(b" " * (64 << 20), compresslevel=9)


class Bomb(Handler):
    def echo(self, body):
        self.answer_bytes(200, MEMBER * 32, Content_Encoding="gzip")


serve(Bomb)
