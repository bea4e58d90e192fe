"""Clients of a server that answers as it is told."""

from collections.abc import Callable

from coach.errors import CheckFailed
from coach.grading.client import Api, Wire
from tests.grading.raw import RawServer, answer

OK = answer(b'{"ok": true}', Content_Type="application/json")


class Caller:
    """Clients of one wire to one server; a request without an answer fails with the name of the exception."""

    def __init__(self, server: RawServer, base_path: str = "", seconds: float = 20.0) -> None:
        self.server = server
        self.wire = Wire(lambda: server.address, base_path, lambda exc: CheckFailed(str(exc), code=type(exc).__name__))
        self.wire.begin(seconds)
        self.made: list[Api] = []

    def client(self) -> Api:
        self.made.append(Api(self.wire))
        return self.made[-1]

    def sent(self) -> str:
        """Return the only request that arrived."""
        [request] = self.server.requests
        return request.decode()


Call = Callable[..., Caller]
"""Starts a server with an answer, and makes a caller for it."""
