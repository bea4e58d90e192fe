"""Programs run as process trees: how they become ready, how they fail to, and how they end."""

import json
import os
import resource
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from coach.errors import PrerequisiteError, SubmissionError, TamperedError
from coach.model import Limits
from coach.processes import accepts, alive, descendants, free_port, listeners, poll
from coach.runtime import elsewhere
from coach.runtime import process as module
from coach.runtime.process import ProcessProgram
from coach.runtime.program import Exit
from tests.runtime.programs import PYTHON, make_spec, serve

pytestmark = pytest.mark.usefixtures("nothing_left")

Make = Callable[..., ProcessProgram]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make programs that are closed after the test."""
    made: list[ProcessProgram] = []

    def make(start: str = "", **more: Any) -> ProcessProgram:
        made.append(ProcessProgram(make_spec(tmp_path, start, **more)))
        return made[-1]

    yield make
    for program in made:
        program.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell at once when a program listens elsewhere."""
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.0)
    monkeypatch.setattr(elsewhere, "OTHER_HOST_PATIENCE", 0.0)


ON_GO = "until [ -e go ]; do sleep 0.05; done"
"""Shell code that waits for `go`."""


def go(program: ProcessProgram) -> None:
    """Let a program go on that waits for the test, rather than for the clock of a busy machine."""
    (program.spec.workspace / "go").touch()


def booted(program: ProcessProgram, **env: str) -> ProcessProgram:
    program.start(env)
    program.wait_ready()
    program.log.settle()
    return program


def failure(program: ProcessProgram) -> SubmissionError:
    """Start a program that does not become ready, and return the cause."""
    program.start()
    with pytest.raises(SubmissionError) as caught:
        program.wait_ready()
    assert tree(program) == [], "a failed boot leaves nothing running"
    return caught.value


def tree(program: ProcessProgram) -> list[psutil.Process]:
    return descendants(program._supervisor.pid)


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


# ── ready ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_is_ready_when_it_listens_on_its_port(make: Make) -> None:
    program = booted(make(env={"GREETING": "hello"}))

    assert accepts(*program.address)
    assert program.ended() is None
    assert [(found.host, found.port) for found in program.listens()] == [program.address]
    assert program.log.since() == ["start 1 hello"]
    assert program.notices() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_a_program_may_listen_on_every_interface(host: str, make: Make) -> None:
    booted(make(env={"HOST": host}))


def test_a_slow_start_is_waited_for(make: Make) -> None:
    booted(make(f"sleep 0.5; {serve()}"))


def test_nothing_is_built(make: Make) -> None:
    lines: list[str] = []
    make().build(lines.append)
    assert lines == []


@pytest.mark.parametrize(
    "name", ["my first server", "Übung für Köln", "n" * 200, 'quote\'s "and" $HOME', "🚀", "two\nlines", "-rf"]
)
def test_a_workspace_may_lie_anywhere(name: str, tmp_path: Path) -> None:
    program = ProcessProgram(make_spec(tmp_path / name))
    try:
        booted(program)
    finally:
        program.close()


def test_the_environment_holds_what_was_declared_and_nothing_of_coachs(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_TOKEN", "PYTHONPATH", "PYTEST_CURRENT_TEST", "VIRTUAL_ENV", "HTTP_PROXY", "DATABASE_URL"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    program = make(
        f"{PYTHON} -c {shlex.quote(code)}; {serve()}",
        env={"JWT_SECRET": "s", "PORT": "1"},
        path=(".venv/bin", "tools"),
    )
    booted(program, MODE="Grüße")

    seen = json.loads(program.log.since()[0])
    scratch, workspace = program.spec.scratch, program.spec.workspace
    assert {name: value for name, value in seen.items() if name not in {"PWD", "OLDPWD", "SHLVL", "_"}} == {
        "COACH_RUN": program.spec.token,
        "DATA_DIR": f"{scratch}/data",
        "HOME": f"{scratch}/home",
        "JWT_SECRET": "s",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "LC_ALL": "C.UTF-8",
        "MODE": "Grüße",
        "PATH": f"{workspace}/.venv/bin:{workspace}/tools:/usr/bin:/bin",
        "PORT": str(program.address[1]),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": f"{scratch}/tmp",
    }


# ── not ready ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_crash_at_boot_is_told_at_once_with_code_and_log(make: Make) -> None:
    began = time.monotonic()
    error = failure(make("seq 30; echo 'Error: no such module' >&2; exit 3", limits=Limits(boot=60)))
    assert error.code == "boot-crashed"
    assert "ended with exit code 3" in error.message
    assert error.log[-2:] == ("30", "Error: no such module")
    assert len(error.log) == 20
    assert time.monotonic() - began < 20


