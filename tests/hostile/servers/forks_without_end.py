"""Starts processes for one request as fast as it can, up to a number that no machine minds."""

import os
import signal
import time

from echo_server import Handler, serve

ENOUGH = 1500


class Forks(Handler):
    def echo(self, body):
        for _ in range(ENOUGH):
            if not os.fork():
                signal.alarm(60)
                time.sleep(60)
                os._exit(0)
        super().echo(body)


serve(Forks)
