"""Ports, waiting, and process trees with their end. Used by coach and, in a process of its own, by the supervisor."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import psutil

T = TypeVar("T")

LOOPBACK = ("127.0.0.1", "::1")
TOKEN_VARIABLE = "COACH_RUN"  # noqa: S105 - a name, not a secret
"""Environment variable whose value marks every process of one run, wherever it was reparented to."""


class Listener(NamedTuple):
    """A listening TCP socket: the address it is bound to, its port, and the process that holds it."""

    host: str
    port: int
    pid: int


def free_port() -> int:
    """Return a TCP port that is free on both loopback addresses now; another process may still win it."""
    for _ in range(50):
        with socket.socket(socket.AF_INET) as v4:
            v4.bind(("127.0.0.1", 0))
            port = int(v4.getsockname()[1])
            try:
                with socket.socket(socket.AF_INET6) as v6:
                    v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    v6.bind(("::1", port))
            except OSError:
                if not _has_ipv6():
                    return port
                continue
            return port
    raise OSError("no free TCP port on the loopback addresses")


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def poll(probe: Callable[[], T | None], within: float, every: float = 0.01) -> T | None:
    """Call `probe` until it returns something true or `within` seconds have passed; return its last answer.

    This is the only place where coach sleeps. The pause is `every` seconds at first; in a long wait it grows to a
    twentieth of what has passed, at most ten times `every`, so that waiting costs little.
    """
    started = time.monotonic()
    end = started + within
    while True:
        found = probe()
        if found:
            return found
        now = time.monotonic()
        if now >= end:
            return found
        pause = max(every, min((now - started) / 20, every * 10))
        time.sleep(min(pause, end - now))


def accepts(host: str, port: int, timeout: float = 0.5) -> bool:
    """Tell whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False


def descendants(pid: int) -> list[psutil.Process]:
    """Return all living processes below `pid`, zombies left out."""
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in below if alive(process)]


def alive(process: psutil.Process) -> bool:
    """Tell whether a process exists and is more than a zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def marked(token: str) -> list[psutil.Process]:
    """Return all living processes whose environment carries the run token."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(TOKEN_VARIABLE) == token and alive(process):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each process that still lives."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def kill_all(find: Callable[[], list[psutil.Process]], within: float = 5.0) -> int:
    """Kill whatever `find` returns until it returns nothing; return how many were killed.

    All are stopped before the first is killed: a process that forks faster than it is killed cannot fork while stopped.
    """
    killed: set[int] = set()

    def round_of_kills() -> bool:
        found = find()
        send(found, signal.SIGSTOP)
        found = list({process.pid: process for process in [*found, *find()]}.values())
        send(found, signal.SIGKILL)
        killed.update(process.pid for process in found)
        return not find()

    poll(round_of_kills, within, every=0.002)
    return len(killed)


def listeners(processes: Iterable[psutil.Process]) -> list[Listener]:
    """Return the TCP ports on which these processes listen."""
    found = []
    for process in processes:
        try:
            connections = process.net_connections(kind="tcp")
        except (psutil.Error, OSError):
            continue
        found += [
            Listener(connection.laddr.ip, connection.laddr.port, process.pid)
            for connection in connections
            if connection.status == psutil.CONN_LISTEN
        ]
    return found


def memory(processes: Iterable[psutil.Process], limit: int) -> int:
    """Return the bytes of memory that these processes hold, shared pages counted once where that matters.

    Resident size is cheap and counts shared pages for each process; only a sum above `limit` is measured again as
    proportional size (`PSS`, proc(5)), where the system offers it.
    """
    processes = list(processes)
    resident = sum(_bytes_of(process, "rss") for process in processes)
    if resident <= limit:
        return resident
    return sum(_bytes_of(process, "pss") for process in processes)


def _bytes_of(process: psutil.Process, measure: str) -> int:
    try:
        info = process.memory_full_info() if measure == "pss" else process.memory_info()
        return int(getattr(info, measure, info.rss))
    except (psutil.Error, OSError):
        return 0
