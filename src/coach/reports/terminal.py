"""The report as a learner reads it in a terminal."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from coach.model import Cause, CheckResult, Exchange, Notice, Outcome, Report
from coach.reports.text import clean, duration, paint, plural, wrap

SHOWN_EXCHANGES = 3
"""Exchanges of a failed check that are shown, the last ones: those before led there."""
SHOWN_LOG = 12
SHOWN_BODY = 400
SHOWN_CURL = 1000
"""Characters of a command; half a command would be worse than none."""
BAR = "│ "
_COMMAND = re.compile(r"\s*(::|##)")
"""What begins a command to a CI runner, even after spaces: no line of a submission's own words may look like one."""
_MARKS: dict[Outcome, tuple[str, str]] = {
    "passed": ("✓", "green"),
    "failed": ("✗", "red"),
    "blocked": ("·", "yellow"),
    "error": ("!", "yellow"),
}
_HEADERS = ("content-type", "location", "retry-after", "www-authenticate", "authorization", "set-cookie", "cookie")
_GAVE_UP = {
    "crashed": ", because the program ended in three checks",
    "hung": ", because the server left three checks in a row without an answer",
    "run-timeout": ", because all checks together took too long",
}
"""Why the rest was not run, by the code that blocks it, where no cause says so."""


class Terminal:
    """Writes results in lines of `width` columns; a check has the number of the place in which it was run.

    Only what a learner may want to copy, such as a curl command, is left in one line.
    """

    def __init__(self, width: int = 80) -> None:
        self._width = width
        self._task = 0
        self._numbers: dict[str, int] = {}
        self._not_run: dict[str, str] = {}
        """The checks that something else than a check blocks, in the end, with its code."""

    def check_line(self, check: CheckResult) -> str:
        """Return what is printed when a check is finished, below its task's title where another task begins.

        It is nothing where, in the end, no check blocks it.
        """
        line = self._check_line(check)
        if not line or check.task == self._task:
            return line
        self._task = check.task
        title = f"Task {check.task}: {clean(check.task_title)}" if check.task_title else f"Task {check.task}"
        return "\n".join([*self._wrapped("", title, "dim"), line])

    def _check_line(self, check: CheckResult) -> str:
        number = self._numbers.setdefault(check.name, len(self._numbers) + 1)
        mark, colour = _MARKS[check.outcome]
        if check.outcome == "blocked":
            if check.blocked_by not in self._numbers or check.blocked_by in self._not_run:
                self._not_run[check.name] = self._not_run.get(check.blocked_by, check.blocked_by)
                return ""
            text = f"{clean(check.title)} (blocked\xa0by\xa0{self._numbers[check.blocked_by]})"
            return self._numbered(paint(mark, colour), number, text, "dim")
        return self._numbered(paint(mark, colour), number, clean(check.title))

    def _numbered(self, mark: str, number: int, text: str, *styles: str) -> str:
        first, *rest = wrap(text, self._width - 8)
        lines = [f"  {mark} {paint(f'{number:>2}', 'dim')}  {paint(first, *styles)}"]
        return "\n".join([*lines, *(f"        {paint(line, *styles)}" for line in rest)])

    def details(self, report: Report, *, hints: bool) -> str:
        """Return all that explains what did not pass: the cause, then one block for each check that failed."""
        blocks = [self._cause(report.cause)] if report.cause is not None else []
        cause = report.cause.code if report.cause is not None else None
        blocks += [self.failure(check, hints=hints) for check in report.checks if check.outcome == "failed"]
        blocks += [self._error(check) for check in report.checks if check.outcome == "error" and check.code != cause]
        blocks += list(self._given_up(report))
        blocks += [self._notice(notice) for notice in report.notices]
        return "\n".join(blocks)

    def failure(self, check: CheckResult, *, hints: bool) -> str:
        """Return one failed check with all that explains it: spec line, difference, exchanges, curl, log, hint."""
        number = f"{self._numbers[check.name]}  " if check.name in self._numbers else ""
        task = f"Task {check.task} in instructions.md" + (f": {check.task_title}" if check.task_title else "")
        points = plural(check.points, "point").replace(" ", "\xa0")
        about = f"{task} · {check.name.removeprefix('test_')}"
        lines = ["", *self._wrapped(f"✗ {number}", clean(check.title), "bold", "red")]
        lines += self._wrapped("  ", f"{clean(about)} · {points}", "dim")
        lines += ["", *self._wrapped("  ", _with_code(check.message, check.code))]
        lines += self._data("    expected  ", check.expected, "green")
        lines += self._data("    got       ", check.got, "red")
        lines += self._exchanges(check.exchanges, check.got)
        lines += _log(check.log, "The program printed during this check")
        if hints and check.hint:
            lines += ["", *self._wrapped("  Hint: ", clean(check.hint))]
        return "\n".join(lines)

    def task_hints(self, number: int, title: str, hints: Sequence[str]) -> str:
        """Return the hints of a task, from a nudge to a pointer."""
        lines = ["", paint(f"Hints for task {number}: {title}", "bold")]
        return "\n".join([*lines, *(line for hint in hints for line in self._wrapped("  - ", clean(hint)))])

    def summary(self, report: Report) -> str:
        """Return the score, how many checks ended how, and where the time went."""
        score, phases = report.score, report.phases_ms
        passed_all = report.count("passed") == len(report.checks) and bool(report.checks)
        counts = ", ".join(f"{report.count(kind)} {kind}" for kind in _MARKS if report.count(kind))
        names = ("prepare", "services", "boot", "checks")
        times = ", ".join(f"{name} {duration(getattr(phases, name))}" for name in names)
        verdict = f"{score.points} of {plural(score.of, 'point')}"
        return "\n".join(
            [
                "",
                f"{paint(verdict, 'bold', 'green' if passed_all else 'red')}  {counts}",
                *(paint(line, "dim") for line in wrap(f"{times}; seed {report.seed}", self._width)),
            ]
        )

    def next_step(self, report: Report, command: str, *, hints: bool, partial: bool = False) -> str:
        """Say the one thing to do next.

        `command` is how this grading was asked for, `hints` whether with hints, `partial` whether for a few.
        """
        first = next((check for check in report.checks if check.outcome == "failed"), None)
        if report.count("error"):
            text = "The marked checks (!) could not be judged; they cost no points. What to do stands above."
        elif report.cause is not None:
            text = "Mend this first: nothing else can be judged before the server runs."
        elif first is None and partial:
            return f"These checks passed. Now all of them: {command}"
        elif first is None:
            text = "All checks passed. Well done. What else there is: coach list"
        else:
            name = first.name.removeprefix("test_")
            more = "" if hints else "\nStuck? Add --hints."
            return f"Start with the first: {command} --check {name}{more}"
        return "\n".join(wrap(text, self._width))

    def _cause(self, cause: Cause) -> str:
        lines = ["", *self._wrapped("✗ ", _with_code(cause.message, cause.code), "bold", "red")]
        lines += self._wrapped("  ", clean(cause.remedy))
        lines += _log(cause.log, "It printed", len(cause.log))
        return "\n".join(lines)

    def _error(self, check: CheckResult) -> str:
        title = self._wrapped("! ", clean(check.title), "bold", "yellow")
        return "\n".join(["", *title, *self._wrapped("  ", clean(f"{check.message} {check.hint}"))])

    def _notice(self, notice: Notice) -> str:
        text = _with_code(f"{notice.message} {notice.remedy}", notice.code)
        return "\n".join(["", *self._wrapped("! ", text, "yellow")])

    def _given_up(self, report: Report) -> Iterator[str]:
        """Say why the rest was not run, where no cause has said so."""
        for code, count in Counter(self._not_run.values()).items():
            if report.cause is None:
                were = "was" if count == 1 else "were"
                text = f"{plural(count, 'more check')} {were} not run{_GAVE_UP.get(code, '')}."
                yield "\n".join(["", *self._wrapped("· ", _with_code(text, code))])

    def _exchanges(self, exchanges: tuple[Exchange, ...], got: str) -> Iterator[str]:
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
            yield f"  {paint(clean(_short(f'{request.method} {request.path}', SHOWN_BODY)), 'bold')}"
            yield from self._message(request.headers, request.body)
            answer = f"{response.status}" if response is not None else "no complete answer"
            yield f"  → {paint(answer, 'bold')} {paint(f'after {duration(exchange.ms)}', 'dim')}"
            if response is not None:
                yield from self._message(response.headers, response.body, got)
        curl = exchanges[-1].curl
        again = clean(curl) if len(curl) <= SHOWN_CURL else "the command is too long to show (--json has it)"
        yield f"  {paint('Try it:', 'cyan')} {again}"

    def _message(self, headers: Mapping[str, str], body: str, got: str = "") -> Iterator[str]:
        """Write what came over the wire behind a bar, which also keeps it from being taken for coach's own words."""
        shown = [(f"{name}: {headers[name]}", "dim") for name in _HEADERS if name in headers]
        for text, *styles in [*shown, (_around(_compact(body), got),)]:
            for line in wrap(clean(text), self._width - 4, data=True):
                yield f"  {paint(BAR, 'dim')}{paint(line, *styles)}"

    def _wrapped(self, label: str, text: str, *styles: str) -> list[str]:
        """Write a text beside its label, with further lines below its first; nothing becomes no line."""
        return _beside(label, wrap(text, self._width - len(label)), styles)

    def _data(self, label: str, text: str, *styles: str) -> list[str]:
        """Like `_wrapped`, for what came over the wire: it is made harmless and keeps its spaces."""
        return _beside(label, wrap(clean(text), self._width - len(label), data=True), styles)


