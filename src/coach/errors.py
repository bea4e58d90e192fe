"""What can go wrong, by who can mend it, with the exit code that follows."""

from collections.abc import Iterable
from difflib import get_close_matches

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_GRADED = 3
EXIT_INTERRUPTED = 130


class CoachError(Exception):
    """Something that a person can mend: `message` says what and where, `hint` what to do."""

    exit_code = EXIT_NOT_GRADED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(CoachError):
    """The command line or the workspace's own files ask for something impossible."""

    exit_code = EXIT_USAGE


class ContentError(CoachError):
    """A pack is wrong: its author mends the file and key that the message names."""


class PrerequisiteError(CoachError):
    """This machine lacks a tool, a right, space or a network."""


class ServiceError(CoachError):
    """A service that the exercise needs could not be supplied."""


class SubmissionError(CoachError):
    """The learner's program cannot be graded further: `code` is stable, `log` holds its last lines."""

    exit_code = EXIT_FAILED

    def __init__(self, code: str, message: str, hint: str = "", log: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.code = code
        self.log = log


class TamperedError(CoachError):
    """The submission reached for coach itself, so that its results cannot be believed."""

    code = "tampered"


class CheckFailed(AssertionError):  # noqa: N818 - an outcome, named as learners read it
    """A promise that the learner's program did not keep.

    `expected` and `got` are short texts for a person; `code` is set where the cause is more than a wrong value.
    """

    def __init__(self, message: str, *, expected: str = "", got: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.got = got
        self.hint = hint
        self.code = code


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean "…"?` for the known name most like `name`, or the list of all where none is close."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Known: {', '.join(known)}." if known else ""