def test_a_signal_at_boot_is_named(make: Make) -> None:
    error = failure(make("kill -SEGV $$"))
    assert (error.code, "SIGSEGV" in error.message) == ("boot-crashed", True)


def test_a_program_that_never_listens_is_given_its_budget(make: Make) -> None:
    error = failure(make("echo waiting for the database; exec sleep 300", limits=Limits(boot=0.3)))
    assert error.code == "boot-timeout"
    assert "within 0.3 s" in error.message
    assert error.log == ("waiting for the database",)


@pytest.mark.usefixtures("impatient")
def test_another_port_is_named_before_the_budget_is_used_up(make: Make) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = failure(make(env={"FIXED_PORT": str(port)}, limits=Limits(boot=60)))
    assert error.code == "wrong-port"
    assert f"listens on port {port}; coach passed PORT=" in error.message


def test_another_port_is_named_when_the_budget_is_used_up(make: Make) -> None:
    error = failure(make(env={"FIXED_PORT": "0"}, limits=Limits(boot=0.5)))
    assert error.code == "wrong-port"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "host",
    [
        "::1",
        pytest.param(
            "127.0.0.2", marks=pytest.mark.skipif(sys.platform == "darwin", reason="macOS has 127.0.0.1 alone")
        ),
    ],
)
def test_another_host_is_named(host: str, make: Make) -> None:
    error = failure(make(env={"HOST": host}, limits=Limits(boot=60)))
    assert error.code == "wrong-host"
    assert f"listens on {host} only" in error.message


@pytest.mark.parametrize("start", ["nodejss server.js", "./server.py", "/nonexistent/node server.js"])
def test_a_start_command_that_cannot_be_run_is_named(start: str, make: Make) -> None:
    error = failure(make(start))
    assert error.code == "start-command-missing"
    assert start in error.message


@pytest.mark.parametrize("start", [f"{PYTHON} server.py &", f"nohup {PYTHON} server.py >/dev/null 2>&1 &"])
def test_a_program_in_the_background_is_named(start: str, make: Make) -> None:
    assert failure(make(start)).code == "backgrounded"


def test_a_fixed_port_that_is_in_use_is_named(make: Make, taken: socket.socket) -> None:
    error = failure(make(env={"FIXED_PORT": str(taken.getsockname()[1])}))
    assert error.code == "port-taken"
    assert "ended because its port is in use" in error.message


def ports(monkeypatch: pytest.MonkeyPatch, *first: int) -> None:
    """Have the runner choose these ports before it looks for free ones."""
    chosen = iter(first)
    real = free_port
    monkeypatch.setattr(module, "free_port", lambda: next(chosen, 0) or real())


