"""Stops the process that started it, so that nobody ends the program."""

import os
import signal

from echo_server import Handler, serve

PARENT = os.getppid()


class Stops(Handler):
    def echo(self, body):
        os.kill(PARENT, signal.SIGSTOP)
        super().echo(body)


serve(Stops)
