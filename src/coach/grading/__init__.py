"""All that a grader imports: `check` marks a promise, `expect` reads a reply."""

from coach.grading.checks import check
from coach.grading.expect import expect

__all__ = ["check", "expect"]
