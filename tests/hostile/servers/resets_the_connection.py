"""Ends the connection with a reset instead of an answer."""

import socket
import struct

from echo_server import Handler, serve


class Reset(Handler):
    def echo(self, body):
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()
        self.close_connection = True


serve(Reset)
