"""`coach pack`: what authors and instructors need."""

from __future__ import annotations

import click

from coach.cli.lazy import LazyGroup

COMMANDS = {
    "new": ("coach.cli.pack.new", "new", "Write a small complete exercise to begin with."),
    "lint": ("coach.cli.pack.lint", "lint_pack", "Look for mistakes in exercises without running anything."),
    "add": ("coach.cli.pack.packs", "add", "Add a pack from a folder or a git repository."),
    "list": ("coach.cli.pack.packs", "list_packs", "Show the packs of this machine."),
    "remove": ("coach.cli.pack.packs", "remove", "Remove a pack that was added."),
    "render": ("coach.cli.pack.render", "render", "Write the starter, the reference or a fault of an exercise."),
    "verify": ("coach.cli.pack.verify", "verify", "Prove exercises: references pass, faults fail what they name."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def pack() -> None:
    """Work on exercises: their starters, references, faults and graders.

    Without --pack, new, lint, render and verify work on the pack around the current folder; outside of any pack, the
    last three work on the one that comes with coach.
    """
