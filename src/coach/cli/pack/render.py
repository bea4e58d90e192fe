"""`coach pack render`."""

from __future__ import annotations

from pathlib import Path

import click

from coach.catalog.faults import fault_tree
from coach.catalog.starters import reference_tree, render_starter, write_tree
from coach.cli.common import PACK_OPTION, chosen_pack
from coach.errors import InputError


@click.command()
@click.argument("exercise_id", metavar="ID")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--stack", "stack_id", metavar="STACK", required=True, help="The stack to render.")
@click.option("--reference", is_flag=True, help="The solution that must pass, instead of the starter.")
@click.option("--fault", metavar="NAME", help="The wrong solution of this name, instead of the starter.")
@PACK_OPTION
def render(
    exercise_id: str, folder: Path, stack_id: str, reference: bool, fault: str | None, pack_path: Path | None
) -> None:
    """Write a tree of the exercise ID into the folder DIR: its starter, its reference, or one of its faults."""
    if reference and fault is not None:
        raise InputError(
            "--reference and --fault name two trees, and one folder holds one.",
            "Leave one out; a fault is made from the reference by itself.",
        )
    chosen = chosen_pack(pack_path)
    exercise = chosen.exercise(exercise_id)
    if fault is not None:
        tree = fault_tree(chosen, exercise, fault, stack_id)
    elif reference:
        tree = reference_tree(chosen, exercise, stack_id)
    else:
        tree = render_starter(chosen, exercise, chosen.stack(stack_id))
    write_tree(tree, folder)
    click.echo(f"{len(tree)} files are in {click.format_filename(folder)}")
