"""Hangs up when it is asked."""

from echo_server import Handler, serve


class HangsUp(Handler):
    def echo(self, body):
        self.close_connection = True


serve(HangsUp)
