"""Runs coach on hostile submissions as a person does, and looks for what is left afterwards."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

from coach.processes import alive, descendants, listeners, poll
from coach.runtime.container.engine import LABEL
from coach.runtime.supervisor import become_subreaper
from tests.hostile.cases import ROOT, Case

HERE = Path(__file__).parent
PACK = HERE / "pack"
SERVERS = HERE / "servers"
GRACE = 1.0
"""Seconds after the end of coach in which the system may still be burying processes that coach has killed."""
ORDINARY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-sys_ptrace,-perfmon,-sys_admin") if ROOT else ()
"""Begins a command that may do with files and processes what an ordinary account may, and no more."""
needs_ordinary_account = pytest.mark.skipif(ROOT and shutil.which("setpriv") is None, reason="root needs setpriv")
MARK = "coach.hostile"
"""Label of everything that is made from a workspace's Dockerfile."""
DOCKERFILE = """\
FROM python:3.13-slim
LABEL {mark}={name}
ENV HOST=0.0.0.0 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY . .
CMD {command}
"""


@dataclass
class Place:
    """A folder of its own for one run: the workspace, and all that coach may write elsewhere."""

    root: Path
    name: str = "workspace"
    before: set[int] = field(init=False)
    since: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        # Whatever escapes coach and its supervisors becomes a descendant of this process, and cannot hide.
        become_subreaper()
        self.before = _mine()
        for folder in (self.workspace, self.home, self.scratch):
            folder.mkdir(parents=True)

    @property
    def name_in_engine(self) -> str:
        """What tells the images and containers of this place from all others."""
        return f"{os.getpid()}-{self.since}"

    @property
    def workspace(self) -> Path:
        """The learner's folder."""
        return self.root / self.name

    @property
    def home(self) -> Path:
        """The home of the person who runs coach."""
        return self.root / "home"

    @property
    def scratch(self) -> Path:
        """Where temporary files go."""
        return self.root / "tmp"

    def fill(self, start: str, *names: str) -> None:
        """Write a workspace with this start command, the correct server, and these of the hostile files."""
        for name in ("echo_server.py", "daemon.py", *names):
            shutil.copy(SERVERS / name, self.workspace)
        (self.workspace / "coach.toml").write_text(
            f'format = 1\nexercise = "hostile-echo"\nstack = "custom"\nstart = {json.dumps(start)}\n', encoding="utf-8"
        )
        (self.workspace / "Dockerfile").write_text(
            DOCKERFILE.format(mark=MARK, name=self.name_in_engine, command=start), encoding="utf-8"
        )

    def files(self) -> dict[str, bytes]:
        """Return the workspace's files and folders, without what coach and Python keep there."""
        return {
            str(path.relative_to(self.workspace)): path.read_bytes() if path.is_file() else b""
            for path in sorted(self.workspace.rglob("*"))
            if not {".coach", "__pycache__"} & set(path.relative_to(self.workspace).parts)
        }

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment in which coach runs."""
        own = {"HOME": str(self.home), "TMPDIR": str(self.scratch)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "XDG_"))}
        return {**kept, **own, **(more or {})}

    def spawn(self, *options: str, program: tuple[str, ...] = (), **more: Any) -> "subprocess.Popen[bytes]":
        """Start `coach grade` on the workspace, in a process group of its own."""
        program = program or (sys.executable, "-m", "coach")
        settings = {"env": self.environment(), "cwd": self.root, "start_new_session": True, **more}
        command = [*program, "grade", str(self.workspace), "--pack", str(PACK), *options]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, **settings)

    def leftovers(self, within: float = GRACE) -> list[str]:
        """Return what is left after `within` seconds: processes, the ports they listen on, temporary files."""
        found: list[str] = []

        def nothing_left() -> bool:
            processes = list(self._processes())
            ports = [f"port {found.port} of {found.pid}" for found in listeners(processes)]
            found[:] = [*map(_describe, processes), *ports, *map(str, self.scratch.iterdir())]
            return not found

        poll(nothing_left, within)
        return found

    def end_leftovers(self) -> None:
        """Kill what a failed test has left, so that it does not fail the next."""
        for process in self._processes():
            process.kill()

    def _processes(self) -> Iterator[psutil.Process]:
        own = _mine() - self.before
        for process in psutil.process_iter():
            if process.pid != os.getpid() and alive(process) and (process.pid in own or self._mentioned_by(process)):
                yield process

    def _mentioned_by(self, process: psutil.Process) -> bool:
        try:
            text = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            return False
        return process.pid not in self.before and any(str(self.root) in part for part in text)


@dataclass(frozen=True)
class Result:
    """What came of one `coach grade`: the report from its standard output, the text from its standard error."""

    exit_code: int
    report: dict[str, Any]
    output: str
    seconds: float

    @property
    def cause(self) -> str:
        """The code of the report's cause, if it has one."""
        return str((self.report["cause"] or {"code": ""})["code"])

    def verdicts(self) -> dict[str, str]:
        """Return the verdict on every check, as "outcome code"."""
        return {
            check["name"]: f"{check['outcome']} {check['code'] or check['blocked_by']}".rstrip()
            for check in self.report["checks"]
        }


def grade(place: Place, *options: str, limit: float = 120, **more: Any) -> Result:
    """Run `coach grade` to its end and read its report."""
    began = time.monotonic()
    process = place.spawn("--json", "-", *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    try:
        report, output = process.communicate(timeout=limit)
    finally:
        process.kill()
    seconds = time.monotonic() - began
    return Result(process.returncode, json.loads(report or "{}"), output.decode(), seconds)


def left_in(engine: docker.DockerClient, place: Place) -> set[str]:
    """Return what the grading of a place has left in a Docker engine, on which others may be working too."""
    api = engine.api
    ours = f"{MARK}={place.name_in_engine}"
    made = {"label": ours, "type": "container", "event": "create"}
    events = list(api.events(since=int(place.since), until=int(time.time()) + 1, filters=made, decode=True))
    tokens = {event["Actor"]["Attributes"].get(LABEL) for event in events} - {None}  # a build makes containers too
    assert len(tokens) == 1, "the grading made no container"
    labels = [ours, f"{LABEL}={tokens.pop()}"]
    return {
        f"{kind} {found.get('Id', found.get('Name'))}"
        for label in labels
        for kind, list_of in (
            ("container", api.containers(all=True, filters={"label": label})),
            ("image", api.images(all=True, filters={"label": label})),
            ("network", api.networks(filters={"label": label})),
            ("volume", api.volumes(filters={"label": label})["Volumes"] or ()),
        )
        for found in list_of
    }


def fill_for(place: Place, case: Case) -> None:
    """Write the workspace of a case."""
    file = f"{case.name}.py"
    place.fill(case.command, *([file] if (SERVERS / file).exists() else []))


def _mine() -> set[int]:
    return {process.pid for process in descendants(os.getpid())}


def _describe(process: psutil.Process) -> str:
    try:
        return f"process {process.pid}: {' '.join(process.cmdline())[:120]}"
    except psutil.Error:
        return f"process {process.pid}"
