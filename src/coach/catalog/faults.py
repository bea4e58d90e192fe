"""Faults: wrong solutions, written as a few edits of a reference."""

from __future__ import annotations

from coach.catalog.packs import Pack
from coach.catalog.starters import reference_tree
from coach.errors import ContentError, InputError, nearest
from coach.model import Exercise, Fault, Faults
from coach.plain import read_toml


def faults(pack: Pack, exercise: Exercise) -> tuple[Fault, ...]:
    """Return the faults of an exercise.

    Raises:
        ContentError: when `faults.toml` is broken, or gives one name to two faults.
    """
    path = pack.folder(exercise) / "faults.toml"
    found = read_toml(path, Faults, ContentError).fault if path.is_file() else ()
    names = [fault.name for fault in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ContentError(f'{path}: two faults have the name "{twice}".', "Rename one of them.")
    return found


def fault_tree(pack: Pack, exercise: Exercise, name: str, stack: str) -> dict[str, bytes]:
    """Return the reference of a stack with the edits of a fault.

    Raises:
        InputError: when there is no such fault, or it has no edits for the stack.
        ContentError: when an edit does not match exactly once.
    """
    known = {fault.name: fault for fault in faults(pack, exercise)}
    if name not in known:
        raise InputError(f'"{exercise.id}" has no fault "{name}".', nearest(name, known))
    edits = [edit for edit in known[name].edit if edit.stack == stack]
    if not edits:
        raise InputError(f'The fault "{name}" has no edits for the stack "{stack}".')
    tree = reference_tree(pack, exercise, stack)
    where = pack.folder(exercise) / "faults.toml"
    for edit in edits:
        if edit.file not in tree:
            raise ContentError(f'{where}: fault "{name}": the reference has no file "{edit.file}".')
        text = tree[edit.file].decode("utf-8")
        found = text.count(edit.find)
        if found != 1:
            raise ContentError(
                f'{where}: fault "{name}": find matches {found} times in {edit.file}: {edit.find[:60]!r}',
                "Make it match exactly once.",
            )
        tree[edit.file] = text.replace(edit.find, edit.replace).encode()
    return tree
