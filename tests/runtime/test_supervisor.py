"""The supervisor keeps its side of the protocol, and leaves nothing behind however it ends."""

import ctypes
import json
import os
import resource
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from coach.processes import descendants, poll
from coach.runtime import supervisor
from coach.runtime.supervisor import Log, become_subreaper, remove_scratch, spawn

pytestmark = pytest.mark.usefixtures("nothing_left")


class Supervisor:
    """A real supervisor, spoken to as coach speaks to it."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir()
        self.scratch = scratch
        self.process = spawn(scratch)
        self._pending = b""

    def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def start(self, command: str, **settings: Any) -> None:
        """Start a command, with settings of no consequence where none are given."""
        plain = {
            "cwd": str(self.scratch),
            "env": {"PATH": os.environ["PATH"]},
            "log": str(self.log),
            "log_limit": 1 << 20,
            "memory": 1 << 30,
            "processes": 100,
        }
        self.tell(do="start", command=command, **(plain | settings))

    @property
    def log(self) -> Path:
        return self.scratch / "log"

    def hear(self, event: str) -> dict[str, Any]:
        """Wait for the next event, which must be this one."""
        assert self.process.stdout is not None
        while b"\n" not in self._pending:
            assert select.select([self.process.stdout], [], [], 20)[0], f"no {event!r} in 20 s"
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            assert data, f"the supervisor ended instead of reporting {event!r}"
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        heard: dict[str, Any] = json.loads(line)
        assert heard.pop("event") == event, heard
        return heard

    def tree(self) -> list[psutil.Process]:
        return descendants(self.process.pid)

    def end(self) -> None:
        """Close its input, as the end of coach does, and wait for its end."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait(20)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "scratch")
    yield made
    made.end()


# ── the protocol ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_runs_and_its_end_is_told(watched: Supervisor) -> None:
    watched.start("echo hello; echo to you >&2; exit 3")

    assert watched.hear("started")["pid"] > 0
    assert watched.hear("ended") == {"code": 3, "signal": None, "limit": "", "survivors": 0}
    assert watched.log.read_text() == "hello\nto you\n"


def test_an_end_by_a_signal_is_told(watched: Supervisor) -> None:
    watched.start("kill -SEGV $$")
    watched.hear("started")
    assert watched.hear("ended") == {"code": None, "signal": signal.SIGSEGV, "limit": "", "survivors": 0}


def test_a_stop_is_told_once_the_whole_tree_is_gone(watched: Supervisor) -> None:
    watched.start("sleep 300 & exec sleep 300")
    watched.hear("started")
    assert poll(lambda: len(watched.tree()) == 2, 10)

    watched.tell(do="stop", signal=signal.SIGTERM, grace=10)

    assert watched.hear("ended")["signal"] == signal.SIGTERM
    assert watched.hear("stopped") == {"code": None, "signal": signal.SIGTERM, "limit": "", "dropped": 0}
    assert watched.tree() == []


def test_what_ignores_the_signal_is_killed_after_the_grace(watched: Supervisor) -> None:
    watched.start("trap '' TERM; echo deaf; while true; do sleep 1; done")
    watched.hear("started")
    assert poll(watched.log.read_text, 10) == "deaf\n"

    watched.tell(do="stop", signal=signal.SIGTERM, grace=0.1)

    watched.hear("ended")
    assert watched.hear("stopped")["signal"] == signal.SIGKILL


def test_a_program_that_has_ended_can_be_stopped(watched: Supervisor) -> None:
    watched.start("exit 4")
    watched.hear("started")
    watched.hear("ended")
    watched.tell(do="stop", signal=signal.SIGTERM, grace=10)
    assert watched.hear("stopped")["code"] == 4


def test_one_program_follows_another_and_the_log_goes_on(watched: Supervisor) -> None:
    for word in ("one", "two"):
        watched.start(f"echo {word}")
        watched.hear("started")
        watched.hear("ended")
        watched.tell(do="stop", signal=signal.SIGKILL, grace=0)
        watched.hear("stopped")
    assert watched.log.read_text() == "one\ntwo\n"


def test_processes_that_outlive_the_command_are_counted(watched: Supervisor) -> None:
    watched.start("sleep 300 & sleep 300 & exit 0")
    watched.hear("started")
    assert watched.hear("ended")["survivors"] == 2
    watched.tell(do="stop", signal=signal.SIGKILL, grace=0)
    watched.hear("stopped")
    assert watched.tree() == []


@pytest.mark.parametrize("broken", [{"cwd": "/nonexistent"}, {"log": "/nonexistent/log"}])
def test_a_command_that_cannot_be_run_is_told_and_another_can_follow(
    broken: dict[str, str], watched: Supervisor
) -> None:
    watched.start("true", **broken)
    assert watched.hear("failed") == {"reason": "No such file or directory"}

    watched.start("true")
    watched.hear("started")
    assert watched.hear("ended")["code"] == 0


