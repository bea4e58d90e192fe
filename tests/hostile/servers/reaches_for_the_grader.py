"""Correct, and writes down what it can see of coach: its own environment, its parent's, open files, modules."""

import json
import os
import sys
from pathlib import Path

from echo_server import serve


def environment(pid):
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError as exc:
        return {"unreadable": str(exc)}
    return dict(item.split("=", 1) for item in raw.decode("utf-8", "replace").split("\0") if "=" in item)


def open_files():
    folder = Path("/proc/self/fd")
    return sorted(str(link.readlink()) for link in folder.iterdir() if link.is_symlink())


Path("seen.json").write_text(
    json.dumps(
        {
            "environment": dict(os.environ),
            "parent": environment(os.getppid()),
            "files": open_files(),
            "modules": [name for name in ("coach", "pytest", "httpx") if name in sys.modules],
            "path": sys.path,
        }
    )
)
serve()
