"""A program that does not become ready is ended, and its cause is named."""

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coach.errors import PrerequisiteError, SubmissionError
from coach.model import Limits
from coach.processes import accepts, free_port, poll
from coach.runtime import elsewhere
from coach.runtime import process as module
from coach.runtime.process import ProcessProgram
from tests.runtime.programs import PYTHON, Make, booted, make_spec, serve, tree

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell at once when a program listens elsewhere."""
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.001)
    monkeypatch.setattr(elsewhere, "OTHER_HOST_PATIENCE", 0.001)


def failure(program: ProcessProgram) -> SubmissionError:
    """Start a program that does not become ready, and return the cause."""
    program.start()
    with pytest.raises(SubmissionError) as caught:
        program.wait_ready()
    assert tree(program) == [], "a failed boot leaves nothing running"
    return caught.value


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


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
