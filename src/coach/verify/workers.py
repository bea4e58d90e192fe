"""Grades trees side by side, each in a fresh process that has everything imported already."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from msgspec import Struct

from coach.catalog.packs import Pack
from coach.errors import CoachError, ContentError, PrerequisiteError, ServiceError, SubmissionError
from coach.model import Case, CaseResult, CheckResult, Report, Whose
from coach.plain import report_from_json, to_json
from coach.session import Options, grade
from coach.workspace import find_workspace

TELLING = re.compile(r"(Error|Exception)\b")
PATIENCE = 60.0
"""Seconds beyond its own limits that a grading may take before it is given up."""


class Settings(Struct, frozen=True):
    """How to run: cases side by side, with all cores kept busy besides, in containers instead of processes."""

    jobs: int = 2
    load: bool = False
    container: bool = False


class _Quiet:
    """Watches a grading whose output nobody reads."""

    def phase(self, name: str) -> None:
        """See `session.Watcher`."""

    def progress(self, line: str) -> None:
        """See `session.Watcher`."""

    def check(self, result: CheckResult) -> None:
        """See `session.Watcher`."""


class _Running(Struct):
    case: Case
    process: BaseProcess
    folder: Path
    since: float
    limit: float
    """Seconds that it may take."""


def run_cases(
    cases: Sequence[Case],
    write: Callable[[Case, Path], None],
    pack: Pack,
    settings: Settings,
    done: Callable[[CaseResult], None],
) -> None:
    """Write each case's tree with `write`, grade it, and hand every result to `done` as it comes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["coach.session", "coach.grading.plugin"])
    todo = list(reversed(cases))
    running: dict[Connection, _Running] = {}
    root = Path(tempfile.mkdtemp(prefix="coach-verify-"))
    try:
        with _busy(os.cpu_count() or 1 if settings.load else 0):
            while todo or running:
                while todo and len(running) < settings.jobs:
                    _begin(todo.pop(), write, pack, settings, root, context, running, done)
                _collect(running, done)
    finally:
        for job in running.values():
            job.process.terminate()
        for job in running.values():
            job.process.join(5)
        shutil.rmtree(root, ignore_errors=True)


def _begin(
    case: Case,
    write: Callable[[Case, Path], None],
    pack: Pack,
    settings: Settings,
    root: Path,
    context: multiprocessing.context.ForkServerContext,
    running: dict[Connection, _Running],
    done: Callable[[CaseResult], None],
) -> None:
    folder = Path(tempfile.mkdtemp(dir=root)) / "workspace"
    since = time.monotonic()
    try:
        write(case, folder)
    except CoachError as error:
        whose: Whose = "machine" if isinstance(error, (PrerequisiteError, ServiceError)) else "pack"
        seconds = time.monotonic() - since
        done(CaseResult(case=case, report=None, problem=sentence(error), seconds=seconds, whose=whose))
        return
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(str(folder), pack, settings.container, sender), daemon=True)
    process.start()
    sender.close()
    limits = pack.exercise(case.exercise).limits
    running[receiver] = _Running(case, process, folder, since, limits.boot + limits.run + PATIENCE)


def _work(folder: str, pack: Pack, container: bool, sender: Connection) -> None:
    """Grade one workspace in this process, and send the report, or why there is none."""
    try:
        report = grade(find_workspace(Path(folder)), pack, Options(container=container), _Quiet())
        sender.send((to_json(report), "", ""))
    except ContentError as error:
        sender.send(("", error.message, "grader"))
    except (PrerequisiteError, ServiceError) as error:
        sender.send(("", sentence(error), "machine"))
    except CoachError as error:
        sender.send(("", sentence(error), ""))
    except KeyboardInterrupt:
        sender.send(("", "Interrupted.", "machine"))
    finally:
        sender.close()


def _collect(running: dict[Connection, _Running], done: Callable[[CaseResult], None]) -> None:
    """Take in what has finished, and give up what takes far too long."""
    ready = wait(list(running), timeout=1.0)
    for receiver, job in list(running.items()):
        if receiver not in ready and time.monotonic() - job.since < job.limit:
            continue
        report: Report | None = None
        problem = f"The grading did not end within {job.limit:g} s."
        whose: Whose = ""
        if receiver in ready:
            try:
                text, problem, whose = receiver.recv()
                report = report_from_json(text) if text else None
            except EOFError:
                problem = "The grading's process ended without a result: its traceback is above."
        else:
            job.process.terminate()
        job.process.join()
        receiver.close()
        del running[receiver]
        shutil.rmtree(job.folder.parent, ignore_errors=True)
        seconds = time.monotonic() - job.since
        done(CaseResult(case=job.case, report=report, problem=problem, seconds=seconds, whose=whose))


def sentence(error: CoachError) -> str:
    """Write an error as one line, with the last line that the submission printed."""
    log = error.log if isinstance(error, SubmissionError) else ()
    return f"{error.message} {error.hint}".strip() + printed(log)


def printed(log: tuple[str, ...]) -> str:
    """Quote the line of a log that tells most: the first that speaks of an error, else the last."""
    if not log:
        return ""
    return f" It printed: {next((line for line in log if TELLING.search(line)), log[-1]).strip()}"


@contextmanager
def _busy(cores: int) -> Iterator[None]:
    """Keep so many cores busy for as long as this process lives."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=_burn, args=(os.getpid(),), daemon=True) for _ in range(cores)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _burn(parent: int) -> None:
    while os.getppid() == parent:
        sum(range(1_000_000))
