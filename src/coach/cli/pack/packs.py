"""`coach pack add`, `coach pack list` and `coach pack remove`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click

from coach.catalog.installed import Installed, installed
from coach.catalog.packs import Pack, open_pack
from coach.catalog.registry import Entry, Registry
from coach.catalog.sources import fetch, parse_source
from coach.cli.common import refuse_in_workspace
from coach.errors import EXIT_FAILED, EXIT_PASSED, CoachError, InputError, nearest
from coach.reports.text import clean, plural

SHOWN_HASH = 12
"""Digits of a hash or commit that people are shown; error messages that compare two show all."""


@click.command()
@click.argument("source", metavar="PATH|GIT-URL[@REV]")
@click.option("--yes", is_flag=True, help="Do not ask whether you trust the pack's author.")
def add(source: str, yes: bool) -> int:
    """Add a pack: a folder, or a git repository at a branch, a tag or a commit.

    coach copies the pack, and grades with the copy until you add the pack again.
    """
    wanted = parse_source(source)
    if wanted.folder is not None:
        refuse_in_workspace(wanted.folder)
    if not yes and not sys.stdin.isatty():
        raise InputError(
            "A pack's graders are programs that run with your rights, and nobody is here to be asked about that.",
            "If you trust its author, say so with --yes.",
        )
    registry = Registry()
    with registry.workshop() as workshop:
        if wanted.folder is None:
            click.echo(f"Fetching {wanted.origin} …", err=True)
        entry, pack = fetch(wanted, workshop)
        _refuse_taken(entry)
        if not (yes or _is_trusted(entry, pack)):
            click.echo("Nothing was added.")
            return EXIT_FAILED
        first = next(iter(pack.ids()), None)
        before = registry.add(entry, pack.root)
    click.echo(f"{_change(before, entry)} the pack {entry.id} ({_revision(entry)}, content {entry.hash[:SHOWN_HASH]}).")
    if first is not None:
        click.echo(f"\nNext: coach list, or coach start {entry.id}/{first}")
    return EXIT_PASSED


@click.command("list")
def list_packs() -> None:
    """Show the packs of this machine, with where they came from."""
    entries = {entry.id: entry for entry in Registry().entries()}
    for found in installed():
        entry = entries.get(found.id) if found.kind in ("folder", "git") else None
        click.echo("\n".join(_lines(found, entry)))


@click.command()
@click.argument("name", metavar="ID")
def remove(name: str) -> None:
    """Remove a pack that was added; your workspaces stay."""
    registry = Registry()
    added = {entry.id for entry in registry.entries()}
    others = {pack.id: pack for pack in installed() if pack.id not in added}
    if name in others:
        hint = f"Remove {others[name].origin} with pip." if others[name].kind == "package" else "It stays."
        raise InputError(f'The pack "{name}" was not added by coach pack add ({others[name].origin}).', hint)
    if name not in added:
        raise InputError(f'No pack "{name}" was added.', nearest(name, added) or "None was added on this machine.")
    entry = registry.remove(name)
    click.echo(f"Removed the pack {name}. Its workspaces can be graded again after: coach pack add {entry.source}")


def _refuse_taken(entry: Entry) -> None:
    """Refuse an id that a pack has which was not added."""
    for pack in installed():
        if pack.id == entry.id and pack.kind in ("coach", "package"):
            raise InputError(
                f'{entry.origin} holds a pack with the id "{entry.id}", which is taken ({pack.origin}).',
                "Two packs cannot share an id: change it in pack.toml. For one command, --pack PATH needs no adding.",
            )


def _is_trusted(entry: Entry, pack: Pack) -> bool:
    """Say what trusting a pack means, and ask for it."""
    manifest = pack.manifest
    click.echo(f"{click.style(entry.id, bold=True)}  {clean(manifest.title).rstrip('.')}. {clean(manifest.summary)}")
    click.echo(f"{plural(len(pack.ids()), 'exercise')}, {_revision(entry)}, from {entry.origin}")
    click.echo(
        "\nA pack's graders are Python programs that run inside coach, with your rights. Add only packs whose author "
        "you trust."
    )
    return click.confirm("Add it?")


def _change(before: Entry | None, entry: Entry) -> str:
    if before is None:
        return "Added"
    return "There is nothing new in" if before.hash == entry.hash else "Updated"


def _revision(entry: Entry) -> str:
    version = f"version {clean(entry.version)}"
    return f"{version}, commit {entry.commit[:SHOWN_HASH]}" if entry.commit else version


def _lines(found: Installed, entry: Entry | None) -> list[str]:
    """Describe a pack: its name and state, and below it where it came from."""
    try:
        pack = found.open()
    except CoachError as error:
        return [click.style(found.id, bold=True), f"  {click.style(error.message, fg='red')}", f"  {error.hint}"]
    about = f"{clean(pack.manifest.title)} ({plural(len(pack.ids()), 'exercise')})"
    if entry is None:
        return [
            f"{click.style(found.id, bold=True)}  {about}",
            f"  version {clean(pack.manifest.version)}, {found.origin}",
        ]
    return [
        f"{click.style(found.id, bold=True)}  {about}",
        f"  {_revision(entry)}, content {entry.hash[:SHOWN_HASH]}",
        f"  from {entry.source}",
        *_changed_since(entry),
    ]


def _changed_since(entry: Entry) -> Iterator[str]:
    """Say so when the folder that a pack was copied from is no longer the same."""
    if entry.kind == "folder":
        with suppress(CoachError, OSError):
            if open_pack(Path(entry.origin)).whole_hash() != entry.hash:
                yield f"  That folder has changed since. To use what it holds now: coach pack add {entry.source}"
