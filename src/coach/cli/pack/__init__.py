"""`coach pack`: what authors and instructors need."""

from __future__ import annotations

import click

from coach.cli.lazy import LazyGroup

COMMANDS = {
    "render": ("coach.cli.pack.render", "render", "Write the starter, the reference or a fault of an exercise."),
    "verify": ("coach.cli.pack.verify", "verify", "Prove exercises: references pass, faults fail what they name."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def pack() -> None:
    """Work on exercises: their starters, references, faults and graders."""
