"""What a learner reads holds all that explains a verdict, in lines that fit, and moves no terminal."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.model import Cause, CheckResult, Exchange, Notice, Report, Request, Response
from coach.reports.terminal import SHOWN_EXCHANGES, SHOWN_LOG, Terminal
from coach.reports.text import unpaint
from tests.samples import full_report, result

anything = st.text(st.characters())


def with_checks(*checks: CheckResult, **more: Any) -> Report:
    return msgspec.structs.replace(full_report(), checks=checks, **({"cause": None, "notices": ()} | more))


def exchange(number: int = 1, body: str = "", answer: str = "{}", **more: Any) -> Exchange:
    return Exchange(
        request=Request(method="POST", path=f"/notes/{number}", headers={"content-type": "text/plain"}, body=body),
        response=Response(status=201, headers={"location": "/notes/7", "x-dull": "1"}, body=answer),
        ms=12.0,
        curl=f'curl -i "$URL/notes/{number}"',
        **more,
    )


def failure(check: CheckResult, *, hints: bool = False) -> str:
    return unpaint(Terminal().failure(check, hints=hints))


def test_a_failed_check_shows_all_that_explains_it() -> None:
    text = failure(
        result(
            "failed",
            name="test_creates_a_note",
            title="POST /notes answers 201",
            task_title="Create a note",
            code="not-json",
            message="The body is not JSON.",
            expected="a JSON body",
            got="text/html: <p>",
            hint="Send JSON.",
            exchanges=(exchange(body="hello", answer='{"id":\n7}'),),
            log=("listening", "TypeError: oops"),
        )
    )
    for words in (
        "✗ POST /notes answers 201",
        "Task 1 in instructions.md: Create a note",
        "creates_a_note",
        "The body is not JSON.  [not-json]",
        "expected  a JSON body",
        "got       text/html: <p>",
        "POST /notes/1",
        "content-type: text/plain",
        "hello",
        "→ 201 after 12 ms",
        "location: /notes/7",
        '{"id": 7}',
        'Try it: curl -i "$URL/notes/1"',
        "│ TypeError: oops",
    ):
        assert words in text
    assert "x-dull" not in text
    assert "Send JSON." not in text


def test_a_hint_is_shown_when_it_is_asked_for() -> None:
    assert "Hint: Send JSON." in failure(result("failed", hint="Send JSON."), hints=True)


def test_a_request_without_an_answer_says_so() -> None:
    unanswered = msgspec.structs.replace(exchange(), response=None)
    assert "→ no complete answer after 12 ms" in failure(result("failed", exchanges=(unanswered,)))


def test_of_many_exchanges_the_last_are_shown() -> None:
    text = failure(result("failed", exchanges=tuple(exchange(number) for number in range(10))))
    assert [number for number in range(10) if f"POST /notes/{number}\n" in text] == list(range(10))[-SHOWN_EXCHANGES:]
    assert f"{10 - SHOWN_EXCHANGES} exchanges before" in text
    assert text.count("Try it:") == 1
    assert '"$URL/notes/9"' in text


def test_a_restart_between_two_exchanges_is_shown() -> None:
    text = failure(result("failed", exchanges=(exchange(1), exchange(2, restarted="SIGKILL"))))
    assert text.index("/notes/1") < text.index("ended by SIGKILL and started again") < text.index("/notes/2")


def test_of_a_long_log_the_last_lines_are_shown() -> None:
    text = failure(result("failed", log=tuple(f"line {number}." for number in range(100))))
    assert [number for number in range(100) if f"line {number}." in text] == list(range(100 - SHOWN_LOG, 100))


def test_a_long_body_is_cut_around_what_the_message_quotes() -> None:
    body = "a" * 5000 + "needle" + "b" * 5000
    text = failure(
        result(
            "failed",
            got="… (4,998 characters) aaneedlebb … (4,998 more characters)",
            exchanges=(exchange(answer=body),),
        )
    )
    assert "aaneedlebb" in text.split("→ 201")[1].replace("\n    ", "")
    assert len(text) < 3000


def test_a_line_of_the_log_is_no_command_to_a_ci_system() -> None:
    text = failure(result("failed", log=("::error::injected", "##[group]injected")))
    assert not any(line.lstrip().startswith(("::", "##[")) for line in text.splitlines())


@given(anything)
def test_nothing_that_a_program_sends_moves_the_terminal(text: str) -> None:
    hostile = exchange(body=text, answer=text)
    details: dict[str, Any] = dict.fromkeys(("message", "expected", "got", "hint"), text)
    checks = [result(kind, **details, exchanges=(hostile,), log=(text,)) for kind in ("failed", "error")]
    report = with_checks(
        *checks,
        cause=Cause(code="crashed", message=text, remedy=text, log=(text,)),
        notices=(Notice(code="log-flood", message=text, remedy=text),),
    )
    terminal = Terminal()
    lines = [terminal.check_line(check) for check in checks]
    written = unpaint("\n".join([*lines, terminal.details(report, hints=True), terminal.summary(report)]))
    assert all(char.isprintable() or char in "\n\t" for char in written)
    written.encode()


@given(st.text(" :#[x", max_size=200))
def test_nothing_that_a_program_sends_is_a_command_to_a_ci_system(text: str) -> None:
    hostile = exchange(body=text, answer=text)
    details: dict[str, Any] = dict.fromkeys(("message", "expected", "got", "hint"), text)
    checks = [result(kind, **details, exchanges=(hostile,), log=(text,)) for kind in ("failed", "error")]
    cause = Cause(code="crashed", message=text, remedy=text, log=(text,))
    notice = Notice(code="log-flood", message=text, remedy=text)
    written = unpaint(Terminal(40).details(with_checks(*checks, cause=cause, notices=(notice,)), hints=True))
    assert not any(line.lstrip().startswith(("::", "##")) for line in written.splitlines())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_lines_fit(width: int) -> None:
    words = "word " * 100
    details: dict[str, Any] = dict.fromkeys(("title", "message", "expected", "hint"), words)
    check = result("failed", **details, got="x" * 500, exchanges=(exchange(body=words),))
    report = with_checks(check, cause=Cause(code="crashed", message=words, remedy=words))
    terminal = Terminal(width)
    text = "\n".join([terminal.check_line(check), terminal.details(report, hints=True)])
    assert max(len(line) for line in unpaint(text).splitlines()) <= width


# ── checks as they finish ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Finished:
    check: CheckResult
    line: str


def named(name: str, **more: Any) -> CheckResult:
    return result(more.pop("outcome", "passed"), name=f"test_{name}", title=name, **more)


FINISHED = [
    Finished(named("one"), "  ✓  1  one"),
    Finished(named("two", outcome="failed"), "  ✗  2  two"),
    Finished(named("three", outcome="blocked", blocked_by="test_two"), "  ·  3  three (blocked by 2)"),
    Finished(named("four", outcome="error"), "  !  4  four"),
    Finished(named("five", outcome="blocked", blocked_by="crashed"), ""),
    Finished(named("six", outcome="blocked", blocked_by="test_five"), ""),
]


def test_every_check_has_its_line_and_number() -> None:
    terminal = Terminal()
    lines = [unpaint(terminal.check_line(each.check)) for each in FINISHED]
    assert lines[0].splitlines()[0].startswith("Task ")
    assert [line.splitlines()[-1] if line else "" for line in lines] == [each.line for each in FINISHED]
    assert [len(line.splitlines()) for line in lines] == [2, 1, 1, 1, 0, 0]


def test_a_check_of_another_task_stands_below_its_title() -> None:
    terminal = Terminal()
    checks = [
        named("one", task=1, task_title="Create"),
        named("two", task=1, task_title="Create"),
        named("three", task=2, task_title="Keep \x1b[31m"),
        named("four", task=1, task_title=""),
    ]
    lines = [unpaint(terminal.check_line(check)) for check in checks]
    assert [line.splitlines()[0] for line in lines] == ["Task 1: Create", "  ✓  2  two", "Task 2: Keep", "Task 1"]


def test_what_was_not_run_is_told_once() -> None:
    terminal = Terminal()
    for each in FINISHED:
        terminal.check_line(each.check)
    details = unpaint(terminal.details(with_checks(*(each.check for each in FINISHED)), hints=False))
    assert details.count("2 more checks were not run") == details.count("[crashed]") == 1


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cause_is_told_first_and_with_its_log() -> None:
    cause = Cause(code="boot-crashed", message="The program ended.", remedy="Look.", log=("Error: no module",))
    text = unpaint(Terminal().details(with_checks(result("failed", title="Later"), cause=cause), hints=False))
    assert text.index("✗ The program ended.  [boot-crashed]") < text.index("│ Error: no module") < text.index("Later")


def test_a_notice_and_an_error_are_told() -> None:
    notice = Notice(code="log-flood", message="It printed so much.", remedy="Print less.")
    broken = result("error", title="A check", code="grader-broke", message="The grader broke.", hint="Report it.")
    text = unpaint(Terminal().details(with_checks(broken, notices=(notice,)), hints=False))
    assert "! It printed so much. Print less.  [log-flood]" in text
    assert "! A check\n  The grader broke. Report it." in text


def test_an_error_that_is_the_cause_is_told_once() -> None:
    cause = Cause(code="tampered", message="Somebody was here.", remedy="Use a container.")
    broken = result("error", title="A check", code="tampered", message="Somebody was here earlier.")
    text = Terminal().details(with_checks(broken, cause=cause), hints=False)
    assert "Somebody was here." in text
    assert "earlier" not in text


def test_a_summary_holds_score_counts_times_and_seed() -> None:
    text = unpaint(Terminal().summary(full_report()))
    assert "2 of 9 points  1 passed, 1 failed, 1 blocked, 1 error" in text
    assert "prepare 1 ms, services 0 ms, boot 2 ms, checks 3 ms; seed 4294967295" in text


CAUSE = Cause(code="boot-crashed", message="It ended.", remedy="Look.")


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (with_checks(result("passed")), "All checks passed."),
        (with_checks(result("passed"), named("b", outcome="failed")), "Start with the first: coach grade --check b"),
        (with_checks(result("failed"), result("error")), "they cost no points"),
        (with_checks(result("blocked"), cause=CAUSE), "Mend this first"),
    ],
)
def test_the_next_step_is_one(report: Report, words: str) -> None:
    assert words in Terminal().next_step(report, "coach grade", hints=False)


def test_hints_are_offered_until_they_are_shown() -> None:
    report = with_checks(result("failed"))
    assert "--hints" in Terminal().next_step(report, "coach grade", hints=False)
    assert "--hints" not in Terminal().next_step(report, "coach grade", hints=True)


def test_the_hints_of_a_task_are_listed() -> None:
    text = unpaint(Terminal().task_hints(2, "Validate", ["Look at the body.", "Use \x1b[2J a schema."]))
    assert text == "\nHints for task 2: Validate\n  - Look at the body.\n  - Use \\x1b[2J a schema."


def test_who_graded_some_checks_alone_is_sent_to_the_rest() -> None:
    report = with_checks(result("passed"))
    some = Terminal().next_step(report, "coach grade notes", hints=False, partial=True)
    assert some == "These checks passed. Now all of them: coach grade notes"
    assert Terminal().next_step(report, "coach grade notes", hints=False).startswith("All checks passed.")
