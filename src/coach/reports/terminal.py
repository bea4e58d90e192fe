"""The report as a learner reads it in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from coach.model import Cause, CheckResult, Exchange, Notice, Outcome, Report
from coach.reports.text import clean, duration, paint, plural

SHOWN_EXCHANGES = 3
"""Exchanges of a failed check that are shown, the last ones: those before led there."""
SHOWN_LOG = 12
SHOWN_BODY = 600
BAR = "│ "
_MARKS: dict[Outcome, tuple[str, str]] = {
    "passed": ("✓", "green"),
    "failed": ("✗", "red"),
    "blocked": ("·", "yellow"),
    "error": ("!", "yellow"),
}
_HEADERS = ("content-type", "location", "retry-after", "www-authenticate", "authorization", "set-cookie", "cookie")


def check_line(check: CheckResult) -> str:
    """Return the one line that is printed when a check is finished."""
    mark, colour = _MARKS[check.outcome]
    line = f"  {paint(mark, colour)} {clean(check.title)}"
    if check.outcome == "blocked":
        return f"{line} {paint(f'(blocked by {check.blocked_by})', 'dim')}"
    weight = f"({plural(check.points, 'point')}, {duration(check.ms)})"
    return f"{line} {paint(weight, 'dim')}"


def details(report: Report, *, hints: bool) -> str:
    """Return all that explains what did not pass: the cause, then one block for each check that failed."""
    blocks = []
    if report.cause is not None:
        blocks.append(_cause(report.cause))
    cause = report.cause.code if report.cause is not None else None
    blocks += [failure(check, hints=hints) for check in report.checks if check.outcome == "failed"]
    blocks += [_error(check) for check in report.checks if check.outcome == "error" and check.code != cause]
    blocks += [_notice(notice) for notice in report.notices]
    return "\n".join(blocks)


def summary(report: Report) -> str:
    """Return the last lines: score, how many checks ended how, and where the time went."""
    score, phases = report.score, report.phases_ms
    passed_all = report.count("passed") == len(report.checks) and bool(report.checks)
    counts = ", ".join(f"{report.count(kind)} {kind}" for kind in _MARKS if report.count(kind))
    times = ", ".join(f"{name} {duration(getattr(phases, name))}" for name in ("prepare", "services", "boot", "checks"))
    verdict = f"{score.points} of {plural(score.of, 'point')}"
    lines = [
        "",
        f"{paint(verdict, 'bold', 'green' if passed_all else 'red')}  {counts}",
        paint(f"{times}; seed {report.seed}", "dim"),
    ]
    return "\n".join(lines)


def next_step(report: Report, *, hints: bool) -> str:
    """Say the one thing to do next."""
    if report.count("error"):
        return "Something outside your code broke, which costs no points. Mend what is named above, then grade again."
    if report.cause is not None:
        return "Mend this first: nothing else can be judged before the server runs."
    first = next((check for check in report.checks if check.outcome == "failed"), None)
    if first is None:
        return "All checks passed. Well done."
    alone = f"coach grade --check {first.name.removeprefix('test_')}"
    has_hint = bool(first.hint) and not hints
    return f"Start with the first: {alone}" + (" (add --hints for a hint)" if has_hint else "")


def _cause(cause: Cause) -> str:
    lines = ["", paint(f"✗ {clean(cause.message)}", "bold", "red") + paint(f"  [{cause.code}]", "dim")]
    if cause.remedy:
        lines.append(f"  {clean(cause.remedy)}")
    lines += _log(cause.log, "The last lines it printed:")
    return "\n".join(lines)


def _notice(notice: Notice) -> str:
    return f"\n{paint('!', 'yellow')} {clean(notice.message)} {clean(notice.remedy)} {paint(f'[{notice.code}]', 'dim')}"


def _error(check: CheckResult) -> str:
    return f"\n{paint('!', 'yellow')} {clean(check.title)}\n  {clean(check.message)} {clean(check.hint)}".rstrip()


def failure(check: CheckResult, *, hints: bool) -> str:
    """Return one failed check with all that explains it: spec line, difference, exchanges, curl, log, hint."""
    task = f"task {check.task}" + (f": {check.task_title}" if check.task_title else "")
    name = f"{check.name} · instructions.md, {task}"
    lines = ["", paint(f"✗ {clean(check.title)}", "bold", "red"), f"  {paint(clean(name), 'dim')}", ""]
    lines.append(f"  {clean(check.message)}" + (paint(f"  [{check.code}]", "dim") if check.code else ""))
    if check.expected or check.got:
        lines += [
            f"    expected  {paint(clean(check.expected), 'green')}",
            f"    got       {paint(clean(check.got), 'red')}",
        ]
    lines += _exchanges(check.exchanges)
    lines += _log(check.log[-SHOWN_LOG:], "What the program printed during this check:")
    if hints and check.hint:
        lines.append(f"  {paint('Hint:', 'cyan')} {clean(check.hint)}")
    return "\n".join(lines)


def _exchanges(exchanges: tuple[Exchange, ...]) -> Iterator[str]:
    if not exchanges:
        return
    shown = exchanges[-SHOWN_EXCHANGES:]
    left_out = len(exchanges) - len(shown)
    yield ""
    if left_out:
        before = f"… {plural(left_out, 'exchange')} before (--json has all)"
        yield f"  {paint(before, 'dim')}"
    for exchange in shown:
        request, response = exchange.request, exchange.response
        if exchange.restarted:
            yield f"  {paint(f'— the server was ended by {exchange.restarted} and started again —', 'dim')}"
        yield f"  {paint(clean(f'{request.method} {request.path}'), 'bold')}"
        yield from _message(request.headers, request.body)
        answer = f"{response.status}" if response is not None else "no complete answer"
        yield f"  → {paint(answer, 'bold')} {paint(f'after {duration(exchange.ms)}', 'dim')}"
        if response is not None:
            yield from _message(response.headers, response.body)
    yield f"  {paint('Try it:', 'cyan')} {clean(_short(exchanges[-1].curl, 2000))}"


def _message(headers: Mapping[str, str], body: str) -> Iterator[str]:
    for name in _HEADERS:
        if name in headers:
            yield f"    {paint(clean(f'{name}: {headers[name]}'), 'dim')}"
    if body:
        yield f"    {clean(_short(_compact(body), SHOWN_BODY))}"


def _compact(body: str) -> str:
    """Write a JSON body in one line; leave every other as it is."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def _log(lines: tuple[str, ...], title: str) -> Iterator[str]:
    if lines:
        yield f"  {paint(title, 'dim')}"
        # The bar also keeps a line such as "::error::…" from being a command to a CI runner.
        yield from (f"  {paint(BAR, 'dim')}{clean(_short(line, 400))}" for line in lines)
