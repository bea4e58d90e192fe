"""Writes nonsense to the standard input of the process that started it."""

import os
import time
from pathlib import Path

from echo_server import Handler, serve

COMMANDS = Path(f"/proc/{os.getppid()}/fd/0")


class Talks(Handler):
    def echo(self, body):
        COMMANDS.write_text("quit, please\n")
        time.sleep(0.3)
        super().echo(body)


serve(Talks)
