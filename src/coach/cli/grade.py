"""`coach grade`."""

from __future__ import annotations

from pathlib import Path

import click

from coach.cli.common import PACK_OPTION, Progress, chosen_pack, write_output
from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED
from coach.model import CheckResult, Report, to_json
from coach.reports import terminal
from coach.session import SEEDS, Options
from coach.session import grade as run_session
from coach.workspace import find_workspace


class Screen:
    """Prints what happens while it happens, to standard error when standard output is taken by a report."""

    def __init__(self, *, err: bool, install: str, container: bool) -> None:
        self._err = err
        self._slow = "Building the image …" if container else f"Installing the dependencies ({install}) …"
        self._progress = Progress()

    def say(self, text: str) -> None:
        """Print a line, or several."""
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
        self.say(terminal.check_line(result))


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, default=".", type=click.Path(path_type=Path))
@click.option(
    "--check", "checks", metavar="NAME", multiple=True, help="Run this check and what it needs; may be repeated."
)
@click.option("--hints", is_flag=True, help="Show the hint of each failed check.")
@click.option(
    "--container", is_flag=True, help="Build the workspace's Dockerfile and grade the program in a container."
)
@click.option(
    "--json", "json_file", metavar="F", help="Write the report as JSON to the file F (- for standard output)."
)
@click.option("--junit", "junit_file", metavar="F", help="Write the report as JUnit XML to the file F (- likewise).")
@click.option("--seed", type=click.IntRange(0, SEEDS - 1), help="Repeat a run with the data of this seed.")
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
    workspace = find_workspace(folder)
    pack = chosen_pack(pack_path)
    screen = Screen(err="-" in (json_file, junit_file), install=workspace.config.install, container=container)
    screen.say(f"Grading {workspace.config.exercise} ({workspace.config.stack})")
    report = run_session(workspace, pack, Options(container=container, only=checks, seed=seed), screen)
    for text in (
        terminal.details(report, hints=hints),
        terminal.summary(report),
        terminal.next_step(report, hints=hints),
    ):
        if text:
            screen.say(text)
    if json_file:
        write_output(json_file, to_json(report))
    if junit_file:
        from coach.reports.junit import junit  # noqa: PLC0415 - seldom asked for

        write_output(junit_file, junit(report))
    return exit_code(report)


def exit_code(report: Report) -> int:
    """Return the exit code that follows from a report: an `error` outweighs a failure."""
    if report.count("error"):
        return EXIT_NOT_GRADED
    return EXIT_PASSED if report.checks and report.count("passed") == len(report.checks) else EXIT_FAILED
