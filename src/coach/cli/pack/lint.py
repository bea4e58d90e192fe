"""`coach pack lint`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from coach.catalog.lint import Finding, lint
from coach.cli.common import PACK_OPTION, chosen_pack
from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED
from coach.reports.text import clean, plural


@click.command("lint")
@click.argument("exercise_ids", metavar="[ID]…", nargs=-1)
@PACK_OPTION
def lint_pack(exercise_ids: tuple[str, ...], pack_path: Path | None) -> int:
    """Look for mistakes in the exercises ID…, or in the whole pack, without running anything."""
    pack = chosen_pack(pack_path)
    count, findings = lint(pack, exercise_ids)
    exercises = plural(count, "exercise")
    option = "" if pack_path is None else f" --pack {shlex.quote(str(pack_path))}"
    for found in findings:
        click.echo(f"{click.style(_place(found), bold=True)}: {clean(found.message)}")
        if found.hint:
            click.echo(f"  {clean(found.hint)}")
    if not findings and not count:
        click.echo(f"{pack.manifest.id} has no exercise yet. Next: coach pack new ID{option}")
        return EXIT_PASSED
    if not findings:
        click.echo(
            f"{pack.manifest.id}: {exercises}, nothing to mend. "
            f"Next: {shlex.join(['coach', 'pack', 'verify', *exercise_ids])}{option}"
        )
        return EXIT_PASSED
    click.echo(f"\n{pack.manifest.id}: {len(findings)} to mend in {exercises}.")
    if any(found.broken for found in findings):
        click.echo("Some rules could not be applied to what is broken: lint again once it is mended.")
        return EXIT_NOT_GRADED
    return EXIT_FAILED


def _place(found: Finding) -> str:
    """Return file and line as editors and terminals link them, from the current folder if it lies below."""
    path = found.file.relative_to(Path.cwd()) if found.file.is_relative_to(Path.cwd()) else found.file
    return f"{path}:{found.line}" if found.line else str(path)
