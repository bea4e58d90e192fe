"""Where coach keeps what is not the learner's: data that must last, and a cache that may go."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs

_DIRS = PlatformDirs("coach", appauthor=False)


def data_folder() -> Path:
    """Return the folder for what must last; `COACH_HOME` replaces the platform's own choice."""
    return _below("data") or _DIRS.user_data_path


def cache_folder() -> Path:
    """Return the folder for what can be made again; `COACH_HOME` replaces the platform's own choice."""
    return _below("cache") or _DIRS.user_cache_path


def _below(name: str) -> Path | None:
    home = os.environ.get("COACH_HOME")
    return Path(home) / name if home else None
