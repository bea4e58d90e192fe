"""What can be seen of a running container's inside: who listens there, and how many processes there are."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from docker.errors import APIError
from docker.models.containers import Container

from coach.processes import Listener, descendants

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
LISTENING = "0A"
"""The state of a listening socket in these tables (proc_net_tcp(5))."""
RESOLVER = "127.0.0.11"
"""Where Docker's own name server listens in every container."""


def main_process(container: Container) -> int | None:
    """Return the id that the container's first process has on this machine, or None where it is not of this machine.

    Docker Desktop and the like run containers in a virtual machine, whose process ids mean others here.
    """
    pid = int(container.attrs["State"]["Pid"])
    try:
        return pid if str(container.id) in Path(f"/proc/{pid}/cgroup").read_text() else None
    except OSError:
        return None


def listeners(container: Container) -> list[Listener]:
    """Return what listens on TCP in the container."""
    pid = main_process(container)
    if pid is None:
        try:
            output = container.exec_run(["cat", *TABLES], stderr=False).output
        except APIError:  # it ended, or has no cat
            return []
        tables = output.decode() if isinstance(output, bytes) else ""
    else:
        tables = "".join(_read(Path(f"/proc/{pid}{table.removeprefix('/proc')}")) for table in TABLES)
    return [found for found in parse(tables, pid or 0) if found.host != RESOLVER]


def parse(tables: str, pid: int) -> list[Listener]:
    """Return the listening sockets in the text of /proc/net/tcp, tcp6 or both."""
    found = []
    for line in tables.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == LISTENING:
            host, port = fields[1].split(":")
            found.append(Listener(_host(host), int(port, 16), pid))
    return found


def processes(container: Container) -> int:
    """Return how many processes run in the container."""
    pid = main_process(container)
    if pid is not None:
        return len(descendants(pid))
    try:
        return len(container.top()["Processes"])
    except APIError:
        return 0


def _host(digits: str) -> str:
    """Read an address as the kernel prints it: 32-bit words in the machine's own order."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
