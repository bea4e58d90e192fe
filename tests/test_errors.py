"""Errors carry what a person needs, and unknown names get the nearest one."""

import pytest

from coach import errors
from coach.errors import CheckFailed, CoachError, SubmissionError, nearest


def test_every_branch_has_the_exit_code_of_whoever_can_mend_it() -> None:
    codes: dict[type[CoachError], int] = {
        errors.InputError: 2,
        errors.ContentError: 3,
        errors.PrerequisiteError: 3,
        errors.ServiceError: 3,
        errors.SubmissionError: 1,
        errors.TamperedError: 3,
    }
    assert set(CoachError.__subclasses__()) == set(codes)
    assert {kind: kind.exit_code for kind in codes} == codes


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    error = errors.PrerequisiteError("No Node.", "Install it.")
    assert (str(error), error.message, error.hint) == ("No Node.", "No Node.", "Install it.")


def test_a_submission_error_carries_its_code_and_the_log() -> None:
    error = SubmissionError("boot-crashed", "It ended.", "Start it by hand.", ("line one", "line two"))
    assert (error.code, error.message, error.hint) == ("boot-crashed", "It ended.", "Start it by hand.")
    assert error.log == ("line one", "line two")


def test_a_failed_check_is_an_assertion_and_no_error_of_coach() -> None:
    failed = CheckFailed("The status is 200.", expected="201", got="200", hint="Say created.", code="hung")
    assert isinstance(failed, AssertionError)
    assert not isinstance(failed, CoachError)
    assert str(failed) == failed.message == "The status is 200."
    assert (failed.expected, failed.got, failed.hint, failed.code) == ("201", "200", "Say created.", "hung")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("expres", 'Did you mean "express"?'),
        ("fast-api", 'Did you mean "fastapi"?'),
        ("rails", "Known: custom, express, fastapi."),
    ],
)
def test_an_unknown_name_gets_the_nearest_or_all(name: str, said: str) -> None:
    assert nearest(name, {"fastapi", "custom", "express"}) == said


def test_where_nothing_is_known_nothing_is_suggested() -> None:
    assert nearest("express", []) == ""
