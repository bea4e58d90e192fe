"""What several commands share: the pack they work on, progress lines, and files to write."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import click

from coach.catalog.installed import find_exercise, find_pack
from coach.catalog.packs import Pack, builtin_pack, open_pack
from coach.cli.streams import no_color
from coach.errors import InputError
from coach.model import Exercise
from coach.reports.text import clean
from coach.workspace import MARK, Workspace

FOLDER = click.Path(path_type=Path, readable=False)
"""A folder whose rights are not looked at here: the message about them is our own."""
PACK_OPTION = click.option(
    "--pack",
    "pack_path",
    type=click.Path(path_type=Path),
    metavar="PACK",
    help="Use this pack, for this command: a folder, or the ID or ID@REV of one that was added.",
)

_PACK_ID = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)(?:@(\S+))?")

NO_FOLDER = "Name a file in a folder that exists and in which you may write."


def chosen_pack(path: Path | None) -> Pack:
    """Return the pack that `--pack` names, else the one around the current folder, else the one that comes with coach.

    Raises:
        InputError: when there is none, or one that lies in a workspace must not be used.
    """
    if path is None:
        path = pack_around(Path.cwd())
        if path is None:
            return builtin_pack()
    named = _PACK_ID.fullmatch(str(path))
    if named and not (path / "pack.toml").is_file():
        pack = find_pack(named[1], named[2] or "")
    else:
        pack = open_pack(path.resolve())
        refuse_in_workspace(Path(os.path.abspath(path)))  # noqa: PTH100 - a link in a workspace is the learner's too
    refuse_in_workspace(pack.root)
    return pack


def pack_around(folder: Path) -> Path | None:
    """Return the folder of the pack that a folder belongs to, the nearest first."""
    return next((root for root in (folder, *folder.parents) if (root / "pack.toml").is_file()), None)


def chosen_exercise(name: str, path: Path | None) -> tuple[Pack, Exercise]:
    """Return the exercise `id` or `pack/id` of the pack that `--pack` names, or else of any on this machine."""
    if path is None:
        return find_exercise(name)
    pack = chosen_pack(path)
    return pack, pack.exercise(name.removeprefix(f"{pack.manifest.id}/"))


def pack_of(workspace: Workspace, path: Path | None) -> Pack:
    """Return the pack that grades a workspace: the one that `--pack` names, or else the one in coach.toml.

    Raises:
        InputError: when it is not on this machine, or lies in a workspace and must not be used.
    """
    if path is not None:
        return chosen_pack(path)
    try:
        pack = find_pack(workspace.config.pack)
    except InputError as error:
        raise InputError(f"{workspace.root / MARK}: {error.message}", error.hint) from error
    refuse_in_workspace(pack.root)
    return pack


def refuse_in_workspace(root: Path) -> None:
    """Make sure that in CI nobody's submission brings its own graders.

    Raises:
        InputError: when CI is set and the folder of a pack, coach's own excepted, lies in a workspace.
    """
    if os.environ.get("CI", "").lower() in ("", "0", "false") or root == builtin_pack().root:
        return
    around = next((folder for folder in (root, *root.parents) if (folder / MARK).exists()), None)
    if around is not None:
        raise InputError(
            f"The pack in {root} lies inside the workspace {around}, whose author could change the graders.",
            "In CI, keep it elsewhere: coach pack add GIT-URL@REV",
        )


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
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\x1b[K{f'  {clean(text)}'[:width]}", err=True, nl=False)

    def end(self) -> None:
        """Remove the changing line."""
        if self._live and self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
        self._shown = False


def typed(path: Path) -> str:
    """Return a path as an argument that no command takes for an option."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text


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
