"""Correct, and keeps notes beside its own code."""

from pathlib import Path

from echo_server import serve

Path("server.log").write_text("started\n")
Path("uploads").mkdir(exist_ok=True)
(Path("uploads") / "a b.txt").write_text("an upload\n")
serve()
