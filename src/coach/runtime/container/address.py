"""Where the Docker engine of this machine listens, or what is in the way of using it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from docker.context import ContextAPI
from docker.errors import DockerException

from coach.errors import PrerequisiteError
from coach.processes import LOOPBACK

SYSTEM = "unix:///var/run/docker.sock"
PATIENCE = 5.0
"""Seconds that a connection may take."""
OTHERWISE = "Without --container, coach needs no Docker."


def find() -> str:
    """Return the address of an engine: what DOCKER_HOST says, else the first usual place where something listens.

    Raises:
        PrerequisiteError: saying what is in the way, and how to mend it.
    """
    named = os.environ.get("DOCKER_HOST")
    problems: list[tuple[str, OSError]] = []
    for address in [named] if named else _usual():
        _refuse_elsewhere(address)
        try:
            _knock(address)
        except OSError as exc:
            problems.append((address, exc))
        else:
            return address
    raise _problem(problems)


def _usual() -> list[str]:
    """Return where engines listen: where `docker context` says, the system's, Docker Desktop's, a rootless one's."""
    try:
        context = ContextAPI.get_current_context()
        chosen = [context.Host] if context is not None and context.Host else []
    except (DockerException, ValueError, OSError):  # a broken context is no reason not to look elsewhere
        chosen = []
    own = [Path.home() / ".docker/run/docker.sock", Path.home() / ".docker/desktop/docker.sock"]
    if "XDG_RUNTIME_DIR" in os.environ:
        own.append(Path(os.environ["XDG_RUNTIME_DIR"]) / "docker.sock")
    return list(dict.fromkeys([*chosen, SYSTEM, *(f"unix://{path}" for path in own)]))


def _refuse_elsewhere(address: str) -> None:
    """Refuse an engine on another machine: its containers cannot be reached from here."""
    url = urlsplit(address)
    if url.scheme == "ssh" or (url.hostname and url.hostname not in (*LOOPBACK, "localhost")):
        raise PrerequisiteError(
            f"The Docker engine at {address} is on another machine; coach needs one on this machine.",
            f"Unset DOCKER_HOST, or choose another: docker context use default. {OTHERWISE}",
        )


def _knock(address: str) -> None:
    """Open a connection and close it again."""
    url = urlsplit(address)
    if url.hostname:
        socket.create_connection((url.hostname, url.port or 2375), timeout=PATIENCE).close()
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PATIENCE)
        probe.connect(url.path)


def _problem(problems: list[tuple[str, OSError]]) -> PrerequisiteError:
    """Say what is wrong with the most promising place: one that is closed to us, else one where nothing answers."""
    start = "Open Docker Desktop" if sys.platform == "darwin" else "Start it: sudo systemctl start docker"
    for address, exc in problems:
        if isinstance(exc, PermissionError):
            return PrerequisiteError(
                f"You may not use the Docker engine at {address}: permission denied.",
                f"Join its group, then log in anew: sudo usermod -aG docker $USER. {OTHERWISE}",
            )
    for address, exc in problems:
        if not isinstance(exc, FileNotFoundError):
            return PrerequisiteError(
                f"The Docker engine at {address} does not answer: {exc.strerror or exc}.", f"{start}. {OTHERWISE}"
            )
    address = problems[0][0]
    if shutil.which("docker") or "DOCKER_HOST" in os.environ:
        return PrerequisiteError(f"The Docker engine does not run: there is no {address}.", f"{start}. {OTHERWISE}")
    return PrerequisiteError(
        "There is no Docker engine on this machine.",
        f"Install one: https://docs.docker.com/get-started/get-docker/. {OTHERWISE}",
    )
