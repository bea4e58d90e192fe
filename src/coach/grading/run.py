"""One grading run as its checks see it: the program, the wire to it, the seed, and what has happened so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpcore

from coach.errors import CheckFailed, SubmissionError, TamperedError
from coach.grading.client import REQUEST_LIMIT, Wire
from coach.model import Cause, CheckResult, Limits
from coach.processes import poll
from coach.runtime.program import Exit, Program

CRASH_PATIENCE = 0.5
"""Seconds that the end of a program may take to be noticed after its connection broke."""
TOO_MANY = 3
"""Crashes, or hung checks in a row, after which the rest is blocked."""


@dataclass
class Run:
    """The state of one grading run, shared by plugin and fixtures."""

    program: Program
    base_path: str
    env: Mapping[str, str]
    limits: Limits
    seed: int
    task_titles: Mapping[int, str]
    on_result: Callable[[CheckResult], None]
    on_ready: Callable[[], None] = lambda: None
    only: tuple[str, ...] = ()
    tasks: tuple[int, ...] = ()
    results: dict[str, CheckResult] = field(default_factory=dict)
    cause: Cause | None = None
    crashes: int = 0
    hung: int = 0
    started: float = field(default_factory=time.monotonic)
    stopped_by_check: bool = False
    env_changed: bool = False
    """A check has started the program with other variables; the next one gets it with those that are declared."""
    log_mark: int = 0
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire(lambda: self.program.address, self.base_path, self.explain)

    def boot(self) -> None:
        """Wait for the program's first start.

        Raises:
            SubmissionError: the cause of the failed boot.
        """
        self.program.wait_ready()
        self.started = time.monotonic()
        self.on_ready()

    def revive(self) -> None:
        """Start the program again on the same data, after a crash, a hang, or a check that left it stopped or changed.

        Raises:
            SubmissionError: the cause, when it no longer boots.
        """
        self.program.stop()
        self.program.start()
        self.program.wait_ready()
        self.stopped_by_check = self.env_changed = False

    def crashed(self) -> Exit | None:
        """Tell how the program ended, if it did so by itself."""
        return None if self.stopped_by_check else self.program.ended()

    def blocked_by(self) -> str:
        """Return the code that blocks all further checks, if one does."""
        if self.cause is not None:
            return self.cause.code
        if self.crashes >= TOO_MANY:
            return "crashed"
        if self.hung >= TOO_MANY:
            return "hung"
        if time.monotonic() - self.started > self.limits.run:
            return "run-timeout"
        return ""

    def fail_for_good(self, error: SubmissionError | TamperedError) -> None:
        """Note why no further check can be judged; the first reason stays."""
        log = error.log if isinstance(error, SubmissionError) else ()
        self.cause = self.cause or Cause(code=error.code, message=error.message, remedy=error.hint, log=log)

    def explain(self, exc: Exception) -> CheckFailed:
        """Name the cause of a request without a whole answer."""
        patience = 0.0 if self.stopped_by_check or isinstance(exc, httpcore.TimeoutException) else CRASH_PATIENCE
        ended = poll(self.crashed, patience)
        if ended is not None:
            return crash(ended)
        text = str(exc)
        if self.stopped_by_check:
            return CheckFailed(
                "The server is stopped.", expected="an answer", got="no server", code="connection-closed"
            )
        if isinstance(exc, httpcore.TimeoutException):
            return CheckFailed(
                "The server left a request without a whole answer.",
                expected=f"an answer within {REQUEST_LIMIT:g} s",
                got="silence, or an answer that does not end",
                hint="Does every path through the handler send an answer? Does something block the whole program?",
                code="hung",
            )
        if isinstance(exc, httpcore.ConnectError):
            return CheckFailed(
                "The server no longer accepts connections, although it runs.",
                expected="a listening server",
                got="connection refused",
                hint="Does it close its port, or listen on another after a restart?",
                code="connection-closed",
            )
        closed = isinstance(exc, httpcore.NetworkError) or "disconnected" in text or "peer closed" in text
        if closed:
            return CheckFailed(
                "The server closed the connection before its answer was complete.",
                expected="a complete answer",
                got=_sentence(text),
                hint="Look in the log for an error during this request.",
                code="connection-closed",
            )
        return CheckFailed(
            "What the server sent is not valid HTTP.",
            expected="an HTTP/1.1 answer (RFC 9112)",
            got=_sentence(text),
            hint="Leave status line, headers and Content-Length to the framework.",
            code="invalid-http",
        )


def crash(ended: Exit) -> CheckFailed:
    """Say that the program ended during a check, by itself (`crashed`) or for breaking a limit (`memory-limit`, …)."""
    hint = "Look in the lines that it printed for the error that ended it."
    if ended.limit:
        hint = "Look for a loop that keeps adding to a list, or that starts processes."
    return CheckFailed(
        "The program ended during this check.",
        expected="a program that keeps running",
        got=f"it {ended}",
        hint=hint,
        code=f"{ended.limit}-limit" if ended.limit else "crashed",
    )


def _sentence(text: str) -> str:
    """Shorten an exception's text to its first line."""
    return text.splitlines()[0][:200] if text else "the connection was closed"
