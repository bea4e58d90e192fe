"""Correct, and leaves links to its workspace and folders without rights where coach cleans up."""

import tempfile
from pathlib import Path

from echo_server import DATA, serve

for folder in (DATA, Path.home(), Path(tempfile.gettempdir())):
    if (folder / "locked").exists():
        continue
    (folder / "link").symlink_to(Path.cwd())
    locked = folder / "locked" / "inner"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0)
    locked.parent.chmod(0)
serve()
