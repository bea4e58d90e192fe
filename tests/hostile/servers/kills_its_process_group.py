"""Kills its whole process group."""

import os
import signal

from echo_server import Handler, serve


class Kills(Handler):
    def echo(self, body):
        os.killpg(0, signal.SIGKILL)


serve(Kills)
