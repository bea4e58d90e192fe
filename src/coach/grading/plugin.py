"""The pytest plugin that runs a grader in this process: order, blocking, verdicts, and what a failed check carries."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coach.errors import CheckFailed, CoachError, ContentError, InputError, SubmissionError, TamperedError, nearest
from coach.grading import fixtures
from coach.grading.checks import CheckInfo, in_order, info_of
from coach.grading.difference import encodable
from coach.grading.run import Run, crash
from coach.grading.watchdog import GraderHung, watchdog
from coach.model import CheckResult, Outcome

LOG_LINES = 40
"""Lines of the program's log that a failed check carries."""
EXCHANGES = 60
"""Exchanges of one check that a report keeps, the last ones."""


class Blocked(Exception):  # noqa: N818 - an outcome, not an error
    """A check was not run, for the reason in `by`: the name of another check, or a code."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class GraderPlugin:
    """Runs the checks of one grader against one program and reports each verdict to `run.on_result`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.error: BaseException | None = None
        self._checks: dict[str, CheckInfo] = {}
        self._raised: BaseException | None = None
        self._began = 0.0

    def pytest_configure(self, config: pytest.Config) -> None:
        """Hand the run to the fixtures."""
        config.stash[fixtures.RUN] = self.run

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Stop when the grader cannot be imported: that is its author's fault."""
        if report.failed:
            lines = str(report.longrepr).splitlines()
            last = next((line[1:].strip() for line in reversed(lines) if line.startswith("E ")), lines[-1])
            where = report.nodeid or "the grader"
            self._give_up(ContentError(f"{where} cannot be imported: {last}", "Report this to the author of the pack."))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Iterator[None]:
        """Import the grader without leaving its bytecode in the pack."""
        before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            return (yield)
        finally:
            sys.dont_write_bytecode = before

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the checks in order, and keep those that were asked for with all that they need."""
        found: dict[str, tuple[CheckInfo, pytest.Item]] = {}
        for item in items:
            info = info_of(getattr(item, "function", None))
            if info is None or info.name != item.name:
                self._give_up(ContentError(f"{item.nodeid} is not marked with @check.", "Mark it, or rename it."))
                return
            found[info.name] = (info, item)
        try:
            ordered = in_order(info for info, _ in found.values())
            wanted = self._wanted({info.name: info for info in ordered})
        except CoachError as error:
            self._give_up(error)
            return
        self._checks = {info.name: info for info in ordered if info.name in wanted}
        items[:] = [found[name][1] for name in self._checks]

    def _wanted(self, known: dict[str, CheckInfo]) -> set[str]:
        run = self.run
        todo = list(known) if not (run.only or run.tasks) else [_match(name, known) for name in run.only]
        for task in run.tasks:
            found = [info.name for info in known.values() if info.task == task]
            if not found:
                tasks = sorted({info.task for info in known.values()})
                raise InputError(f"No check belongs to task {task}.", f"There are tasks {tasks[0]} to {tasks[-1]}.")
            todo += found
        wanted: set[str] = set()
        while todo:
            name = todo.pop()
            wanted.add(name)
            todo += known[name].needs
        return wanted

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Wait for the program to boot; without it every check is blocked by the cause."""
        if self.error is not None:
            return True
        try:
            if self.run.cause is None:
                self.run.boot()
        except (SubmissionError, TamperedError) as error:
            self.run.fail_for_good(error)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run one check between a look at the program and a verdict."""
        info = self._checks[item.name]
        self._raised = None
        self._began = time.monotonic()
        self.run.wire.begin(self.run.limits.check)
        try:
            result = yield
        finally:
            self.run.wire.exchanges, exchanges = [], self.run.wire.exchanges
        self._judge(info, exchanges)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Block a check that cannot be judged, and bring back a program that an earlier check has ended."""
        by = self.run.blocked_by()
        if by == TamperedError.code:
            raise TamperedError("The submission tampered with coach earlier in this run.")
        if by:
            raise Blocked(by)
        for name in self._checks[item.name].needs:
            if self.run.results[name].outcome != "passed":
                raise Blocked(name)
        self._make_sure_it_runs()
        self.run.program.log.settle()
        self.run.log_mark = self.run.program.log.mark()
        self._began = time.monotonic()
        self.run.wire.begin(self.run.limits.check)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        """Keep an eye on the check's own code."""
        with watchdog(self.run.wire.budget):
            return (yield)

    def _make_sure_it_runs(self) -> None:
        run = self.run
        if not (run.stopped_by_check or run.env_changed or run.program.ended()):
            return
        try:
            run.revive()
        except SubmissionError as error:
            run.fail_for_good(error)
            raise Blocked(error.code) from error

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Keep the first exception of a check, whichever phase raised it."""
        if call.excinfo is not None and self._raised is None:
            self._raised = call.excinfo.value

    def pytest_internalerror(self, excrepr: Any, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """Keep what went wrong in the grading itself, and tell pytest that it need not print it."""
        self.error = self.error or excinfo.value
        return True

    def _judge(self, info: CheckInfo, exchanges: list[Any]) -> None:
        """Turn what a check raised into its outcome, by type alone."""
        run, raised = self.run, self._raised
        if not isinstance(raised, (Blocked, TamperedError)):
            raised = self._look_at_the_program(raised)
        if isinstance(raised, TamperedError):
            run.fail_for_good(raised)
        details: dict[str, Any] = {}
        outcome: Outcome = "passed"
        if isinstance(raised, Blocked):
            outcome, details = "blocked", {"blocked_by": raised.by}
        elif isinstance(raised, CheckFailed):
            outcome = "failed"
            details = {
                name: encodable(getattr(raised, name)) for name in ("code", "message", "expected", "got", "hint")
            }
        elif isinstance(raised, AssertionError):
            message = str(raised).splitlines()[0] if str(raised) else "Not as promised."
            outcome, details = "failed", {"message": encodable(message)}
        elif raised is not None:
            outcome, details = "error", _what_broke(raised)
        if outcome == "failed":
            details["log"] = run.program.log.tail(LOG_LINES, run.log_mark)
        result = CheckResult(
            name=info.name,
            title=info.title,
            task=info.task,
            task_title=run.task_titles.get(info.task, ""),
            points=info.points,
            outcome=outcome,
            exchanges=tuple(exchanges[-EXCHANGES:]),
            ms=round((time.monotonic() - self._began) * 1000, 1),
            **details,
        )
        run.results[info.name] = result
        run.on_result(result)

    def _look_at_the_program(self, raised: BaseException | None) -> BaseException | None:
        """Let the program's end decide over what the check saw, and end a program that hangs."""
        run = self.run
        try:
            if isinstance(raised, AssertionError):
                run.program.log.settle()
            ended = run.crashed()
            if ended is not None:
                run.crashes += 1
                verdict = crash(ended)
                already = isinstance(raised, CheckFailed) and raised.code == verdict.code
                return raised if already else verdict
            hung = isinstance(raised, CheckFailed) and raised.code == "hung"
            run.hung = run.hung + 1 if hung else 0
            if hung:
                run.program.stop()
                run.stopped_by_check = True
        except TamperedError as error:
            return error
        return raised

    def _give_up(self, error: CoachError) -> None:
        self.error = self.error or error


