"""Removes DATA_DIR and everything beside it, where coach keeps its log."""

import shutil

from echo_server import DATA, Handler, serve


class Removes(Handler):
    def echo(self, body):
        shutil.rmtree(DATA.parent, ignore_errors=True)
        super().echo(body)


serve(Removes)
