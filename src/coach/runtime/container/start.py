"""One start of a container: its output, its limits, and how it ended."""

from __future__ import annotations

import signal
import time
from typing import Any

import psutil

from coach.errors import ServiceError
from coach.processes import poll
from coach.runtime.container import inside
from coach.runtime.container.box import Box
from coach.runtime.container.output import Output
from coach.runtime.process import KILL_PATIENCE, PROCESS_LIMIT
from coach.runtime.program import Exit

LOOK_EVERY = 0.25
"""Seconds between two looks at a container that seems well."""
NEWS_PATIENCE = 0.5
"""Seconds by which the news of an out-of-memory kill may come after that of the end."""
KILLED = 128 + signal.SIGKILL


class Start:
    """A container from its start to its end.

    Raises:
        SubmissionError: when what the Dockerfile asks for cannot be run.
    """

    def __init__(self, box: Box, output: Output) -> None:
        self._box = box
        self._output = output
        self._exit: Exit | None = None
        self._limit = ""
        self._killed = False
        self._looked = 0.0
        try:
            box.start()
        except BaseException:
            output.close()
            raise
        self._pid = inside.main_process(box.container)

    def ended(self) -> Exit | None:
        """Tell how it ended, or None while it runs; end it when it has too many processes."""
        if self._exit is None:
            gone = self._pid is not None and not psutil.pid_exists(self._pid)
            if gone:  # the engine will know in a moment
                poll(self._is_over, KILL_PATIENCE)
            elif time.monotonic() - self._looked >= LOOK_EVERY:
                self._looked = time.monotonic()
                if not self._is_over() and inside.processes(self._box.container) > PROCESS_LIMIT:
                    self.kill("processes")
        return self._exit

    def signal(self, number: int, grace: float) -> None:
        """Send a signal to all processes, and give them time to end."""
        self._box.signal(number, grace / 2)
        poll(self._is_over, grace)

    def kill(self, limit: str = "") -> None:
        """End it, if it has not ended; `limit` names the one that it broke.

        Raises:
            ServiceError: when the engine fails to.
        """
        if self._is_over():
            return
        self._killed, self._limit = True, limit
        self._box.kill()
        if not poll(self._is_over, KILL_PATIENCE):
            raise ServiceError("The Docker engine does not end the program's container.", "Restart Docker.")

    def _is_over(self) -> bool:
        """Ask the engine whether it has ended, and note how."""
        if self._exit is None:
            state = self._box.state()
            if not state["Running"]:
                self._exit = self._how(state)
                self._output.finish()
        return self._exit is not None

    def _how(self, state: dict[str, Any]) -> Exit:
        """Read how it ended; like a shell, a container's init tells of an end by a signal as 128 and its number."""
        code = int(state["ExitCode"])
        if code == KILLED and not self._killed:
            poll(lambda: self._box.state()["OOMKilled"], NEWS_PATIENCE)
            state = self._box.state()
        limit = self._limit or ("memory" if state["OOMKilled"] else "")
        return Exit(code=code, limit=limit)
