"""Programs run as process trees: how they become ready, how they are stopped, and that nothing of them is left."""

import json
import os
import resource
import shlex
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from coach.errors import TamperedError
from coach.model import Limits
from coach.processes import accepts, alive, listeners, poll
from coach.runtime import process as module
from coach.runtime.process import ProcessProgram
from coach.runtime.program import Exit
from tests.runtime.programs import ON_GO, PYTHON, Make, booted, go, make_spec, serve, tree

pytestmark = pytest.mark.usefixtures("nothing_left")


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
