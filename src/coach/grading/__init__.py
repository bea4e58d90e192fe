"""All that a grader imports: `check` marks a promise, `expect` reads a reply; the other names are for type hints."""

from coach.errors import CheckFailed
from coach.grading.checks import check
from coach.grading.client import Api, Reply
from coach.grading.expect import Expectation, expect
from coach.grading.server import KILL, TERM, LogView, Server, Start

__all__ = [
    "KILL",
    "TERM",
    "Api",
    "CheckFailed",
    "Expectation",
    "LogView",
    "Reply",
    "Server",
    "Start",
    "check",
    "expect",
]
