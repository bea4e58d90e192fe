"""Puts a pipe that nobody writes to where coach keeps the log."""

import os

from echo_server import DATA, Handler, serve


class Replaces(Handler):
    def echo(self, body):
        for log in DATA.parent.glob("*.log"):
            log.unlink()
            os.mkfifo(log)
        self.answer(500, {"error": "look in the log"})


serve(Replaces)