def _beside(label: str, lines: list[str], styles: Sequence[str]) -> list[str]:
    margin = " " * len(label)
    barred = margin[: -len(BAR)] + BAR
    written = []
    for place, line in enumerate(lines):
        start = margin if place else label if label.startswith(" ") else paint(label, *styles)
        written.append((barred if start == margin and _COMMAND.match(line) else start) + paint(line, *styles))
    return written


def _with_code(message: str, code: str) -> str:
    return clean(f"{message}  [{code}]" if code else message)


def _compact(body: str) -> str:
    """Write a JSON body in one line; leave every other as it is."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def _around(body: str, got: str) -> str:
    """Cut a long body around the place that a message quotes in `got`, or after its start where it quotes none."""
    quoted = max(re.split(r" ?… ?|\([\d,]+ (?:more )?characters\) ?", got), key=len)[:SHOWN_BODY]
    start = max(0, body.find(quoted) - SHOWN_BODY // 3) if quoted and len(body) > SHOWN_BODY else 0
    before = f"({start:,} characters) … " if start else ""
    return before + _short(body[start:], SHOWN_BODY)


def _log(lines: tuple[str, ...], title: str, shown: int = SHOWN_LOG) -> Iterator[str]:
    if lines:
        left_out = len(lines) - shown
        yield f"  {paint(f'{title}, in the end:' if left_out > 0 else f'{title}:', 'dim')}"
        yield from (f"  {paint(BAR, 'dim')}{clean(_short(line, 400))}" for line in lines[-shown:])
