"""What the tests of grading share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.grading.callers import OK, Call, Caller
from tests.grading.raw import Handler, RawServer


@pytest.fixture
def calls() -> Iterator[Call]:
    """Start a server with this answer, and make a caller for it."""
    opened: list[Caller] = []

    def call(answer: bytes | Handler = OK, **options: Any) -> Caller:
        server = RawServer(answer).__enter__()
        opened.append(Caller(server, **options))
        return opened[-1]

    yield call
    for caller in opened:
        for made in caller.made:
            made.close()
        caller.server.__exit__(None, None, None)
