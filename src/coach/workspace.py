"""The learner's folder: `coach.toml` marks it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from coach.errors import InputError
from coach.model import WorkspaceConfig
from coach.plain import read_toml

MARK = "coach.toml"


@dataclass(frozen=True)
class Workspace:
    """A learner's folder and what its coach.toml says."""

    root: Path
    config: WorkspaceConfig


def find_workspace(start: Path) -> Workspace:
    """Return the workspace that holds the folder `start`.

    Raises:
        InputError: when there is none, or its coach.toml is broken.
    """
    try:
        start = start.resolve()
        if not start.is_dir():
            raise InputError(f"{start} is not a folder.", "Name the folder that holds coach.toml.")
        root = next((folder for folder in (start, *start.parents) if (folder / MARK).exists()), None)
    except (OSError, RuntimeError) as exc:  # Python before 3.13 raises RuntimeError for links that lead in a circle
        reason = exc.strerror if isinstance(exc, OSError) else "its links lead in a circle"
        raise InputError(f"{start} cannot be looked into: {reason}.", "Check the permissions of this folder.") from exc
    if root is None:
        raise InputError(
            f"There is no {MARK} in {start} or above it, so this is no workspace.",
            "Go to the folder that `coach start` made, or name it: coach grade DIR",
        )
    return Workspace(root, read_toml(root / MARK, WorkspaceConfig, InputError))
