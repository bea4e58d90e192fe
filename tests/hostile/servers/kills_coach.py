"""Kills every process above it up to coach itself."""

import os
import signal
from pathlib import Path

from daemon import daemonise
from echo_server import Handler, serve

SUPERVISOR = os.getppid()
COACH = int(Path(f"/proc/{SUPERVISOR}/stat").read_text().rsplit(")", 1)[1].split()[1])


class Kills(Handler):
    def echo(self, body):
        os.kill(COACH, signal.SIGKILL)
        super().echo(body)


daemonise("import time; time.sleep(600)")
serve(Kills)
