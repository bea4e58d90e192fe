"""A pack with one small exercise on the standard library, whose files a test can spoil one at a time."""

from pathlib import Path

FILES = {
    "pack.toml": 'format = 1\nid = "tiny"\ntitle = "Tiny"\nsummary = "One exercise."\nversion = "1"\n',
    "exercises/tiny-count/exercise.toml": """
format = 1
id = "tiny-count"
title = "A counter"
kind = "task"
summary = "Counts."
minutes = 5
grader = "test_tiny_count.py"
stacks = ["custom"]
limits = { boot = 5, check = 3, run = 10 }
[[routes]]
method = "POST"
path = "/count"
task = 1
summary = "Count one more"
answers = [200]
""",
    "exercises/tiny-count/instructions.md": "# A counter\n\n## 1. Count\n\n## 2. Keep\n",
    "exercises/tiny-count/hints.md": "## 1. Count\n\nAdd one.\n\n## 2. Keep\n\nWrite it down.\n",
    "exercises/tiny-count/reference/custom/coach.toml": """
format = 1
exercise = "tiny-count"
pack = "tiny"
stack = "custom"
start = "python3 server.py"
""",
    "exercises/tiny-count/reference/custom/server.py": """
import json
import os
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

FILE = pathlib.Path(os.environ["DATA_DIR"]) / "count"
lock = Lock()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        with lock:
            count = int(FILE.read_text() if FILE.exists() else 0) + 1
            FILE.write_text(str(count))
        body = json.dumps({"count": count}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
""",
    "exercises/tiny-count/faults.toml": '''
format = 1
[[fault]]
name = "counts-by-two"
why = "Adds two"
fails = ["test_counts"]
[[fault.edit]]
stack = "custom"
file = "server.py"
find = "+ 1"
replace = "+ 2"
[[fault]]
name = "forgets"
why = "Starts from zero"
fails = ["test_keeps"]
[[fault.edit]]
stack = "custom"
file = "server.py"
find = "lock = Lock()"
replace = "lock = Lock(); FILE.unlink(missing_ok=True)"
[[fault]]
name = "loses-a-race"
why = "Reads, waits and writes without a lock"
fails = ["test_counts_at_once"]
[[fault.edit]]
stack = "custom"
file = "server.py"
find = """
        with lock:
            count = int(FILE.read_text() if FILE.exists() else 0) + 1
            FILE.write_text(str(count))"""
replace = """
        import time
        count = int(FILE.read_text() if FILE.exists() else 0) + 1
        time.sleep(0.1)
        FILE.write_text(str(count))"""
''',
    "graders/test_tiny_count.py": '''
"""Grades tiny-count."""
from coach.grading import check, expect


@check(task=1)
def test_counts(api):
    """POST /count answers one more than before"""
    before = expect(api.post("/count")).status(200).field("count", int)
    expect(api.post("/count")).status(200).json({"count": before + 1})


@check(task=2, needs=test_counts)
def test_keeps(api, server):
    """The count goes on after a restart"""
    before = expect(api.post("/count")).status(200).field("count", int)
    server.restart()
    expect(api.post("/count")).status(200).json({"count": before + 1})


@check(task=2, needs=test_counts)
def test_counts_at_once(api, simultaneously):
    """Three requests at once count three"""
    counts = {expect(reply).field("count", int) for reply in simultaneously(3, lambda _: api.post("/count"))}
    assert len(counts) == 3, "Two requests got the same count."
''',
}
REFERENCE = "exercises/tiny-count/reference/custom/server.py"
FAULTS = "exercises/tiny-count/faults.toml"
GRADER = "graders/test_tiny_count.py"
MANIFEST = "exercises/tiny-count/exercise.toml"


def write_pack(root: Path) -> Path:
    """Write the pack below `root`; return its folder."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
    return root


def spoil(root: Path, name: str, old: str, new: str) -> None:
    """Replace a text that stands in a file of the pack."""
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
