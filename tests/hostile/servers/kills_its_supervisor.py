"""Kills the process that started it, so that a daemon without a trace of the run can live on."""

import os
import signal
import time

from daemon import daemonise
from echo_server import Handler, serve

PARENT = os.getppid()


class Kills(Handler):
    def echo(self, body):
        os.kill(PARENT, signal.SIGKILL)
        time.sleep(0.3)
        super().echo(body)


daemonise("import time; time.sleep(600)")
serve(Kills)
