"""Grades a workspace through `session.grade` in a process of its own, as the command line does, and says what came."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coach.catalog.packs import open_pack
from coach.errors import CoachError
from coach.model import CheckResult, Report
from coach.plain import report_from_json, to_json
from coach.session import Options, grade
from coach.workspace import find_workspace
from tests.runtime.programs import HTTP_SERVER, HTTP_START

ROOT = Path(__file__).parents[1]
PACK = 'format = 1\nid = "small"\ntitle = "A small pack"\nsummary = "For tests."\nversion = "3.1.4"\n'
EXERCISE = """\
format = 1
id = "one"
title = "One"
kind = "task"
summary = "A task."
minutes = 5
grader = "test_one.py"
stacks = ["custom"]
routes = []

[env]
SECRET = { random = 16 }
PLAIN = "text"

[limits]
boot = 10
check = 5
"""
INSTRUCTIONS = "# One\n\n## 1. Answer\n\nAnswer.\n\n## 2. Refuse\n\nRefuse.\n"
GRADER = '''\
"""Grades one."""

from coach.grading import check, expect


@check(task=1, points=2)
def test_answers(api):
    """GET / answers 200"""
    expect(api.get("/")).status(200)


@check(task=2)
def test_shows_its_data(api, env, rng):
    """Shows its random data"""
    seen = expect(api.get("/")).field("env")
    assert seen["SECRET"] == env["SECRET"]
    assert False, f"{env['PLAIN']} {env['SECRET']} {rng.random()}"
'''


@dataclass(frozen=True)
class Session:
    """What came of a session: the report or the error, and what the watcher was told, in order."""

    report: Report | None
    error: str
    hint: str
    told: tuple[str, ...]
    left: tuple[str, ...]
    """What lies in the folder for temporary files afterwards."""

    @property
    def graded(self) -> Report:
        """The report, which there must be."""
        assert self.report is not None, self.error
        return self.report

    def outcomes(self) -> dict[str, str]:
        """Return "outcome code-or-blocker" of each check."""
        return {
            check.name.removeprefix("test_"): f"{check.outcome} {check.code or check.blocked_by}".strip()
            for check in self.graded.checks
        }


class Place:
    """A pack with the exercise `one`, a workspace with a server that answers, and a folder for temporary files."""

    def __init__(self, root: Path) -> None:
        self.pack, self.workspace, self.temporary = root / "pack", root / "workspace", root / "tmp"
        self.temporary.mkdir()
        for name, text in {
            "pack.toml": PACK,
            "exercises/one/exercise.toml": EXERCISE,
            "exercises/one/instructions.md": INSTRUCTIONS,
            "graders/test_one.py": GRADER,
        }.items():
            path = self.pack / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.workspace.mkdir()
        (self.workspace / "server.py").write_text(HTTP_SERVER)
        self.configure()

    def configure(self, **settings: str) -> None:
        """Write coach.toml with these settings."""
        values = {"exercise": "one", "stack": "custom", "start": HTTP_START, **settings}
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        (self.workspace / "coach.toml").write_text("\n".join(["format = 1", *lines, ""]))

    def spawn(self, *, env: Mapping[str, str] | None = None, **options: Any) -> "subprocess.Popen[str]":
        """Start a grading with these options."""
        task = {"pack": str(self.pack), "workspace": str(self.workspace), "options": options}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.sessions", json.dumps(task)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.temporary), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def grade(self, *, env: Mapping[str, str] | None = None, **options: Any) -> Session:
        """Grade and return what came."""
        process = self.spawn(env=env, **options)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        data = json.loads(output)
        report = report_from_json(json.dumps(data["report"])) if data["report"] else None
        return Session(report, data["error"], data["hint"], tuple(data["told"]), tuple(self.left()))

    def left(self) -> list[str]:
        """Return what lies in the folder for temporary files."""
        return sorted(path.name for path in self.temporary.iterdir())


class Recorder:
    """Keeps what a watcher is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def phase(self, name: str) -> None:
        self.told.append(f"phase {name}")

    def progress(self, line: str) -> None:
        self.told.append(f"progress {line}")

    def check(self, result: CheckResult) -> None:
        self.told.append(f"check {result.name}")


def main() -> None:
    """Grade as the first argument says, and write what came to standard output."""
    task = json.loads(sys.argv[1])
    options = {**task["options"], "only": tuple(task["options"].get("only", ()))}
    watcher = Recorder()
    report, error = None, None
    try:
        workspace = find_workspace(Path(task["workspace"]))
        report = grade(workspace, open_pack(Path(task["pack"])), Options(**options), watcher)
    except CoachError as exc:
        error = exc
    data = {
        "report": json.loads(to_json(report)) if report else None,
        "error": f"{type(error).__name__}: {error}" if error else "",
        "hint": error.hint if error else "",
        "told": watcher.told,
    }
    sys.stdout.write(json.dumps(data))


if __name__ == "__main__":
    main()
