"""`coach pack new`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from coach.catalog.packs import Pack, builtin_pack, files_below, open_pack
from coach.catalog.starters import write_tree
from coach.catalog.templates import render
from coach.cli.common import pack_around
from coach.errors import InputError
from coach.model import FORMAT, PackManifest
from coach.workspace import MARK

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

CHANGES = (
    ("exercises/{id}/exercise.toml", "title =", "title, summary, minutes, then the routes"),
    ("exercises/{id}/instructions.md", "Build a server", "what to build, and the numbered tasks"),
    ("graders/{grader}", "@check", "one check for each promise of the instructions"),
    ("exercises/{id}/reference/express/src/routes.js", "routes.post", "a solution that passes"),
    ("exercises/{id}/reference/fastapi/app/routes.py", "@router.post", "another"),
    ("exercises/{id}/reference/custom/server.py", "def application", "and one in a style of its own"),
    ("exercises/{id}/faults.toml", "[[fault]]", "wrong solutions, at least one for each check"),
    ("exercises/{id}/hints.md", "- ", "hints for each task, without code"),
)
"""What an author changes first, in this order: the file, a text on the line to begin with, and what stands there."""


@click.command()
@click.argument("exercise_id", metavar="ID")
@click.option(
    "--pack",
    "pack_path",
    type=click.Path(path_type=Path),
    help="Write into the pack in this folder, which is made if it is none; default: the pack around this folder.",
)
def new(exercise_id: str, pack_path: Path | None) -> None:
    """Write a small complete exercise with the id ID: instructions, checks, solutions, wrong solutions and hints."""
    if not ID.fullmatch(exercise_id):
        proposal = "-".join(re.findall("[a-z0-9]+", exercise_id.lower())) or "book-shelf"
        raise InputError(f'"{exercise_id}" is no id.', f"Use small letters, digits and hyphens: {proposal}")
    pack, made = _pack(pack_path)
    workspace = next((folder for folder in (pack.root, *pack.root.parents) if (folder / MARK).is_file()), None)
    if workspace is not None:
        raise InputError(
            f"{pack.root} lies inside the workspace {workspace}, where a learner solves an exercise.",
            "Keep a pack in a folder of its own, beside your workspaces.",
        )
    if (pack.root / "exercises" / exercise_id).exists():
        raise InputError(f'The pack "{pack.manifest.id}" already has "{exercise_id}".', "Choose another id.")
    tree = exercise_tree(pack, exercise_id)
    if made:
        tree |= {"pack.toml": _render(pack, "pack.toml.j2", {})}
    write_tree(tree, pack.root)
    _tell(pack, exercise_id, tree, made=made)


def exercise_tree(pack: Pack, exercise_id: str) -> dict[str, bytes]:
    """Return the files of a new exercise, by their paths in the pack."""
    grader = _grader(exercise_id)
    context = {"id": exercise_id, "title": exercise_id.replace("-", " ").capitalize(), "grader": grader}
    tree = {f"graders/{grader}": _render(pack, "grader.py.j2", context)}
    for name, path in files_below(_templates(pack) / "exercise"):
        content = _render(pack, f"exercise/{name}", context) if name.endswith(".j2") else path.read_bytes()
        tree[f"exercises/{exercise_id}/{name.removesuffix('.j2')}"] = content
    return tree


def _pack(path: Path | None) -> tuple[Pack, bool]:
    """Return the pack to write into, and whether it is a new one.

    Raises:
        InputError: when none was named and none is around the current folder.
    """
    if path is None:
        around = pack_around(Path.cwd())
        if around is None:
            raise InputError("There is no pack here.", "Name a folder for a new one, as in: --pack my-pack")
        return open_pack(around), False
    root = path.resolve()
    if (root / "pack.toml").is_file():
        return open_pack(root), False
    name = "-".join(re.findall("[a-z0-9]+", root.name.lower())) or "my-pack"
    title = name.replace("-", " ").capitalize()
    manifest = PackManifest(format=FORMAT, id=name, title=title, summary=f"Exercises of {title}.", version="0.1.0")
    return Pack(root, manifest), True


def _templates(pack: Pack) -> Path:
    """Return the folder to copy: the pack's own, where it has one, or coach's."""
    folders = [root / "exercise" / "new" for root in pack.template_roots()]
    return next((folder for folder in folders if folder.is_dir()), folders[-1])


def _render(pack: Pack, name: str, context: Mapping[str, str]) -> bytes:
    return render([_templates(pack)], name, {**context, "pack": pack.manifest}).encode()


def _grader(exercise_id: str) -> str:
    return f"test_{exercise_id.replace('-', '_')}.py"


def _tell(pack: Pack, exercise_id: str, tree: dict[str, bytes], *, made: bool) -> None:
    """Say what was written and which lines to change first."""
    here = Path.cwd()
    root = pack.root.relative_to(here) if pack.root.is_relative_to(here) else pack.root
    place = f"the new pack {pack.manifest.id}" if made else f"the pack {pack.manifest.id}"
    click.echo(f"{exercise_id} is in {place}, complete and ready to be changed. Change first:\n")
    rows = []
    for file, text, what in CHANGES:
        name = file.format(id=exercise_id, grader=_grader(exercise_id))
        lines = tree[name].decode().splitlines() if name in tree else []
        line = next((number for number, found in enumerate(lines, 1) if text in found), 0)
        if line:
            rows.append((f"{root / name}:{line}", what))
    width = max(len(place) for place, _ in rows)
    for place, what in rows:
        click.echo(f"  {place.ljust(width)}  {what}")
    option = "" if pack.root == builtin_pack().root else f" --pack {shlex.quote(str(root))}"
    click.echo("\nNext:")
    click.echo(f"  coach pack lint {exercise_id}{option}")
    click.echo(f"  coach pack verify {exercise_id}{option}")
