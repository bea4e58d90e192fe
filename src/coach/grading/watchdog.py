"""Ends a check whose grader does not come to an end by itself; that is nobody's fault but the grader's."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from coach.grading.client import Budget

SLACK = 5.0
"""Seconds beyond its limit that a check may take: its requests are given up before that, and fail it."""


class GraderHung(BaseException):
    """The check's own code went on long after its requests would have been given up.

    No Exception, so that a grader's own `except Exception` lets it pass.
    """


@contextmanager
def watchdog(budget: Budget) -> Iterator[None]:
    """Raise GraderHung in here once the budget is overdrawn by SLACK; does nothing outside the main thread.

    Time that the check spends on restarts is not its own, and is waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def look(*_: object) -> None:
        left = budget.end + SLACK - time.monotonic()
        if budget.paused or left > 0:
            signal.setitimer(signal.ITIMER_REAL, max(left, SLACK))
            return
        raise GraderHung

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, budget.seconds + SLACK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
