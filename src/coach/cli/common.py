"""What several commands share: the pack they work on, progress lines, and files to write."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from coach.catalog.packs import Pack, builtin_pack, open_pack
from coach.cli.streams import no_color
from coach.errors import InputError
from coach.reports.text import clean

PACK_OPTION = click.option(
    "--pack",
    "pack_path",
    type=click.Path(path_type=Path),
    help="Use the pack in this folder instead of coach's own.",
)

NO_FOLDER = "Name a file in a folder that exists and in which you may write."


def chosen_pack(path: Path | None) -> Pack:
    """Return the pack that `--pack` names, or the one that comes with coach."""
    return builtin_pack() if path is None else open_pack(path.resolve())


class Progress:
    """Shows what a slow step is doing: one line that changes on a terminal, the first line alone elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and no_color() is None
        self._shown = False

    def begin(self, text: str) -> None:
        """Say once what begins."""
        if not self._shown:
            click.echo(text, err=True)
            self._shown = True

    def line(self, text: str) -> None:
        """Show a line of the step's output in place of the last."""
        if self._live:
            width = click.get_current_context().terminal_width or 79
            click.echo(f"\r\x1b[K  {clean(text)[:width]}", err=True, nl=False)

    def end(self) -> None:
        """Remove the changing line."""
        if self._live and self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
        self._shown = False


def refuse_output(*targets: str | None) -> None:
    """Make sure, before anything else is done, that reports can be written where they are asked for.

    Raises:
        InputError: when a folder does not exist, a folder stands there, or two reports would mix.
    """
    for target in filter(None, targets):
        path = Path(target)
        if target != "-" and path.is_dir():
            raise InputError(f"{target} is a folder.", "Name a file for the report.")
        if not path.parent.is_dir():
            raise InputError(f"{target} cannot be written: there is no folder {path.parent}.", NO_FOLDER)
    if targets.count("-") > 1:
        raise InputError("Two reports cannot both go to standard output.", "Write one of them to a file.")


def write_output(target: str, text: str) -> None:
    """Write a report to a file, or to standard output when `target` is `-`, as UTF-8 whatever the terminal's is.

    Raises:
        InputError: when the file cannot be written.
    """
    if target == "-":
        click.echo(text.encode(), nl=False)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise InputError(f"{target} cannot be written: {exc.strerror}.", NO_FOLDER) from exc
