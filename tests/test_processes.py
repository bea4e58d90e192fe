"""Ports, waiting, and process trees, tried on real processes."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from coach import processes
from coach.processes import (
    TOKEN_VARIABLE,
    Listener,
    accepts,
    alive,
    descendants,
    free_port,
    kill_all,
    listeners,
    marked,
    memory,
    poll,
    send,
)

pytestmark = pytest.mark.usefixtures("nothing_left")

# A child in its own session starts a grandchild in a further one; both ignore every polite signal.
TREE = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
depth = int(sys.argv[1])
if depth and os.fork() == 0:
    os.setsid()
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], str(depth - 1), sys.argv[2]])
time.sleep(300)
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(300)
    os._exit(0)
os.wait()
"""
EATER = """
import os, sys, time
block = bytearray(os.urandom(1)) * (48 << 20)
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        break
os.write(1, b"ready\\n")
time.sleep(300)
"""

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start Python programs, and end them after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, **options: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", code, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]
        started.append(process)
        return process  # type: ignore[no-any-return]

    yield start
    for process in started:
        kill_all(lambda process=process: descendants(process.pid))  # type: ignore[misc]
        process.kill()
        process.communicate()


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_poll_returns_the_first_true_answer() -> None:
    answers = iter([None, 0, "", "ready", "later"])
    assert poll(lambda: next(answers), within=60, every=0.001) == "ready"
    assert next(answers) == "later"


def test_poll_asks_at_least_once_and_returns_the_last_answer() -> None:
    assert poll(lambda: "at once", within=0) == "at once"
    assert poll(lambda: 0, within=0) == 0
    assert poll(lambda: "", within=-1) == ""


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock of the test's own in place of the real one."""
    clock = Clock()
    monkeypatch.setattr(processes, "time", clock)
    return clock


def test_poll_looks_once_more_when_its_time_is_over(clock: Clock) -> None:
    looks: list[float] = []
    assert poll(lambda: looks.append(clock.now), within=0.1, every=0.03) is None
    assert looks[0] == 100.0
    assert looks[-1] == pytest.approx(100.1)


def test_poll_looks_less_often_as_time_goes_by(clock: Clock) -> None:
    assert poll(lambda: False, within=10, every=0.01) is False
    *pauses, last = clock.pauses
    assert pauses[0] == pytest.approx(0.01)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(0.1)
    assert last <= 0.1


# ── ports ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class FakeSocket(socket.socket):
    """A socket that cannot be bound on ::1: to any port, or to none but 0."""

    refused = errno.EADDRINUSE
    refusals = 10**6
    any_port = False

    def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
        kind = FakeSocket
        if self.family == socket.AF_INET6 and (address[1] or kind.any_port) and kind.refusals:
            kind.refusals -= 1
            raise OSError(kind.refused, os.strerror(kind.refused))
        super().bind(address)


@pytest.fixture
def fake_socket(monkeypatch: pytest.MonkeyPatch) -> type[FakeSocket]:
    """Put sockets that cannot be bound on ::1 in place of real ones."""
    for name in ("refused", "refusals", "any_port"):
        monkeypatch.setattr(FakeSocket, name, getattr(FakeSocket, name))
    monkeypatch.setattr(processes.socket, "socket", FakeSocket)  # type: ignore[attr-defined]
    return FakeSocket


def test_a_free_port_can_be_bound_on_both_loopback_addresses() -> None:
    port = free_port()
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            probe.bind((host, port))


def test_a_port_that_is_taken_on_one_address_is_not_free(fake_socket: type[FakeSocket]) -> None:
    fake_socket.refusals = 3
    assert free_port() > 0
    assert fake_socket.refusals == 0


def test_a_machine_without_ipv6_has_free_ports(fake_socket: type[FakeSocket]) -> None:
    fake_socket.refused, fake_socket.any_port = errno.EADDRNOTAVAIL, True
    assert free_port() > 0


def test_a_machine_without_any_free_port_is_an_error(fake_socket: type[FakeSocket]) -> None:
    with pytest.raises(OSError, match="no free TCP port"):
        free_port()


def test_a_port_accepts_while_something_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        assert accepts(host, port)
    assert not accepts(host, port)


