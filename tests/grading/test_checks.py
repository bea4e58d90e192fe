"""What `check` records, and the order that follows from it."""

from collections.abc import Callable
from typing import Any

import pytest

from coach.errors import ContentError
from coach.grading import check
from coach.grading.checks import CheckInfo, in_order, info_of


@check(task=1)
def test_first() -> None:
    """The first"""


test_first.__test__ = False  # type: ignore[attr-defined] # what is checked here is no test of this module


def made(**options: Any) -> CheckInfo:
    """Mark a function and return what was recorded."""

    def function() -> None:
        """GET /notes answers 200
        with all   notes
        """

    info = info_of(check(**options)(function))
    assert info is not None
    return info


def test_a_check_is_recorded_with_its_title() -> None:
    info = made(task=3, points=2, needs=test_first)
    assert info == CheckInfo("function", "GET /notes answers 200 with all notes", 3, 2, ("test_first",))


def test_a_check_is_worth_one_point_and_needs_nothing_unless_it_says_so() -> None:
    assert (made(task=1).points, made(task=1).needs) == (1, ())


def test_a_check_may_need_several() -> None:
    assert made(task=1, needs=[test_first, test_first]).needs == ("test_first", "test_first")


def test_a_check_is_still_the_function_that_it_was() -> None:
    def function() -> str:
        """Returns"""
        return "as before"

    assert check(task=1)(function) is function
    assert function() == "as before"


def without() -> None: ...


def blank() -> None:
    """ """


@pytest.mark.parametrize("function", [without, blank])
def test_a_check_without_a_title_is_refused(function: Callable[[], None]) -> None:
    with pytest.raises(ContentError, match=rf"test_checks\.py: {function.__name__} has no docstring") as caught:
        check(task=1)(function)
    assert "learners read" in caught.value.hint


@pytest.mark.parametrize("options", [{"task": 0}, {"task": 1, "points": 0}, {"task": -1, "points": 5}])
def test_numbers_below_one_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ContentError, match=r"test_checks\.py: function: task and points are numbers from 1 on"):
        made(**options)


@pytest.mark.parametrize("thing", [without, None, 3, made])
def test_what_is_no_check_has_no_record(thing: object) -> None:
    assert info_of(thing) is None


def infos(**needs: str) -> list[CheckInfo]:
    """Make checks in this order, each with the names that it needs, separated by spaces."""
    return [CheckInfo(name, name, 1, 1, tuple(needed.split())) for name, needed in needs.items()]


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({"a": "", "b": "", "c": ""}, "a b c"),
        ({"a": "c", "b": "", "c": ""}, "c a b"),
        ({"a": "b", "b": "c", "c": ""}, "c b a"),
        ({"d": "b c", "b": "a", "c": "a", "a": ""}, "a b c d"),
        ({}, ""),
    ],
)
def test_checks_come_after_what_they_need_and_keep_their_order(needs: dict[str, str], order: str) -> None:
    assert [info.name for info in in_order(infos(**needs))] == order.split()


def test_what_is_needed_must_be_in_the_grader() -> None:
    with pytest.raises(ContentError, match="a needs x, which is no check of this grader"):
        in_order(infos(a="x"))


@pytest.mark.parametrize("needs", [{"a": "a"}, {"a": "b", "b": "a"}])
def test_checks_that_need_each_other_are_refused(needs: dict[str, str]) -> None:
    """A function that has the name of an earlier one can come to need itself."""
    with pytest.raises(ContentError, match="needs itself"):
        in_order(infos(**needs))
