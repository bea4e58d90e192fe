"""Stops its own process: SIGTERM waits until somebody continues it."""

import os
import signal

from echo_server import Handler, serve


class Stops(Handler):
    def echo(self, body):
        os.kill(os.getpid(), signal.SIGSTOP)


serve(Stops)