@pytest.mark.parametrize("start", [serve(), f"{serve()} || exec sleep 300"])
def test_a_port_that_somebody_else_won_is_replaced(
    start: str, make: Make, taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the program ends because of it or not."""
    port = taken.getsockname()[1]
    ports(monkeypatch, port, port)
    program = booted(make(start))
    assert program.address[1] != port
    assert accepts(*program.address)


def test_a_lost_race_is_seen_although_nobody_was_watching_yet(
    make: Make, taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """coach starts the program, then imports the grader, and only then waits."""
    ports(monkeypatch, taken.getsockname()[1])
    program = make()
    program.start()
    assert poll(program.ended, 10)
    program.wait_ready()


def test_a_port_that_somebody_else_always_wins_is_named(
    make: Make, taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_port", lambda: taken.getsockname()[1])
    error = failure(make("exec sleep 300"))
    assert error.code == "port-taken"
    assert "did not start answers on PORT=" in error.message


def test_what_an_earlier_start_printed_does_not_explain_a_later_one(make: Make) -> None:
    program = make('test -e "$DATA_DIR/starts" && exit 4; ' + serve())
    booted(program, GREETING="address already in use")
    program.stop()
    error = failure(program)
    assert error.code == "boot-crashed"
    assert error.log == ()


@pytest.mark.parametrize(
    ("start", "limit", "code"),
    [
        (f"exec {PYTHON} -c 'x = bytearray(range(256)) * (1 << 19); import time; time.sleep(300)'", "64MiB", "memory"),
        ("for i in 1 2 3 4 5 6 7 8 9; do sleep 300 & done; wait", "1GiB", "processes"),
    ],
)
def test_a_limit_that_is_broken_at_boot_is_named(
    start: str, limit: str, code: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROCESS_LIMIT", 8)
    error = failure(make(start, limits=Limits(boot=30, memory=limit)))
    assert error.code == f"{code}-limit"


# ── the machine ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_workspace_that_is_gone_is_named(make: Make) -> None:
    program = make()
    for path in program.spec.workspace.iterdir():
        path.unlink()
    program.spec.workspace.rmdir()
    program.start()
    with pytest.raises(PrerequisiteError, match=r"cannot be run in .*/workspace: No such file or directory\."):
        program.wait_ready()


def test_a_scratch_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    (spec.scratch / "data").write_text("in the way")
    with pytest.raises(PrerequisiteError, match=r"scratch cannot be written to: File exists"):
        ProcessProgram(spec)


def test_a_machine_without_a_free_port_says_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> int:
        raise OSError("no free TCP port on the loopback addresses")

    program = make()
    monkeypatch.setattr(module, "free_port", none)
    with pytest.raises(PrerequisiteError, match="no free TCP port"):
        program.start()


# ── stop and start again ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_polite_end_is_waited_for(make: Make) -> None:
    program = booted(make(f"trap 'sleep 0.3; echo saved; exit 7' TERM; {serve()[5:]} & wait; wait"))
    assert program.stop(signal.SIGTERM) == Exit(code=7)
    assert program.log.since()[-1] == "saved"
    assert tree(program) == []


def test_a_kill_does_not_wait(make: Make) -> None:
    program = booted(make(serve("deaf")))
    assert program.stop(signal.SIGKILL) == Exit(signal=signal.SIGKILL)
    assert tree(program) == []


def test_what_ignores_sigterm_is_killed_after_the_grace(make: Make) -> None:
    program = booted(make(serve("deaf")))
    assert program.stop(signal.SIGTERM, grace=0.2) == Exit(signal=signal.SIGKILL)


def test_a_program_starts_again_on_the_same_data_with_another_environment(make: Make) -> None:
    program = booted(make(env={"GREETING": "one"}))
    program.stop()
    booted(program, GREETING="two")
    program.stop(signal.SIGKILL)
    booted(program)
    assert program.log.since() == ["start 1 one", "start 2 two", "start 3 one"]


def test_an_end_of_its_own_is_noticed_and_can_be_stopped(make: Make) -> None:
    program = booted(make(f"{serve()[5:]} & {ON_GO}; kill $!; wait; exit 5"))
    go(program)
    assert poll(program.ended, 10) == Exit(code=5)
    assert program.stop() == Exit(code=5)
    assert program.stop() == Exit(code=5)
    booted(make())


def test_a_program_that_was_never_started_can_be_stopped(make: Make) -> None:
    assert make().stop() == Exit()


def test_a_stop_from_one_thread_is_seen_by_others(make: Make) -> None:
    program = booted(make())
    seen: list[Exit | None] = []
    watchers = [threading.Thread(target=lambda: seen.append(poll(program.ended, 10))) for _ in range(5)]
    for watcher in watchers:
        watcher.start()
    program.stop()
    for watcher in watchers:
        watcher.join()
    assert seen == [Exit(signal=signal.SIGTERM)] * 5


def test_daemons_are_stopped_with_the_program(make: Make) -> None:
    program = booted(make(f"{PYTHON} daemon.py; {PYTHON} daemon.py; {serve()}"))
    assert poll(lambda: len(tree(program)) == 3, 10)
    program.stop(grace=0.2)
    assert tree(program) == []


# ── limits while it runs ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "limit"),
    [
        (f"{ON_GO}; {PYTHON} -c 'x = bytearray(range(256)) * (1 << 19); import time; time.sleep(300)'", "memory"),
        (f"{ON_GO}; for i in 1 2 3 4 5 6 7 8 9; do sleep 300 & done; wait", "processes"),
    ],
)
def test_a_limit_that_is_broken_later_ends_the_program(
    more: str, limit: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROCESS_LIMIT", 8)
    program = booted(make(f"({more}) & {serve()}", limits=Limits(boot=10, memory="64MiB")))
    go(program)
    ended = poll(program.ended, 20)
    assert ended is not None
    assert ended.limit == limit


def test_a_flood_of_the_log_is_capped_and_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_LIMIT", 100)
    program = booted(make(f"seq 1000; {serve()}"))
    program.stop()
    assert program.log.path.stat().st_size == 100
    [notice] = program.notices()
    assert notice.code == "log-flood"
    assert "965 lines" in notice.message


def test_a_settled_log_holds_all_that_was_printed(make: Make) -> None:
    program = make(f"seq 20000; {serve()}")
    program.log.settle()
    booted(program)
    program.log.settle()
    assert program.log.since()[19999:] == ["20000", "start 1 "]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux sets limits of another process")
def test_a_full_disk_does_not_end_the_program(make: Make) -> None:
    """A limit on the size of files stands in for a full disk; of the log alone, the program has its own."""
    program = make(f"seq 1000; {serve()}")
    resource.prlimit(program._supervisor.pid, resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
    booted(program)
    program.stop()
    assert program.log.since() == ["1", "2", "3", "4", "5"]
    assert [notice.code for notice in program.notices()] == ["log-flood"]


# ── close ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_close_ends_all_of_it_and_may_be_repeated(make: Make) -> None:
    program = booted(make(f"{PYTHON} daemon.py; {serve('deaf')}"))
    before = tree(program)
    assert len(before) == 2
    address = program.address

    program.close()
    program.close()

    assert not any(map(alive, before))
    assert not accepts(*address)
    assert listeners(before) == []


def test_a_program_that_was_never_started_can_be_closed(make: Make) -> None:
    make().close()


def test_a_program_can_be_closed_while_it_boots(make: Make) -> None:
    program = make("exec sleep 300")
    program.start()
    program.close()


def test_the_scratch_folder_is_left_to_whoever_made_it(make: Make) -> None:
    program = booted(make())
    program.close()
    assert (program.spec.scratch / "data" / "starts").read_text() == "start\n"


# ── attacks on the supervisor ────────────────────────────────────────────────────────────────────────────────────────


def attacked(program: ProcessProgram, number: int) -> ProcessProgram:
    """Start a program with daemons, and send its supervisor a signal."""
    booted(program)
    program._supervisor.send_signal(number)
    wanted = psutil.STATUS_STOPPED if number == signal.SIGSTOP else psutil.STATUS_ZOMBIE
    assert poll(lambda: psutil.Process(program._supervisor.pid).status() == wanted, 10)
    return program


@pytest.mark.parametrize("daemon", ["", f"{PYTHON} daemon.py; ", f"{PYTHON} daemon.py forget; "])
@pytest.mark.parametrize("action", ["ended", "stop", "start", "close"])
def test_a_supervisor_that_was_killed_is_noticed(action: str, daemon: str, make: Make) -> None:
    program = attacked(make(daemon + serve("deaf")), signal.SIGKILL)
    if action != "close":
        with pytest.raises(TamperedError, match="supervisor of the program was killed") as caught:
            getattr(program, action)()
        assert "--container" in caught.value.hint
    program.close()


def test_a_supervisor_that_was_stopped_is_noticed(make: Make) -> None:
    program = attacked(make(), signal.SIGSTOP)
    with pytest.raises(TamperedError, match="supervisor of the program was stopped"):
        program.stop()


def test_a_supervisor_that_was_stopped_is_closed(make: Make) -> None:
    attacked(make(f"{PYTHON} daemon.py; {serve('deaf')}"), signal.SIGSTOP).close()


def test_a_supervisor_that_does_not_answer_is_noticed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    program = booted(make())
    monkeypatch.setattr(module, "KILL_PATIENCE", 0.0)
    monkeypatch.setattr(program, "_read_events", lambda: None)
    with pytest.raises(TamperedError, match="no longer answers"):
        program.stop(grace=0.1)
    monkeypatch.undo()


@pytest.mark.parametrize("words", [b"nonsense\n", b"{}\n", b"[]\n", b'{"event": "stopped"}\n', b"\xff\n"])
def test_somebody_who_speaks_for_the_supervisor_is_noticed(words: bytes, make: Make) -> None:
    program = make()
    read, write = os.pipe()
    os.write(write, words)
    real = os.dup(program._supervisor.stdout.fileno())  # type: ignore[union-attr]
    os.dup2(read, program._supervisor.stdout.fileno())  # type: ignore[union-attr]
    try:
        with pytest.raises(TamperedError, match="Somebody speaks for the program's supervisor"):
            program.ended()
    finally:
        os.dup2(real, program._supervisor.stdout.fileno())  # type: ignore[union-attr]
        for end in (read, write, real):
            os.close(end)


@pytest.mark.parametrize("attack", ["rm $SCRATCH/server.log", "ln -sf /dev/zero $SCRATCH/server.log", "rm -r $SCRATCH"])
def test_a_program_that_removes_or_replaces_its_log_is_noticed(attack: str, make: Make) -> None:
    attack = f"SCRATCH=$(dirname $DATA_DIR); {attack}"
    program = booted(make(f"echo before; {serve()[5:]} & {ON_GO}; {attack}; wait"))
    go(program)
    assert poll(lambda: not program.log.is_intact(), 10)
    assert program.log.since() == ["before", "start 1 "]
    program.stop()
    with pytest.raises(TamperedError, match="removed or replaced the log"):
        program.start()
