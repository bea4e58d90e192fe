"""Notices a program that listens, but not where coach calls, long before the boot budget is used up."""

from __future__ import annotations

import time
from collections.abc import Callable

from coach.processes import Listener

PATIENCE = 5.0
"""Seconds that a program may listen on other ports alone before it is told that its port is wrong."""
OTHER_HOST_PATIENCE = 0.5
"""Seconds between listening on one address and on another that a program may take."""
LOOK_EVERY = 0.25


class Elsewhere:
    """What a program that is not ready has listened on, and for how long."""

    def __init__(self, listens: Callable[[], list[Listener]], port: int) -> None:
        self._listens = listens
        self._port = port
        self._looked = self._since = time.monotonic()

    def for_too_long(self) -> bool:
        """Look at most four times a second; tell whether the program has listened elsewhere for its patience."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        found = self._listens()
        if not found:
            self._since = now
        right_port = any(listener.port == self._port for listener in found)
        return now - self._since >= (OTHER_HOST_PATIENCE if right_port else PATIENCE)
