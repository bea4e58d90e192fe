"""`coach pack verify`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from coach.cli.common import PACK_OPTION, chosen_pack, write_output
from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED
from coach.model import CaseResult, Proof
from coach.places import cache_folder
from coach.reports.proof import proof_text
from coach.verify import Plan, Settings, prove

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


class Bar:
    """A progress bar over all cases; it shows on a terminal alone."""

    def __init__(self) -> None:
        self._bar: ProgressBar[str] | None = None

    def begin(self, cases: int) -> None:
        """See `verify.Watcher`."""
        if cases and not sys.stderr.isatty():
            click.echo(f"Grading {cases} trees …", err=True)
        elif cases:
            self._bar = click.progressbar(
                length=cases, label="Grading", file=sys.stderr, item_show_func=lambda label: label
            )
            self._bar.render_progress()

    def done(self, result: CaseResult) -> None:
        """See `verify.Watcher`."""
        if self._bar is not None:
            self._bar.update(1, result.case.label)

    def end(self) -> None:
        """Leave the line."""
        if self._bar is not None:
            self._bar.render_finish()


@click.command()
@click.argument("exercise_ids", metavar="[ID]...", nargs=-1)
@click.option("--stack", "stack_id", metavar="STACK", default="", help="Prove this stack alone.")
@click.option("--repeat", metavar="N", type=click.IntRange(1, 1000), default=1, help="Grade each reference N times.")
@click.option(
    "--jobs", metavar="N", type=click.IntRange(1, 256), default=os.cpu_count() or 1, help="Cases side by side."
)
@click.option("--load", is_flag=True, help="Keep every core busy meanwhile, to find flakes.")
@click.option("--container", is_flag=True, help="Grade in containers.")
@click.option("--sample", is_flag=True, help="Grade each fault on one of its stacks, which its name decides.")
@click.option("--force", is_flag=True, help="Grade again what has been proved for the same content.")
@click.option(
    "--json", "json_file", metavar="F", help="Write the proofs as JSON to the file F (- for standard output)."
)
@PACK_OPTION
def verify(
    exercise_ids: tuple[str, ...],
    stack_id: str,
    repeat: int,
    jobs: int,
    load: bool,
    container: bool,
    sample: bool,
    force: bool,
    json_file: str | None,
    pack_path: Path | None,
) -> int:
    """Prove exercises: starters fail, references pass, every fault fails exactly the checks that it names.

    Without ID, all exercises of the pack.
    """
    pack = chosen_pack(pack_path)
    bar = Bar()
    try:
        proofs = prove(
            pack,
            exercise_ids or pack.ids(),
            Plan(stack=stack_id, sample=sample, repeat=repeat, force=force),
            Settings(jobs=jobs, load=load, container=container),
            cache_folder(),
            bar,
        )
    finally:
        bar.end()
    for proof in proofs:
        click.echo(proof_text(proof), err=json_file == "-")
    if json_file:
        write_output(json_file, msgspec.json.format(msgspec.json.encode(proofs), indent=2).decode() + "\n")
    return exit_code(proofs)


def exit_code(proofs: list[Proof]) -> int:
    """Return 0 when everything is proved, 3 when an exercise's files are broken, 1 otherwise."""
    if any(proof.broken for proof in proofs):
        return EXIT_NOT_GRADED
    return EXIT_FAILED if any(proof.violations for proof in proofs) else EXIT_PASSED
