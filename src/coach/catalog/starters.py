"""Starters and references as trees: relative POSIX path to content, so that callers write, hash or compare them."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

from coach.catalog.handlers import handlers
from coach.catalog.instructions import render_instructions, tasks
from coach.catalog.packs import Pack, files_below
from coach.catalog.templates import render
from coach.errors import ContentError, InputError, PrerequisiteError, nearest
from coach.model import Exercise, Stack, Task

SHARED = "_shared"
"""The folder beside the stacks whose files every workspace gets; a stack's file of the same name replaces one."""


def render_starter(pack: Pack, exercise: Exercise, stack: Stack) -> dict[str, bytes]:
    """Return the project that a learner starts from.

    Files named `x.j2` are rendered to `x`, all others are copied. What the exercise has in `starter/<stack>/` replaces
    or joins the rendered files.

    Raises:
        InputError: when the exercise does not offer the stack.
        ContentError: when a template or a dependency is wrong.
    """
    if stack.id not in exercise.stacks:
        raise InputError(
            f'"{exercise.id}" has no starter for the stack "{stack.id}".', nearest(stack.id, exercise.stacks)
        )
    folders = [root / "stacks" for root in pack.template_roots()]
    instructions = render_instructions(pack, exercise)
    context = _context(pack, exercise, stack, tasks(instructions))
    tree = {"instructions.md": instructions.encode()}
    for part in (SHARED, stack.id):
        folder = next((folder / part for folder in folders if (folder / part).is_dir()), folders[0] / part)
        for name, path in files_below(folder):
            if name.endswith(".j2"):
                tree[name.removesuffix(".j2")] = render(folders, f"{part}/{name}", context).encode()
            elif name != "stack.toml":
                tree[name] = path.read_bytes()
    tree.update(_overlay(pack.folder(exercise) / "starter" / stack.id))
    return dict(sorted(tree.items()))


def reference_tree(pack: Pack, exercise: Exercise, stack: str) -> dict[str, bytes]:
    """Return a solution that must pass: the starter under `reference/<stack>/`, or for `custom` that folder alone.

    Raises:
        InputError: when the exercise has no reference for the stack.
    """
    parent = pack.folder(exercise) / "reference"
    overlay = _overlay(parent / stack)
    if not overlay:
        known = [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
        raise InputError(f'"{exercise.id}" has no reference for the stack "{stack}".', nearest(stack, known))
    if stack == "custom":
        return overlay
    return dict(sorted((render_starter(pack, exercise, pack.stack(stack)) | overlay).items()))


def write_tree(tree: Mapping[str, bytes], folder: Path) -> None:
    """Write all files of a tree below `folder`, or none: nothing that exists is replaced.

    Raises:
        InputError: when a file is in the way; nothing has been written then.
        PrerequisiteError: when the machine refuses (no right, no space); what was written is removed again.
    """
    path = folder
    written: list[Path] = []
    try:
        _refuse_to_replace(tree, folder)
        for name, content in tree.items():
            path = folder / name
            _make_folder(path.parent, written)
            with path.open("xb") as file:
                written.append(path)
                file.write(content)
    except OSError as exc:
        _remove(written)
        raise PrerequisiteError(
            f"{exc.filename or path} could not be written: {exc.strerror}. Nothing was left behind.", _remedy(exc)
        ) from exc
    except BaseException:
        _remove(written)
        raise


def _context(pack: Pack, exercise: Exercise, stack: Stack, numbered: tuple[Task, ...]) -> dict[str, object]:
    """Return what templates of a stack may use."""

    def dependencies(*base: str) -> dict[str, str]:
        """Packages with their versions: those that the template names and those that the exercise adds, sorted."""
        names = sorted({*base, *exercise.dependencies.get(stack.id, ())})
        for name in names:
            if name not in stack.packages:
                manifest = pack.folder(exercise) / "exercise.toml"
                raise ContentError(
                    f'{manifest}: dependencies.{stack.id} names "{name}", which stack.toml gives no version.',
                    nearest(name, stack.packages),
                )
        return {name: stack.packages[name] for name in names}

    routes = handlers(exercise.routes)
    return {
        "exercise": exercise,
        "pack": pack.manifest,
        "revision": pack.revision,
        "stack": stack,
        "tasks": numbered,
        "handlers": routes,
        "named": {creator for route in routes for creator in route.ids.values() if creator},
        "variables": sorted({name for route in routes for name, creator in route.ids.items() if not creator}),
        "dependencies": dependencies,
    }


def _overlay(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_below(folder)}


def _refuse_to_replace(tree: Mapping[str, bytes], folder: Path) -> None:
    """Raise InputError where a file of the tree exists below `folder`, or a file stands where a folder is due."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; nothing was written.", "Choose a folder.")
    parents = sorted({parent.as_posix() for name in tree for parent in Path(name).parents if parent != Path()})
    in_the_way = [name for name in tree if (folder / name).exists() or (folder / name).is_symlink()]
    in_the_way += [name for name in parents if (folder / name).exists() and not (folder / name).is_dir()]
    if in_the_way:
        shown = ", ".join(in_the_way[:3]) + (f" and {len(in_the_way) - 3} more" if len(in_the_way) > 3 else "")
        raise InputError(
            f"{folder} already holds {shown}; nothing was written.",
            "Choose an empty or a new folder, or move these files away.",
        )


def _make_folder(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it that are missing; note each in `made`."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        made.append(path)


def _remove(written: list[Path]) -> None:
    """Remove files and folders again, the latest first; one that cannot be removed does not keep the others."""
    for path in reversed(written):
        try:
            path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            continue


def _remedy(exc: OSError) -> str:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space on this disk, or choose a folder on another one."
    if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Choose a folder in which you may write."
    return "Choose another folder."
