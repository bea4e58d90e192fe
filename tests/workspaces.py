"""Workspaces that are ready to be graded: the dependencies of each stack are installed once and linked into copies."""

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from coach.catalog.faults import fault_tree
from coach.catalog.packs import builtin_pack
from coach.catalog.starters import reference_tree, render_starter, write_tree
from coach.model import WorkspaceConfig
from coach.runtime.prepare import prepare

Tree = Mapping[str, bytes]
EXERCISE = "phase-2-notes"
ECHO_PACK = Path(__file__).with_name("hostile") / "pack"


class Workspaces:
    """Makes workspaces of the built-in pack below any folder, fast after the first of each stack."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pack = builtin_pack()

    def starter(self, folder: Path, stack: str, exercise: str = EXERCISE) -> Path:
        """Make what `coach start` makes; return the folder."""
        return self.write(render_starter(self._pack, self._pack.exercise(exercise), self._pack.stack(stack)), folder)

    def reference(self, folder: Path, stack: str, exercise: str = EXERCISE) -> Path:
        """Make a workspace that passes; return the folder."""
        return self.write(reference_tree(self._pack, self._pack.exercise(exercise), stack), folder)

    def fault(self, folder: Path, name: str, stack: str, exercise: str = EXERCISE) -> Path:
        """Make a workspace with one mistake; return the folder."""
        return self.write(fault_tree(self._pack, self._pack.exercise(exercise), name, stack), folder)

    def write(self, tree: Tree, folder: Path) -> Path:
        """Write any tree that has a coach.toml, with its dependencies installed; return the folder."""
        write_tree(tree, folder)
        config = msgspec.convert(tomllib.loads(tree["coach.toml"].decode()), WorkspaceConfig)
        if config.install:
            self._link(self._prepared(tree, config), tree, folder)
        return folder

    def _prepared(self, tree: Tree, config: WorkspaceConfig) -> Path:
        """Return a folder in which the dependencies of such a tree are installed."""
        stack = self._pack.stack(config.stack)
        asked_for = [name for name in (stack.manifest, stack.lock) if name in tree]
        key = hashlib.sha256(b"\0".join([config.install.encode(), *(tree[name] for name in asked_for)])).hexdigest()
        folder = self._root / f"{config.stack}-{key[:8]}"
        if not folder.exists():
            write_tree({name: tree[name] for name in asked_for}, folder)
            prepare(folder, config, stack, lambda line: None)
        return folder

    def _link(self, prepared: Path, tree: Tree, folder: Path) -> None:
        """Put all that an installation has made into `folder`, as hard links: nothing writes to it any more."""
        for path in prepared.iterdir():
            if path.name in tree:
                continue
            if path.is_dir():
                shutil.copytree(path, folder / path.name, symlinks=True, copy_function=os.link)
            else:
                shutil.copy2(path, folder / path.name)


def echo_workspace(home: Path, start: str = "python3 echo_server.py") -> Path:
    """Make the workspace `echo`, whose server boots at once, beside the folder `pack`, which grades it."""
    folder = home / "echo"
    folder.mkdir()
    shutil.copytree(ECHO_PACK, home / "pack")
    for path in ECHO_PACK.with_name("servers").glob("*.py"):
        shutil.copy(path, folder)
    config = f'format = 1\nexercise = "hostile-echo"\nstack = "custom"\nstart = {json.dumps(start)}\n'
    (folder / "coach.toml").write_text(config, encoding="utf-8")
    return folder
