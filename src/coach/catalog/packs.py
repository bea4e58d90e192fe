"""Packs: where exercises, graders and templates lie on disk, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from coach.errors import ContentError, InputError, PrerequisiteError, nearest
from coach.model import Exercise, PackManifest, PackRef, Stack
from coach.plain import read_toml

NOT_CONTENT = frozenset({"node_modules", ".venv", "__pycache__", ".coach", ".pytest_cache", ".DS_Store"})
"""Names that a run or an editor leaves beside the content; never read, hashed or copied."""


class Pack(Struct, frozen=True):
    """A set of exercises with their graders and templates, below the folder `root`."""

    root: Path
    manifest: PackManifest
    commit: str = ""
    """The commit that it was fetched at, if it came from git."""

    @property
    def revision(self) -> str:
        """What tells this state of the pack from others: its commit, or else the version that its author gave it."""
        return self.commit or self.manifest.version

    def ids(self) -> list[str]:
        """Return the ids of all exercises, without reading them."""
        return exercise_ids(self.root)

    def exercises(self) -> list[Exercise]:
        """Return all exercises in the order of learning: by phase, within it what is required first, then by id.

        Raises:
            ContentError: when an `exercise.toml` is broken, or when exercises require each other.
        """
        found = {name: self._read_exercise(name) for name in exercise_ids(self.root)}
        return sorted(found.values(), key=lambda exercise: _place(exercise, found))

    def exercise(self, name: str) -> Exercise:
        """Return the exercise with this id.

        Raises:
            InputError: when the pack has none; the message names the nearest.
            ContentError: when its `exercise.toml` is broken.
        """
        known = exercise_ids(self.root)
        if name not in known:
            raise InputError(f'There is no exercise "{name}" in the pack "{self.manifest.id}".', nearest(name, known))
        return self._read_exercise(name)

    def folder(self, exercise: Exercise) -> Path:
        """Return the folder of an exercise."""
        return self.root / "exercises" / exercise.id

    def grader(self, exercise: Exercise) -> Path:
        """Return the file of an exercise's checks.

        Raises:
            ContentError: when the file is missing.
        """
        path = self.root / "graders" / exercise.grader
        if not path.is_file():
            manifest = self.folder(exercise) / "exercise.toml"
            raise ContentError(f'{manifest}: grader "{exercise.grader}" does not exist.', f"Write {path}.")
        return path

    def template_roots(self) -> list[Path]:
        """Return the `templates` folders to look in: the pack's own, then those that come with coach."""
        own = self.root / "templates"
        shared = _builtin_root() / "templates"
        return [own] if own == shared else [own, shared]

    def stacks(self) -> list[Stack]:
        """Return all stacks of this pack and those that come with coach, by id."""
        return [self._read_stack(name) for name in sorted(self._stack_names())]

    def stack(self, name: str) -> Stack:
        """Return the stack with this id.

        Raises:
            InputError: when there is none; the message names the nearest.
            ContentError: when its `stack.toml` is broken.
        """
        known = self._stack_names()
        if name not in known:
            raise InputError(f'There is no stack "{name}".', nearest(name, known))
        return self._read_stack(name)

    def content_hash(self, exercise: Exercise) -> str:
        """Return a SHA-256 over names and bytes of all that grades an exercise.

        That is the pack's manifest, the exercise's folder, its grader, and the fixtures that graders share.
        """
        paths = [
            self.root / "pack.toml",
            self.grader(exercise),
            self.root / "graders" / "conftest.py",
            *(path for _, path in files_below(self.folder(exercise))),
        ]
        return _digest(self.root, paths)

    def whole_hash(self) -> str:
        """Return a SHA-256 over names and bytes of all that the pack consists of."""
        return _digest(self.root, [path for _, path in pack_files(self.root)])

    def reference(self, exercise: Exercise) -> PackRef:
        """Say which content grades an exercise, for a report."""
        return PackRef(id=self.manifest.id, revision=self.revision, hash=self.content_hash(exercise))

    def _read_exercise(self, name: str) -> Exercise:
        path = self.root / "exercises" / name / "exercise.toml"
        exercise = read_toml(path, Exercise, ContentError)
        if exercise.id != name:
            raise ContentError(f'{path}: id is "{exercise.id}" but the folder is "{name}".', "Give both the same name.")
        return exercise

    def _stack_names(self) -> set[str]:
        return {name for root in self.template_roots() for name in _folders_with(root / "stacks", "stack.toml")}

    def _read_stack(self, name: str) -> Stack:
        paths = [root / "stacks" / name / "stack.toml" for root in self.template_roots()]
        path = next(path for path in paths if path.is_file())
        stack = read_toml(path, Stack, ContentError)
        if stack.id != name:
            raise ContentError(f'{path}: id is "{stack.id}" but the folder is "{name}".', "Give both the same name.")
        return stack


