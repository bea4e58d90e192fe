"""Writes a file of 100 GiB (with holes, so that a coach that allows it loses no disk) and answers what came of it."""

from echo_server import DATA, Handler, serve


class Fills(Handler):
    def echo(self, body):
        with (DATA / "big").open("wb") as file:
            file.truncate(100 << 30)
        super().echo(body)


serve(Fills)