def _what_broke(raised: BaseException) -> dict[str, Any]:
    """Describe an exception that is neither the learner's nor a verdict."""
    if isinstance(raised, CoachError):
        return {"code": getattr(raised, "code", "not-graded"), "message": raised.message, "hint": raised.hint}
    if isinstance(raised, GraderHung):
        return {
            "code": "grader-hung",
            "message": "The grader itself did not come to an end in this check.",
            "hint": "This costs no points. Please report it to the author of the pack.",
        }
    where = ""
    trace = raised.__traceback__
    while trace is not None:
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return {
        "code": "grader-broke",
        "message": encodable(f"The grader itself broke: {type(raised).__name__}: {raised} ({where})."),
        "hint": "This costs no points. Please report it to the author of the pack.",
    }


def _match(name: str, known: dict[str, CheckInfo]) -> str:
    for candidate in (name, f"test_{name}"):
        if candidate in known:
            return candidate
    raise InputError(f'There is no check "{name}".', nearest(name, known))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the person's own pytest settings out."""
    removed = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PYTEST_")}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("PYTEST_")]:
            del os.environ[name]
        os.environ.update(removed)


def run_grader(grader: Path, run: Run) -> None:
    """Run all checks of a grader file, with nothing but coach's own configuration and plugins.

    Raises:
        CoachError: when the grader is broken, or the run asks for a check or a task that it does not have.
        KeyboardInterrupt: when the person has had enough.
    """
    plugin = GraderPlugin(run)
    with _undisturbed():
        code = pytest.main(
            [
                str(grader),
                "-c",
                str(Path(__file__).with_name("pytest.ini")),
                f"--rootdir={grader.parent}",
                f"--confcutdir={grader.parent}",
            ],
            plugins=[plugin, fixtures],
        )
    if plugin.error is not None:
        raise plugin.error
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise ContentError(f"{grader} could not be run (pytest ended with {code!r}).", "Report this to its author.")