def open_pack(root: Path) -> Pack:
    """Read the pack in a folder.

    Raises:
        InputError: when the folder is no pack.
        ContentError: when its `pack.toml` is broken.
    """
    path = root / "pack.toml"
    if not path.is_file():
        raise InputError(f"{root} is not a pack: it has no pack.toml.", "Name the folder that holds pack.toml.")
    return Pack(root, read_toml(path, PackManifest, ContentError))


def builtin_pack() -> Pack:
    """Return the pack that comes with coach.

    Raises:
        PrerequisiteError: when this installation of coach lacks it.
    """
    root = _builtin_root()
    if not (root / "pack.toml").is_file():
        raise PrerequisiteError(f"coach's own exercises are missing: {root} has no pack.toml.", "Install coach again.")
    return open_pack(root)


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file below a folder with its relative POSIX path, sorted; leave out what is not content."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name in NOT_CONTENT:
            continue
        if path.is_dir():
            yield from ((f"{path.name}/{name}", inner) for name, inner in files_below(path))
        else:
            yield path.name, path


def exercise_ids(root: Path) -> list[str]:
    """Return the ids of all exercises of the pack in a folder, without reading it."""
    return _folders_with(root / "exercises", "exercise.toml")


def pack_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file that belongs to a pack, as `files_below` does; what else lies beside them is none of it."""
    yield "pack.toml", root / "pack.toml"
    for part in ("exercises", "graders", "templates"):
        yield from ((f"{part}/{name}", path) for name, path in files_below(root / part))


def _digest(root: Path, paths: list[Path]) -> str:
    """Return a SHA-256 over names and bytes of those of the files that exist."""
    import hashlib  # noqa: PLC0415 - `coach list` hashes nothing

    total = hashlib.sha256()
    for path in paths:
        if path.is_file():
            content = path.read_bytes()
            # The lengths keep two files apart from one that holds both.
            total.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
            total.update(content)
    return total.hexdigest()


def _builtin_root() -> Path:
    """Return the content inside an installed package, else the root of the checkout that this file belongs to."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "pack"
    return installed if installed.is_dir() else package.parents[1]


def _folders_with(parent: Path, manifest: str) -> list[str]:
    """Return the names of the folders in `parent` that hold a file of the name `manifest`."""
    return sorted(path.parent.name for path in parent.glob(f"*/{manifest}"))


def _place(exercise: Exercise, known: dict[str, Exercise]) -> tuple[bool, str, int, int, str]:
    """Return the sort key of an exercise: numbered ones first, by group and number, then by what they build on."""
    group = re.match(r"([a-z]+)(?:-(\d+)-)?", exercise.id)
    prefix, number = (group[1], group[2]) if group else (exercise.id, None)
    return number is None, prefix, int(number or 0), _depth(exercise, known, ()), exercise.id


def _depth(exercise: Exercise, known: dict[str, Exercise], above: tuple[str, ...]) -> int:
    """Return the length of the longest chain of requirements below an exercise."""
    chain = (*above, exercise.id)
    if exercise.id in above:
        raise ContentError(f"Exercises require each other: {' → '.join(chain)}.", "Take one out of requires.")
    return max((_depth(known[name], known, chain) + 1 for name in exercise.requires if name in known), default=0)
