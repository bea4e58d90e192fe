"""`coach list` and `coach start`."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from coach.catalog.installed import installed
from coach.catalog.packs import Pack, open_pack
from coach.cli.common import PACK_OPTION, Progress, chosen_exercise, chosen_pack, typed
from coach.errors import CoachError, InputError, PrerequisiteError, nearest
from coach.model import Exercise, Stack


@click.command("list")
@PACK_OPTION
def list_exercises(pack_path: Path | None) -> None:
    """Show the exercises, by pack where there are several."""
    packs = list(_readable_packs()) if pack_path is None else [chosen_pack(pack_path)]
    names = Counter(name for pack in packs for name in pack.ids())
    first = ""
    for place, pack in enumerate(packs):
        if len(packs) > 1:
            click.echo(f"{chr(10) if place else ''}{_heading(pack)}")
        rows = [
            (f"{pack.manifest.id}/{exercise.id}" if names[exercise.id] > 1 else exercise.id, _about(exercise))
            for exercise in pack.exercises()
        ]
        if not rows:
            click.echo(f"The pack {pack.manifest.id} has no exercises.")
            continue
        formatter = click.HelpFormatter()
        formatter.write_dl(rows, col_max=40)
        click.echo(formatter.getvalue(), nl=False)
        first = first or rows[0][0]
    if first:
        click.echo(f"\nBegin with: coach start {first}")


def _readable_packs() -> Iterator[Pack]:
    """Return all packs of this machine; one that cannot be read does not hide the others."""
    for found in installed():
        try:
            # The content is compared with its pin where something depends on it, not to show titles.
            pack = found.open() if found.root is None else open_pack(found.root)
            pack.exercises()
        except CoachError as error:
            click.echo(f"The pack {found.id} cannot be shown. {error.message} {error.hint}".strip(), err=True)
        else:
            yield pack


def _heading(pack: Pack) -> str:
    manifest = pack.manifest
    return f"{click.style(manifest.id, bold=True)}  {manifest.title} ({manifest.version})"


def _about(exercise: Exercise) -> str:
    return f"{exercise.title} ({exercise.kind}, {_time(exercise.minutes)}). {exercise.summary}"


def _time(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"about {minutes / 60:g} h"


@click.command()
@click.argument("exercise_id", metavar="ID", required=False)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--stack",
    "stack_id",
    metavar="STACK",
    help="express, fastapi, flask, custom, …; default: the first that this machine can run.",
)
@click.option("--no-install", is_flag=True, help="Write the files only; coach grade installs the dependencies then.")
@PACK_OPTION
def start(
    exercise_id: str | None, folder: Path | None, stack_id: str | None, no_install: bool, pack_path: Path | None
) -> int:
    """Make a workspace for the exercise ID in the folder DIR (default: a new folder named like the exercise)."""
    from coach.catalog.starters import render_starter, write_tree  # noqa: PLC0415 - `coach list` renders nothing

    if exercise_id is None:
        raise click.UsageError("Which exercise? `coach list` shows them all.")
    pack, exercise = chosen_exercise(exercise_id, pack_path)
    stack = _choose_stack(pack, exercise, stack_id)
    target = folder if folder is not None else Path(exercise.id)
    write_tree(render_starter(pack, exercise, stack), target)
    click.echo(f"Made {_folder(target)}: {exercise.title}, in {stack.title}.")
    others = [name for name in exercise.stacks if name != stack.id]
    if stack_id is None and others:
        click.echo(f"Other stacks, with --stack: {', '.join(others)}")
    problem = None if no_install else _install(target, stack)
    click.echo("\nNext:")
    if target.resolve() != Path.cwd():
        click.echo(f"  cd {shlex.quote(typed(target))}")
    named = pack_path is not None and (pack_path / "pack.toml").is_file()
    command = ["coach", "grade", *(("--pack", str(pack.root)) if named else ())]
    click.echo(f"  {shlex.join(command)}        see what is missing, as often as you like")
    click.echo("\nWhat to build stands in instructions.md.")
    if not stack.start:
        click.echo("contract.md tells what a server must do; put its start command into coach.toml.")
    if problem is not None:
        click.echo()
        raise problem
    return 0


def _folder(path: Path) -> str:
    name = click.format_filename(path)
    return name if name.endswith("/") else f"{name}/"


def _choose_stack(pack: Pack, exercise: Exercise, wanted: str | None) -> Stack:
    """Return the stack that was asked for, or the first whose tools this machine has."""
    from coach.runtime.prepare import check_toolchain, missing_tool  # noqa: PLC0415 - `coach list` runs nothing

    if wanted is not None:
        if wanted not in exercise.stacks:
            raise InputError(f'"{exercise.id}" has no stack "{wanted}".', nearest(wanted, exercise.stacks))
        stack = pack.stack(wanted)
        check_toolchain(stack)
        return stack
    for name in exercise.stacks:
        stack = pack.stack(name)
        if not any(missing_tool(tool) for tool in stack.toolchain):
            return stack
    raise PrerequisiteError(f"This machine has the tools for none of: {', '.join(exercise.stacks)}.")


def _install(target: Path, stack: Stack) -> CoachError | None:
    """Install the starter's dependencies; the workspace is complete without, so a failure is told at the end."""
    from coach.runtime.prepare import prepare  # noqa: PLC0415 - see above
    from coach.workspace import find_workspace  # noqa: PLC0415

    progress = Progress()
    if stack.install:
        progress.begin(f"Installing its dependencies ({stack.install}) …")
    try:
        prepare(target.resolve(), find_workspace(target).config, stack, progress.line)
    except CoachError as error:
        return error
    finally:
        progress.end()
    return None
