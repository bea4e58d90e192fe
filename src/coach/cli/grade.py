"""`coach grade`."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import click

from coach.catalog.packs import Pack
from coach.cli.common import FOLDER, PACK_OPTION, Progress, pack_of, refuse_output, typed, write_output
from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED, InputError
from coach.model import CheckResult, Exercise, Report, Stack
from coach.plain import to_json
from coach.reports.terminal import Terminal
from coach.reports.text import paint
from coach.session import SEEDS, Options
from coach.session import grade as run_session
from coach.workspace import MARK, Workspace, find_workspace

WIDEST = 100
"""Columns beyond which lines are tiring to read, however wide the terminal is."""
SEEN_BY_HAND = ("boot-crashed", "boot-timeout", "start-command-missing")
"""Causes that a person sees as well when starting the program without coach."""


class Screen:
    """Prints what happens while it happens, to standard error when standard output is taken by a report."""

    def __init__(self, *, err: bool, install: str, container: bool) -> None:
        self.terminal = Terminal(max(40, min(WIDEST, shutil.get_terminal_size().columns)))
        self._err = err
        self._slow = "Building the image …" if container else f"Installing the dependencies ({install}) …"
        self._progress = Progress()

    def say(self, text: str) -> None:
        """Print a line, or several, if there is anything to say."""
        if text:
            click.echo(text, err=self._err)

    def phase(self, name: str) -> None:
        """See `session.Watcher`."""
        self._progress.end()

    def progress(self, line: str) -> None:
        """See `session.Watcher`."""
        self._progress.begin(self._slow)
        self._progress.line(line)

    def check(self, result: CheckResult) -> None:
        """See `session.Watcher`."""
        self.say(self.terminal.check_line(result))


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, default=".", type=FOLDER)
@click.option(
    "--check", "checks", metavar="NAME", multiple=True, help="Run this check and what it needs; may be repeated."
)
@click.option(
    "--task", "tasks", metavar="N", type=click.IntRange(1), multiple=True, help="Run the checks of this task, likewise."
)
@click.option("--hints", is_flag=True, help="Show hints for what failed.")
@click.option(
    "--container", is_flag=True, help="Build the workspace's Dockerfile and grade the program in a container."
)
@click.option(
    "--json", "json_file", metavar="F", help="Write the report as JSON to the file F, or to standard output if F is -."
)
@click.option("--junit", "junit_file", metavar="F", help="Write the report as JUnit XML, likewise.")
@click.option(
    "--seed", metavar="N", type=click.IntRange(0, SEEDS - 1), help="Repeat a run with the same data: N is its seed."
)
@PACK_OPTION
def grade(
    folder: Path,
    checks: tuple[str, ...],
    tasks: tuple[int, ...],
    hints: bool,
    container: bool,
    json_file: str | None,
    junit_file: str | None,
    seed: int | None,
    pack_path: Path | None,
) -> int:
    """Grade the workspace in DIR, or the one around the current folder, and explain what is missing."""
    refuse_output(json_file, junit_file)
    workspace = find_workspace(folder)
    pack = pack_of(workspace, pack_path)
    exercise, stack = _named_in(workspace, pack)
    screen = Screen(err="-" in (json_file, junit_file), install=workspace.config.install, container=container)
    screen.say(f"Grading {exercise.id} ({stack.id})")
    report = run_session(workspace, pack, Options(container=container, only=checks, tasks=tasks, seed=seed), screen)
    screen.say(screen.terminal.details(report, hints=hints))
    if hints:
        for text in _task_hints(report, pack, exercise, screen.terminal):
            screen.say(text)
    screen.say(screen.terminal.summary(report))
    command = _command(folder, pack_path, container=container)
    screen.say(screen.terminal.next_step(report, command, hints=hints, partial=bool(checks or tasks)))
    if workspace.config.start and not container:
        screen.say(paint(_by_hand(report, workspace, exercise, stack), "dim"))
    if json_file:
        write_output(json_file, to_json(report))
    if junit_file:
        from coach.reports.junit import junit  # noqa: PLC0415 - seldom asked for

        write_output(junit_file, junit(report))
    return exit_code(report)


def _named_in(workspace: Workspace, pack: Pack) -> tuple[Exercise, Stack]:
    """Return the exercise and the stack that coach.toml names.

    Raises:
        InputError: naming file and key, when there is no such one.
    """
    key = "exercise"
    try:
        exercise = pack.exercise(workspace.config.exercise)
        key = "stack"
        return exercise, pack.stack(workspace.config.stack)
    except InputError as error:
        raise InputError(f"{workspace.root / MARK}: {key}: {error.message}", error.hint) from error


def _task_hints(report: Report, pack: Pack, exercise: Exercise, terminal: Terminal) -> list[str]:
    """Return what hints.md says about each task that has a failed check."""
    from coach.catalog.instructions import hints  # noqa: PLC0415 - only on request

    known = hints(pack, exercise)
    titles = {check.task: check.task_title for check in report.checks if check.outcome == "failed"}
    return [terminal.task_hints(task, titles[task], known[task]) for task in sorted(titles) if task in known]


def _command(folder: Path, pack_path: Path | None, *, container: bool) -> str:
    """Return this command as it was typed, without what chooses checks and reports."""
    words = ["coach", "grade"]
    if folder != Path():
        words.append(typed(folder))
    if pack_path is not None:
        words += ["--pack", str(pack_path)]
    if container:
        words.append("--container")
    return shlex.join(words)


def _by_hand(report: Report, workspace: Workspace, exercise: Exercise, stack: Stack) -> str:
    """Say how to start the server as coach does, where that helps: its boot failed, or there are requests to repeat."""
    never_ran = report.count("blocked") == len(report.checks)
    boot_failed = never_ran and report.cause is not None and report.cause.code in SEEN_BY_HAND
    if not boot_failed and not any(check.outcome == "failed" and check.exchanges for check in report.checks):
        return ""
    settings = ["PORT=3000", "DATA_DIR=$(mktemp -d)"]
    for name, value in exercise.env.items():
        settings.append(f"{name}={shlex.quote(value) if isinstance(value, str) else '0' * value.random}")
    if stack.path:
        folders = [*(f"$PWD/{folder}" for folder in stack.path), "$PATH"]
        settings.append(f'PATH="{os.pathsep.join(folders)}"')
    go = "" if workspace.root == Path.cwd() else f"cd {shlex.quote(str(workspace.root))}; "
    start = f"  {go}export {' '.join(settings)}; {workspace.config.start}"
    if boot_failed:
        return f"To see the same by hand:\n{start}"
    return (
        f"To try it by hand, start the server, and set URL in a second terminal:\n{start}\n  URL=http://127.0.0.1:3000"
    )


def exit_code(report: Report) -> int:
    """Return the exit code that follows from a report: an `error` outweighs a failure."""
    if report.count("error"):
        return EXIT_NOT_GRADED
    return EXIT_PASSED if report.checks and report.count("passed") == len(report.checks) else EXIT_FAILED
