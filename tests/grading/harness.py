"""Grades a program with a grader that a test has written, in a process of its own: pytest runs once per process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from coach.errors import CoachError
from coach.grading.plugin import run_grader
from coach.grading.run import Run
from coach.model import Cause, CheckResult, Limits, Mode, Network, Notice
from coach.processes import Listener
from coach.runtime.process import ProcessProgram
from coach.runtime.program import Exit, Program, ProgramLog, Spec
from tests.runtime.programs import HTTP_SERVER

ROOT = Path(__file__).parents[2]


class Idle:
    """A program that is always there and does nothing, for tests that are not about the program."""

    mode: Mode = "process"
    network: Network = "open"
    address = ("127.0.0.1", 9)

    def __init__(self, scratch: Path) -> None:
        self.log = ProgramLog(scratch / "log")

    def build(self, progress: object) -> None: ...

    def start(self, env: object = None) -> None: ...

    def wait_ready(self) -> None: ...

    def stop(self, number: int = 0, grace: float = 0) -> Exit:
        return Exit()

    def ended(self) -> Exit | None:
        return None

    def listens(self) -> list[Listener]:
        return []

    def notices(self) -> list[Notice]:
        return []

    def close(self) -> None: ...


@dataclass(frozen=True)
class Graded:
    """What came of a grading: the results in the order in which they were told, the cause, or the error."""

    results: dict[str, CheckResult]
    cause: Cause | None
    error: str
    hint: str
    output: str
    environment: dict[str, str] = field(default_factory=dict)

    def outcomes(self) -> dict[str, str]:
        """Return "outcome code-or-blocker" of each check, its name without the prefix."""
        return {
            name.removeprefix("test_"): f"{result.outcome} {result.code or result.blocked_by}".strip()
            for name, result in self.results.items()
        }


def grade(folder: Path, grader: str, *, start: str = "", **options: Any) -> Graded:
    """Grade the server above, started by `HTTP_START`, or the idle program, with the text of a grader.

    `options` are fields of `Run`; `limits` a mapping; `env` more environment variables for the grading process.
    """
    for name in ("workspace", "scratch", "pack"):
        (folder / name).mkdir()
    (folder / "workspace" / "server.py").write_text(HTTP_SERVER)
    path = folder / "pack" / "test_grader.py"
    path.write_text(f'"""Grades."""\n\nfrom coach.grading import check, expect\n\n\n{grader}', encoding="utf-8")
    env = {**os.environ, **options.pop("env", {})}
    task = {"folder": str(folder), "grader": str(path), "start": start, "options": options}
    done = subprocess.run(
        [sys.executable, "-m", "tests.grading.harness"],
        input=json.dumps(task),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *output, last = done.stdout.splitlines()
    data = json.loads(last)
    results = {each["name"]: msgspec.convert(each, CheckResult) for each in data["results"]}
    cause = msgspec.convert(data["cause"], Cause | None)
    return Graded(results, cause, data["error"], data["hint"], "\n".join(output) + done.stderr, data["environment"])


def main() -> None:
    """Grade as standard input says, and write the results as the last line of standard output."""
    task = json.load(sys.stdin)
    folder, options = Path(task["folder"]), task["options"]
    limits = msgspec.convert(options.pop("limits", {}), Limits)
    cause = msgspec.convert(options.pop("cause", None), Cause | None)
    spec = Spec(workspace=folder / "workspace", start=task["start"], scratch=folder / "scratch", token=folder.name)
    program: Program = ProcessProgram(spec) if task["start"] else Idle(spec.scratch)
    told: list[CheckResult] = []
    settings = {"base_path": "", "env": {"SECRET": "s"}, "seed": 1, "task_titles": {1: "Create"}, **options}
    for several in ("only", "tasks"):
        settings[several] = tuple(settings.get(several, ()))
    run = Run(program=program, limits=limits, cause=cause, on_result=told.append, **settings)
    error: CoachError | None = None
    try:
        if cause is None:
            program.start()
        run_grader(Path(task["grader"]), run)
    except CoachError as exc:
        error = exc
    finally:
        program.close()
    kinds = {"error": f"{type(error).__name__}: {error}" if error else "", "hint": error.hint if error else ""}
    environment = {name: value for name, value in os.environ.items() if name.startswith("PYTEST")}
    data = {"results": told, "cause": run.cause, "environment": environment, **kinds}
    sys.stdout.write("\n" + msgspec.json.encode(data).decode() + "\n")


if __name__ == "__main__":
    main()
