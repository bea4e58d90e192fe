"""Writes nonsense to the standard output of the process that started it, where coach reads."""

import os
import time
from pathlib import Path

from echo_server import Handler, serve

EVENTS = Path(f"/proc/{os.getppid()}/fd/1")


class Talks(Handler):
    def echo(self, body):
        EVENTS.write_text("all checks passed\n")
        time.sleep(0.3)
        super().echo(body)


serve(Talks)
