"""All packs of this machine and their exercises: coach's own, those that were added, those of Python packages."""

from __future__ import annotations

import sys
from itertools import accumulate
from pathlib import Path
from typing import Literal

from msgspec import Struct

from coach.catalog.packs import Pack, builtin_pack, exercise_ids, open_pack
from coach.catalog.registry import Registry
from coach.errors import ContentError, InputError, nearest
from coach.model import Exercise

GROUP = "coach.packs"
"""The entry point group in which a Python package names its packs."""
ADD = "coach pack add PATH-OR-GIT-URL"


class Installed(Struct, frozen=True):
    """A pack of this machine, not yet read: `origin` says in a few words where it came from."""

    id: str
    kind: Literal["coach", "folder", "git", "package"]
    origin: str
    root: Path | None
    """Where it lies; None when its Python package has no such folder."""
    wanted: str = ""
    """The branch, tag or commit that it was added with, if it was."""

    def ids(self) -> list[str]:
        """Return the ids of its exercises."""
        return exercise_ids(self.root) if self.root is not None else []

    def open(self) -> Pack:
        """Return the pack.

        Raises:
            ContentError: when it is broken, of a newer format, or not the pack that its package says it is.
            PrerequisiteError: when it is not what was added.
        """
        if self.kind in ("folder", "git"):
            return Registry().open(self.id)
        if self.root is None:
            raise ContentError(
                f'{self.origin} calls something the pack "{self.id}" that is neither a module nor a Python package.',
                f"Report this to its author: the entry point of the group {GROUP} names the folder of pack.toml.",
            )
        pack = open_pack(self.root)
        if pack.manifest.id != self.id:
            raise ContentError(
                f'{self.root / "pack.toml"}: id is "{pack.manifest.id}" but {self.origin} calls the pack "{self.id}".',
                f"Give both the same name, in pack.toml and in the entry point of the group {GROUP}.",
            )
        return pack


def installed() -> list[Installed]:
    """Return all packs of this machine, coach's own first, without reading them."""
    registry = Registry()
    return [
        _own(builtin_pack()),
        *(
            Installed(entry.id, entry.kind, entry.origin, registry.root(entry), entry.wanted)
            for entry in registry.entries()
        ),
        *_packages(),
    ]


def find_pack(name: str, revision: str = "") -> Pack:
    """Return the pack of this id, if need be in this revision: a version, a commit, or what it was added with.

    The id of coach's own pack is its own, whatever else calls itself so.

    Raises:
        InputError: when there is none, when two share the id, or when the revision differs.
        ContentError, PrerequisiteError: see `Installed.open`.
    """
    own = builtin_pack()
    found = _own(own) if name == own.manifest.id else _only(name, installed())
    pack = found.open()
    if revision and revision != found.wanted and not _is_at(pack, revision):
        raise InputError(
            f'The pack "{name}" is here in the revision {pack.revision}, not in {revision}.',
            f"Fetch that one: coach pack add {found.origin}@{revision}" if found.kind == "git" else "",
        )
    return pack


def find_exercise(name: str) -> tuple[Pack, Exercise]:
    """Return the exercise `id`, which must be in one pack only, or `pack/id`.

    Raises:
        InputError: when there is none (the message names the nearest), or when several packs have it.
        ContentError, PrerequisiteError: see `Installed.open`; or the exercise is broken.
    """
    packs = installed()
    chosen, named, wanted = name.rpartition("/")
    holders = [chosen] if named else [pack.id for pack in packs if wanted in pack.ids()]
    if len(holders) > 1:
        choices = " or ".join(f"{holder}/{wanted}" for holder in holders)
        raise InputError(f'"{wanted}" is an exercise of {len(holders)} packs.', f"Say which you want: {choices}")
    if not holders and len(packs) > 1:
        everything = {exercise for pack in packs for exercise in pack.ids()}
        raise InputError(f'There is no exercise "{wanted}" in any pack.', nearest(wanted, everything))
    pack = _only(holders[0] if holders else packs[0].id, packs).open()
    return pack, pack.exercise(wanted)


def _own(pack: Pack) -> Installed:
    return Installed(pack.manifest.id, "coach", "comes with coach", pack.root)


def _only(name: str, packs: list[Installed]) -> Installed:
    found = [pack for pack in packs if pack.id == name]
    if not found:
        known = nearest(name, (pack.id for pack in packs))
        raise InputError(f'There is no pack "{name}" on this machine.', f"{known} To add one: {ADD}")
    if len(found) > 1:
        places = " and ".join(pack.origin for pack in found)
        raise InputError(f'Two packs have the id "{name}": {places}.', "Remove one of them.")
    return found[0]


def _is_at(pack: Pack, revision: str) -> bool:
    """Tell whether a pack is in a revision: its version, or the first seven or more digits of its commit."""
    return revision == pack.manifest.version or (len(revision) >= 7 and pack.commit.startswith(revision))


def _packages() -> list[Installed]:
    """Return the packs that installed Python packages name, without importing anything of theirs."""
    folders = _site_folders()
    if not any(_mentions_packs(path) for folder in folders for path in folder.glob("*-info/entry_points.txt")):
        return []
    from importlib.metadata import distributions  # noqa: PLC0415 - 20 ms, and hardly anybody has such a package

    found = []
    for distribution in distributions(path=[str(folder) for folder in folders]):
        for point in distribution.entry_points.select(group=GROUP):
            origin = f"the Python package {distribution.name} {distribution.version}"
            found.append(Installed(point.name, "package", origin, _folder_of(point.module)))
    return sorted(found, key=lambda pack: pack.id)


def _site_folders() -> list[Path]:
    """Return where pip installs to, of the folders that Python imports from; never a folder that one works in."""
    return [Path(path) for path in dict.fromkeys(sys.path) if Path(path).name in ("site-packages", "dist-packages")]


def _mentions_packs(path: Path) -> bool:
    try:
        return f"[{GROUP}]" in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _folder_of(module: str) -> Path | None:
    """Return the folder of a module or package, found and not imported: the folder one works in must not matter."""
    places = [path for path in sys.path if path and Path(path) != Path.cwd()]
    spec = None
    for name in accumulate(module.split("."), "{}.{}".format):
        found = (finder.find_spec(name, places) for finder in sys.meta_path)
        spec = next((one for one in found if one is not None), None)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    if places:
        return Path(places[0])
    return Path(spec.origin).parent if spec is not None and spec.origin else None