def test_listeners_are_named_with_address_port_and_process() -> None:
    me = psutil.Process()
    with (
        socket.create_server(("127.0.0.1", 0)) as v4,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as v6,
        socket.socket() as silent,
    ):
        silent.bind(("127.0.0.1", 0))
        expected = {
            Listener("127.0.0.1", v4.getsockname()[1], me.pid),
            Listener("::1", v6.getsockname()[1], me.pid),
        }
        found = set(listeners([me]))
        assert expected <= found
        assert silent.getsockname()[1] not in {listener.port for listener in found}


# ── trees ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def grown(pid: int, size: int) -> list[psutil.Process]:
    """Wait until a process has so many descendants, each in a session of its own."""
    found: list[psutil.Process] = []

    def complete() -> bool:
        found[:] = descendants(pid)
        return len(found) == size and all(os.getsid(process.pid) == process.pid for process in found)

    assert poll(complete, 10)
    return found


def ended(run: Run) -> psutil.Process:
    """Return a process that has ended and been buried."""
    process = run("pass")
    found = psutil.Process(process.pid)
    process.wait()
    return found


def test_descendants_are_found_across_sessions(run: Run) -> None:
    root = run(TREE, "3", TREE)
    assert root.pid not in {process.pid for process in grown(root.pid, 3)}


def test_what_has_ended_has_no_descendants_and_does_not_live(run: Run) -> None:
    gone = ended(run)
    assert descendants(gone.pid) == []
    assert not alive(gone)


def test_a_zombie_does_not_live(run: Run) -> None:
    process = psutil.Process(run("pass").pid)
    assert poll(lambda: process.status() == psutil.STATUS_ZOMBIE, 10)
    assert not alive(process)
    assert process.pid not in {found.pid for found in descendants(os.getpid())}


def test_a_whole_tree_is_killed(run: Run) -> None:
    root = run(TREE, "3", TREE)
    grown(root.pid, 3)

    killed = kill_all(lambda: descendants(root.pid))

    assert killed == 3
    assert descendants(root.pid) == []
    assert root.poll() is None


def test_a_stopped_process_is_killed(run: Run) -> None:
    root = run(TREE, "1", TREE)
    [child] = grown(root.pid, 1)
    child.suspend()
    assert kill_all(lambda: descendants(root.pid)) == 1


def test_nothing_to_kill_is_no_error() -> None:
    assert kill_all(list) == 0


def test_killing_gives_up_when_its_time_is_over(run: Run) -> None:
    immortal = [ended(run)]
    began = time.monotonic()
    assert kill_all(lambda: immortal, within=0.1) == 1
    assert time.monotonic() - began < 10


def test_a_daemon_is_found_by_the_token_of_its_run(run: Run) -> None:
    run(DAEMON, env={**os.environ, TOKEN_VARIABLE: "a-token"}).wait()

    [daemon] = marked("a-token")

    assert daemon.ppid() in (os.getpid(), 1)
    assert marked("another-token") == []
    assert kill_all(lambda: marked("a-token")) == 1


def test_a_run_does_not_find_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "environ", lambda self: {TOKEN_VARIABLE: "mine"})
    assert os.getpid() not in {process.pid for process in marked("mine")}


def test_signals_reach_those_who_live(run: Run) -> None:
    gone = ended(run)
    process = run("import time; time.sleep(300)")
    send([gone, psutil.Process(process.pid)], signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM


# ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_memory_is_added_up_over_a_tree(run: Run) -> None:
    process = run(EATER, "0")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    one = [psutil.Process(process.pid)]
    assert memory(one, limit=1 << 30) > 48 << 20
    assert memory([*one, psutil.Process()], limit=1 << 30) > memory(one, limit=1 << 30)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells shared pages apart")
def test_shared_memory_counts_once_when_the_limit_is_near(run: Run) -> None:
    process = run(EATER, "3")
    assert process.stdout is not None
    for _ in range(4):
        assert process.stdout.readline() == "ready\n"
    tree = [psutil.Process(process.pid), *descendants(process.pid)]
    assert len(tree) == 4
    assert memory(tree, limit=1 << 30) > 4 * (48 << 20)
    assert memory(tree, limit=100 << 20) < 100 << 20


def test_what_has_ended_holds_no_memory_and_listens_on_nothing(run: Run) -> None:
    gone = [ended(run)]
    assert memory(gone, limit=0) == 0
    assert listeners(gone) == []
