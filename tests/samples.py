"""Results to write reports from."""

from pathlib import Path
from typing import Any

import coach.reports
from coach.model import (
    Cause,
    CheckResult,
    Exchange,
    Notice,
    Outcome,
    PackRef,
    Phases,
    Provided,
    Report,
    Request,
    Response,
    score,
)

SCHEMA = Path(coach.reports.__file__).with_name("report.schema.json")
"""The JSON Schema of a report."""


def result(outcome: Outcome, points: int = 1, **more: Any) -> CheckResult:
    """Make the result of a check."""
    settings = {"name": f"test_{outcome}", "title": "It works", "task": 1, **more}
    return CheckResult(points=points, outcome=outcome, **settings)


def full_report() -> Report:
    """Make a report in which every field holds something."""
    request = Request(method="POST", path="/notes", headers={"content-type": "application/json"}, body='{"a": 1}')
    response = Response(status=201, headers={"location": "/notes/1"}, body='{"id": 1, "text": "Grüße 🚀 \\u0000"}')
    checks = (
        result("passed", 2, ms=1.5, task_title="Create"),
        result(
            "failed",
            3,
            code="not-json",
            message="The body is not JSON.",
            expected="a JSON body",
            got="text/html: <p>",
            hint="Send JSON.",
            exchanges=(
                Exchange(request=request, response=response, ms=3.25, curl="curl"),
                Exchange(request=request, response=None, ms=3.25, curl="curl"),
            ),
            log=("one", "two \x1b[31m"),
        ),
        result("blocked", 4, blocked_by="test_failed"),
        result("error", 5, code="grader-broke", message="It broke."),
    )
    return Report(
        format=1,
        coach="0.1.0",
        pack=PackRef(id="coach", revision="1", hash="00"),
        exercise="phase-2-notes",
        title="Notes",
        stack="express",
        mode="container",
        network="cut",
        providers={"postgres": Provided(provider="embedded", version="17")},
        seed=2**32 - 1,
        started_at="2025-03-01T12:30:00+00:00",
        phases_ms=Phases(prepare=1.0, services=0.0, boot=2.5, checks=3.0, teardown=4.0),
        cause=Cause(code="crashed", message="It ended.", remedy="Look.", log=("last",)),
        notices=(Notice(code="log-flood", message="So much.", remedy="Print less."),),
        score=score(checks),
        checks=checks,
    )
