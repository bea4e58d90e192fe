"""The `server` fixture: restarts the learner's program, stops it, starts it otherwise, and shows what it printed."""

from __future__ import annotations

import json
import signal as signals
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coach.errors import CheckFailed, SubmissionError
from coach.grading.run import Run
from coach.runtime.program import Exit, ProgramLog

TERM = signals.SIGTERM
KILL = signals.SIGKILL


@dataclass(frozen=True)
class Start:
    """How a start went: `ready`, or with the `code` and `message` of what went wrong; `log` is what was printed."""

    ready: bool
    log: tuple[str, ...]
    code: str = ""
    message: str = ""
    exit: Exit | None = None


class LogView:
    """The lines that the program has printed since the check began."""

    def __init__(self, log: ProgramLog, mark: int) -> None:
        self._log = log
        self._mark = mark

    def lines(self) -> list[str]:
        """Return the lines as text."""
        self._log.settle()
        return self._log.since(self._mark)

    def json_lines(self) -> list[dict[str, Any]]:
        """Return those lines that are JSON objects, parsed."""
        found = []
        for line in self.lines():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                found.append(value)
        return found


class Server:
    """The learner's server, as a check handles it. Time that a restart takes is given back to the check."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stopped_by = ""

    @property
    def log(self) -> LogView:
        """What the program has printed since this check began."""
        return LogView(self._run.program.log, self._run.log_mark)

    def restart(self, signal: int = TERM, env: Mapping[str, str] | None = None) -> None:
        """End the program with `signal` (TERM waits for it, KILL does not) and start it on the same DATA_DIR.

        Raises:
            CheckFailed: with the boot code, when it does not come up again.
        """
        self.stop(signal)
        started = self.start(env)
        if not started.ready:
            raise CheckFailed(
                "The program does not start again after a restart.",
                expected="a server that boots with the data it left",
                got=started.message,
                hint="Start it twice by hand on the same DATA_DIR.",
                code=started.code,
            )

    def stop(self, signal: int = TERM) -> Exit:
        """End the program and tell how it ended; SIGKILL follows after 5 s."""
        with self._run.wire.budget.pause():
            self._run.stopped_by_check = True
            self._stopped_by = signals.Signals(signal).name
            return self._run.program.stop(signal)

    def start(self, env: Mapping[str, str] | None = None) -> Start:
        """Start the stopped program, with `env` on top of the declared variables, and tell how that went."""
        with self._run.wire.budget.pause():
            mark = self._run.program.log.mark()
            self._run.program.start(env)
            self._run.env_changed = bool(env)
            try:
                self._run.program.wait_ready()
            except SubmissionError as error:
                return Start(False, error.log, error.code, error.message, self._run.program.ended())
            self._run.stopped_by_check = False
            self._run.wire.restarted = self._stopped_by
            self._run.program.log.settle()
            return Start(True, self._run.program.log.tail(mark=mark))
