"""What several commands share: the pack they work on, progress lines, and files to write."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from coach.catalog.packs import Pack, builtin_pack, open_pack
from coach.errors import InputError
from coach.reports.text import clean

PACK_OPTION = click.option(
    "--pack",
    "pack_path",
    type=click.Path(path_type=Path),
    help="Use the pack in this folder instead of coach's own.",
)


def chosen_pack(path: Path | None) -> Pack:
    """Return the pack that `--pack` names, or the one that comes with coach."""
    return builtin_pack() if path is None else open_pack(path.resolve())


class Progress:
    """Shows what a slow step is doing: one line that changes on a terminal, the first line alone elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
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


def write_output(target: str, text: str) -> None:
    """Write a report to a file, or to standard output when `target` is `-`.

    Raises:
        InputError: when the file cannot be written.
    """
    if target == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise InputError(
            f"{target} cannot be written: {exc.strerror}.", "Name a file in a folder that exists."
        ) from exc
