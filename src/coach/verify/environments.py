"""One installed environment per stack, linked into every tree that asks for no other."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from coach.catalog.packs import Pack
from coach.catalog.starters import render_starter, write_tree
from coach.model import Exercise, Stack, WorkspaceConfig
from coach.runtime.prepare import mark_prepared, prepare

Tree = Mapping[str, bytes]


class Environments:
    """Installed dependencies below `folder`, made when first asked for and kept for the next time."""

    def __init__(self, folder: Path, pack: Pack) -> None:
        self._folder = folder
        self._pack = pack
        self._rendered: dict[tuple[str, str], tuple[bytes, Tree]] = {}

    def furnish(self, tree: Tree, workspace: Path, exercise: Exercise, config: WorkspaceConfig) -> None:
        """Link the dependencies of a tree into the workspace where it has been written.

        Raises:
            PrerequisiteError: when they cannot be installed on this machine.
            SubmissionError: when the tree's own manifest is refused.
        """
        stack = self._pack.stack(config.stack)
        if not stack.install or config.install != stack.install:
            return  # the tree installs what it needs in its own way
        environment = self._environment(self._manifests(tree, exercise, stack), config, stack)
        for name in {Path(folder).parts[0] for folder in stack.path}:
            (workspace / name).symlink_to(environment / name)
        mark_prepared(workspace, config, stack)

    def _manifests(self, tree: Tree, exercise: Exercise, stack: Stack) -> Tree:
        """Return what to install: for a rendered manifest all packages of its stack, so that exercises share one."""
        own = {name: tree[name] for name in (stack.manifest, stack.lock) if name in tree}
        key = (exercise.id, stack.id)
        if key not in self._rendered:
            everything = msgspec.structs.replace(exercise, dependencies={stack.id: tuple(stack.packages)})
            self._rendered[key] = (self._manifest(exercise, stack), {stack.manifest: self._manifest(everything, stack)})
        starters, shared = self._rendered[key]
        return shared if own == {stack.manifest: starters} else own

    def _manifest(self, exercise: Exercise, stack: Stack) -> bytes:
        return render_starter(self._pack, exercise, stack).get(stack.manifest, b"")

    def _environment(self, manifests: Tree, config: WorkspaceConfig, stack: Stack) -> Path:
        digest = hashlib.sha256(f"{sys.executable}\0{os.environ.get('PATH')}\0{config.install}".encode())
        for name, content in sorted(manifests.items()):
            digest.update(f"\0{name}\0".encode() + content)
        folder = self._folder / f"{stack.id}-{digest.hexdigest()[:16]}"
        if not folder.exists():
            write_tree(manifests, folder)
        prepare(folder, config, stack, lambda _: None)
        return folder