def test_the_program_is_given_nothing_but_its_environment_and_no_file_of_coach(watched: Supervisor) -> None:
    code = "import os, json; print(json.dumps([dict(os.environ), sorted(os.listdir('/dev/fd')), os.getsid(0)]))"
    env = {"PATH": "/bin:/usr/bin", "GREETING": "Grüße", "CODE": code}
    watched.start(f'exec "{sys.executable}" -I -c "$CODE"', env=env)
    pid = watched.hear("started")["pid"]
    watched.hear("ended")

    seen, files, session = json.loads(watched.log.read_text())

    assert {name: seen[name] for name in env} == env
    assert set(seen) - set(env) <= {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert set(files) <= {"0", "1", "2", "3"}  # 3 is the listing's own
    assert session == pid


def test_signals_are_not_ignored_when_the_program_begins(watched: Supervisor) -> None:
    numbers = "SIGINT SIGTERM SIGHUP SIGCHLD SIGUSR1"
    code = f"import signal; print([int(signal.getsignal(getattr(signal, n))) for n in '{numbers}'.split()[1:]])"
    watched.start(f'exec "{sys.executable}" -I -c "{code}"')
    watched.hear("started")
    watched.hear("ended")
    assert watched.log.read_text() == "[0, 0, 0, 0]\n"


def test_files_of_the_program_have_a_limit_and_no_core_is_written(watched: Supervisor) -> None:
    code = "import resource as r; print(r.getrlimit(r.RLIMIT_FSIZE), r.getrlimit(r.RLIMIT_CORE))"
    watched.start(f'exec "{sys.executable}" -I -c "{code}"')
    watched.hear("started")
    watched.hear("ended")
    assert watched.log.read_text() == f"{(1 << 30, 1 << 30)} {(0, 0)}\n"


@pytest.mark.parametrize(("allowed", "given"), [(resource.RLIM_INFINITY, 1 << 30), (1 << 40, 1 << 30), (5000, 5000)])
def test_a_lower_limit_of_the_machine_stays(allowed: int, given: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not raise a limit would otherwise have no program at all."""
    set_to: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(supervisor, "SUPPORTS_SUBREAPER", False)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (allowed, allowed))
    monkeypatch.setattr(resource, "setrlimit", set_to.__setitem__)
    supervisor._before_exec()()
    assert set_to == {resource.RLIMIT_CORE: (0, 0), resource.RLIMIT_FSIZE: (given, given)}


def test_what_was_printed_is_in_the_log_once_it_is_drained(watched: Supervisor) -> None:
    watched.tell(do="drain")
    watched.hear("drained")
    watched.start("seq 20000; exec sleep 300")
    watched.hear("started")
    assert poll(lambda: watched.tree()[0].name() == "sleep", 10)
    watched.tell(do="drain")
    watched.hear("drained")
    assert watched.log.read_text().endswith("\n20000\n")


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tree_that_uses_too_much_memory_is_ended(watched: Supervisor) -> None:
    code = "import time; block = bytearray(range(256)) * (1 << 18); time.sleep(300)"
    watched.start(f'"{sys.executable}" -I -c "{code}"; exit 0', memory=32 << 20)
    watched.hear("started")
    assert watched.hear("ended")["limit"] == "memory"
    assert watched.tree() == []


def test_a_tree_with_too_many_processes_is_ended(watched: Supervisor) -> None:
    watched.start("for i in 1 2 3 4 5 6; do sleep 300 & done; wait", processes=5)
    watched.hear("started")
    assert watched.hear("ended")["limit"] == "processes"
    assert poll(lambda: watched.tree() == [], 10)


def test_a_log_that_is_full_drops_and_counts(watched: Supervisor) -> None:
    watched.start("seq 1000", log_limit=9)
    watched.hear("started")
    watched.hear("ended")
    watched.tell(do="stop", signal=signal.SIGKILL, grace=0)
    assert watched.hear("stopped")["dropped"] == 996
    assert watched.log.read_text() == "1\n2\n3\n4\n5"


def test_the_limit_of_the_log_holds_over_restarts(watched: Supervisor) -> None:
    for dropped in (0, 1, 1):
        watched.start("echo 1234", log_limit=5)
        watched.hear("started")
        watched.hear("ended")
        watched.tell(do="stop", signal=signal.SIGKILL, grace=0)
        assert watched.hear("stopped")["dropped"] == dropped
    assert watched.log.read_text() == "1234\n"


# ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

DAEMON = "(trap '' TERM HUP INT; while true; do sleep 1; done) & echo begun; exec sleep 300"


def begin(watched: Supervisor) -> None:
    """Start a program with a deaf child."""
    watched.start(DAEMON)
    watched.hear("started")
    assert poll(lambda: watched.log.read_text() == "begun\n" and len(watched.tree()) >= 2, 10)


def test_the_end_of_coach_ends_the_tree_and_removes_the_scratch_folder(watched: Supervisor) -> None:
    begin(watched)
    tree = watched.tree()

    watched.end()

    assert watched.process.returncode == 0
    assert not any(process.is_running() for process in tree)
    assert not watched.scratch.exists()


def test_a_goodbye_ends_the_tree_and_leaves_the_scratch_folder_to_coach(watched: Supervisor) -> None:
    begin(watched)
    tree = watched.tree()

    watched.tell(do="quit")

    assert watched.process.wait(20) == 0
    assert not any(process.is_running() for process in tree)
    assert watched.scratch.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_polite_signal_does_not_end_the_watch(number: int, watched: Supervisor) -> None:
    begin(watched)
    watched.process.send_signal(number)
    watched.tell(do="stop", signal=signal.SIGTERM, grace=0.1)
    watched.hear("ended")
    watched.hear("stopped")
    assert watched.process.poll() is None


def test_nonsense_on_its_input_ends_the_tree(watched: Supervisor) -> None:
    begin(watched)
    tree = watched.tree()
    assert watched.process.stdin is not None
    watched.process.stdin.write(b"nonsense\n")
    watched.process.stdin.flush()
    watched.process.wait(20)
    assert not any(process.is_running() for process in tree)


def test_a_supervisor_is_in_a_session_of_its_own_and_reads_no_code_of_the_learner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("sitecustomize", "usercustomize", "json", "coach"):
        (trap / f"{name}.py").write_text(f"import os\nos.mkdir({str(tmp_path / name)!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(trap))
    monkeypatch.chdir(trap)

    watched = Supervisor(tmp_path / "scratch")
    watched.start("true")
    watched.hear("started")
    watched.hear("ended")

    assert os.getsid(watched.process.pid) == watched.process.pid
    watched.end()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trap"]


# ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def filled(log: Log, *chunks: bytes) -> Log:
    """Send chunks through a log and end it."""
    for chunk in chunks:
        os.write(log.writer, chunk)
        log.drain()
    os.close(log.writer)
    return log


def test_an_unfinished_line_that_was_dropped_counts(tmp_path: Path) -> None:
    log = filled(Log(str(tmp_path / "log"), 3), b"abcdef", b"ghi\njkl")
    assert (tmp_path / "log").read_bytes() == b"abc"
    assert log.dropped == 2
    log.close()


def test_a_log_tells_when_its_last_writer_is_gone(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 100)
    assert log.drain() is True
    filled(log, b"x")
    assert log.drain() is False
    log.close()


def test_a_program_that_never_stops_printing_does_not_keep_the_supervisor(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 10)
    endless = subprocess.Popen(["yes"], stdout=log.writer)
    try:
        assert poll(lambda: log.drain() and log.dropped > 1000, 10)
    finally:
        endless.kill()
        endless.wait()
        os.close(log.writer)
        log.close()


def test_a_full_disk_drops_and_counts(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: it takes a part of the first write, and no other."""
    log = Log(str(tmp_path / "log"), 1000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, limits[1]))
    try:
        filled(log, b"one\ntwo\n", b"three\n", b"four")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "log").read_bytes() == b"one\ntw"
    assert log.dropped == 3
    log.close()


# ── the scratch folder ───────────────────────────────────────────────────────────────────────────────────────────────


def test_folders_without_rights_are_removed(tmp_path: Path) -> None:
    inner = tmp_path / "scratch" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    for folder in (inner, inner.parent):
        folder.chmod(0)
    remove_scratch(tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()


def test_links_in_the_scratch_folder_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "link").symlink_to(outside)
    remove_scratch(tmp_path / "scratch")
    assert list(tmp_path.iterdir()) == [outside]
    assert stat.S_IMODE(outside.stat().st_mode) == 0o500


def test_a_folder_that_is_gone_needs_no_removal(tmp_path: Path) -> None:
    remove_scratch(tmp_path / "gone")


def test_a_system_without_subreapers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SUPPORTS_SUBREAPER", False)
    assert become_subreaper() is False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl(2) is Linux's")
def test_a_process_that_keeps_private_lets_no_other_look_into_it() -> None:
    code = (
        "import ctypes; from coach.runtime.supervisor import keep_private\n"
        "dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(dumpable()); keep_private(); print(dumpable())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n0\n"


def test_a_system_that_cannot_keep_private_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SUPPORTS_SUBREAPER", False)
    monkeypatch.setattr(ctypes, "CDLL", None)
    supervisor.keep_private()
