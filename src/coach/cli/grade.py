"""`coach grade`."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from coach.catalog.packs import Pack
from coach.cli.common import PACK_OPTION, Progress, pack_of, refuse_output, write_output
from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED
from coach.model import CheckResult, Report, to_json
from coach.reports.terminal import Terminal
from coach.session import SEEDS, Options
from coach.session import grade as run_session
from coach.workspace import Workspace, find_workspace

WIDEST = 100
"""Columns beyond which lines are tiring to read, however wide the terminal is."""


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
@click.argument("folder", metavar="[DIR]", required=False, default=".", type=click.Path(path_type=Path))
@click.option(
    "--check", "checks", metavar="NAME", multiple=True, help="Run this check and what it needs; may be repeated."
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
    screen = Screen(err="-" in (json_file, junit_file), install=workspace.config.install, container=container)
    screen.say(f"Grading {workspace.config.exercise} ({workspace.config.stack})")
    report = run_session(workspace, pack, Options(container=container, only=checks, seed=seed), screen)
    screen.say(screen.terminal.details(report, hints=hints))
    if hints:
        for text in _task_hints(report, pack, screen.terminal):
            screen.say(text)
    screen.say(screen.terminal.summary(report))
    command = _command(folder, pack_path, container=container)
    screen.say(screen.terminal.next_step(report, command, hints=hints))
    if any(check.outcome == "failed" and check.exchanges for check in report.checks):
        screen.say(click.style(_by_hand(workspace, pack), dim=True))
    if json_file:
        write_output(json_file, to_json(report))
    if junit_file:
        from coach.reports.junit import junit  # noqa: PLC0415 - seldom asked for

        write_output(junit_file, junit(report))
    return exit_code(report)


def _task_hints(report: Report, pack: Pack, terminal: Terminal) -> list[str]:
    """Return what hints.md says about each task that has a failed check."""
    from coach.catalog.instructions import hints  # noqa: PLC0415 - only on request

    known = hints(pack, pack.exercise(report.exercise))
    titles = {check.task: check.task_title for check in report.checks if check.outcome == "failed"}
    return [terminal.task_hints(task, titles[task], known[task]) for task in sorted(titles) if task in known]


def _command(folder: Path, pack_path: Path | None, *, container: bool) -> str:
    """Return this command as it was typed, without what chooses checks and reports."""
    words = ["coach", "grade"]
    if folder != Path():
        words.append(str(folder))
    if pack_path is not None:
        words += ["--pack", str(pack_path)]
    if container:
        words.append("--container")
    return shlex.join(words)


def _by_hand(workspace: Workspace, pack: Pack) -> str:
    """Say how to start the server so that the `curl` commands above reach it."""
    config = workspace.config
    settings = ["PORT=3000", "DATA_DIR=$(mktemp -d)"]
    for name, value in pack.exercise(config.exercise).env.items():
        settings.append(f"{name}={shlex.quote(value) if isinstance(value, str) else '0' * value.random}")
    folders: Sequence[str] = pack.stack(config.stack).path
    if folders:
        path = os.pathsep.join([*(f"$PWD/{folder}" for folder in folders), "$PATH"])
        settings.append(f'PATH="{path}"')
    return (
        "To send such a request by hand, start the server in one terminal and set URL in another:\n"
        f"  export {' '.join(settings)}; {config.start}\n"
        "  URL=http://127.0.0.1:3000"
    )


def exit_code(report: Report) -> int:
    """Return the exit code that follows from a report: an `error` outweighs a failure."""
    if report.count("error"):
        return EXIT_NOT_GRADED
    return EXIT_PASSED if report.checks and report.count("passed") == len(report.checks) else EXIT_FAILED
