"""The JUnit file is valid whatever a program printed, and its numbers add up."""

from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.model import Cause, Exchange, Outcome, Report, Request
from coach.reports.junit import junit
from tests.samples import full_report, result

HOSTILE = "\x00\x01\x1b[2J]]> <![CDATA[ &amp; <b> \" ' \ud800 \ufffe \u202e \r\n end"
anything = st.text(st.characters())


def parsed(report: Report) -> ET.Element:
    """Return the one test suite."""
    text = junit(report)
    text.encode()
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    [suite] = root
    return suite


def with_checks(*outcomes: Outcome, cause: Cause | None = None, **more: Any) -> Report:
    checks = tuple(result(outcome, **more) for outcome in outcomes)
    return msgspec.structs.replace(full_report(), checks=checks, cause=cause)


OUTCOMES: list[list[Outcome]] = [
    [],
    ["passed"],
    ["failed"],
    ["blocked"],
    ["error"],
    ["passed", "failed", "blocked", "error"],
    ["failed", "blocked", "blocked", "passed", "passed"],
]
TAGS = {"failed": "failure", "blocked": "skipped", "error": "error"}


@pytest.mark.parametrize(
    "cause", [None, Cause(code="boot-crashed", message="It ended.", remedy="Look.", log=("last",))]
)
@pytest.mark.parametrize("outcomes", OUTCOMES, ids=" ".join)
def test_the_numbers_add_up(outcomes: list[Outcome], cause: Cause | None) -> None:
    suite = parsed(with_checks(*outcomes, cause=cause))
    tags = Counter(found.tag for case in suite for found in case)
    expected = Counter(TAGS[outcome] for outcome in outcomes if outcome != "passed")
    if cause is not None:
        expected["failure"] += 1
    assert tags == expected
    assert int(suite.attrib["tests"]) == len(suite) == len(outcomes) + (cause is not None)
    for attribute, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
        assert int(suite.attrib[attribute]) == expected[tag]


def test_a_case_tells_what_a_person_needs() -> None:
    suite = parsed(full_report())
    assert suite.attrib["name"] == "phase-2-notes"
    assert suite.attrib["time"] == "0.003"
    cause, passed, failed, blocked, error = suite
    assert (cause.attrib["name"], cause[0].attrib["type"]) == ("The program runs", "crashed")
    assert cause[0].attrib["message"] == "It ended."
    assert cause[0].text == "last"
    assert (passed.attrib["classname"], passed.attrib["name"]) == ("phase-2-notes.task-1", "It works")
    assert passed.attrib["time"] == "0.002"
    assert (failed[0].attrib["type"], failed[0].attrib["message"]) == ("not-json", "The body is not JSON.")
    for words in ("a JSON body", "text/html: <p>", "POST /notes", "curl", "two", "Send JSON."):
        assert words in str(failed[0].text)
    assert blocked[0].attrib["message"] == "blocked by test_failed"
    assert (error[0].attrib["type"], error[0].attrib["message"]) == ("grader-broke", "It broke.")


def test_tampering_is_an_error_and_no_failure() -> None:
    cause = Cause(code="tampered", message="Somebody was here.", remedy="Use a container.")
    suite = parsed(with_checks("error", cause=cause, code="tampered"))
    assert (suite.attrib["errors"], suite.attrib["failures"]) == ("2", "0")
    assert [found.tag for case in suite for found in case] == ["error", "error"]


def test_a_failure_without_a_code_has_a_type() -> None:
    [case] = parsed(with_checks("failed"))
    assert case[0].attrib["type"] == "failed"


def test_hostile_text_stays_valid() -> None:
    check_hostile(HOSTILE)


@given(anything)
def test_any_text_stays_valid(text: str) -> None:
    check_hostile(text)


def check_hostile(text: str) -> None:
    """Put a text wherever a program can put one."""
    request = Request(method="POST", path=f"/{text}", headers={"content-type": text}, body=text)
    exchange = Exchange(request=request, response=None, ms=1.0, curl=text)
    details: dict[str, Any] = dict.fromkeys(("title", "message", "expected", "got", "hint"), text)
    report = with_checks(
        "failed",
        "error",
        cause=Cause(code="boot-crashed", message=text, remedy=text, log=(text, text)),
        log=(text,),
        exchanges=(exchange,),
        **details,
    )
    assert len(parsed(report)) == 3
