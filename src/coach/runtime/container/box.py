"""One container of a run, locked up: made once, started and ended any number of times."""

from __future__ import annotations

import io
import re
import shlex
import socket
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.errors import APIError
from docker.types import LogConfig, Mount, Ulimit

from coach.errors import SubmissionError
from coach.model import Limits, Network
from coach.processes import accepts, free_port
from coach.runtime.container import signals
from coach.runtime.container.engine import Engine, explained, reason
from coach.runtime.process import PROCESS_LIMIT
from coach.runtime.supervisor import FILE_LIMIT

VOLUME = "/var/coach"
DATA_DIR = f"{VOLUME}/data"
HOME = "/home/coach"
CPUS = 2
TASK_LIMIT = PROCESS_LIMIT + 128
"""What the kernel refuses to exceed; it counts threads, of which processes have several."""
KERNEL_MEMORY = 128 << 20
"""Bytes on top of the limit. In a container, unlike for a process, what the kernel keeps for each process counts too;
and as many processes as may run shall fit, so that too many of them are told apart from too much memory.
"""
HELD = 0.2
"""Seconds that a connection through a published port must last to be one to the program."""
IPV6 = Path("/proc/sys/net/ipv6")

_REFUSAL = re.compile(r"OCI runtime|unable to find (user|group)|executable file not found|no such file or directory")


class Box:
    """A container with no rights, no network beyond this machine, and no writable files but DATA_DIR, /tmp and HOME.

    Raises:
        SubmissionError: with code `start-command-missing`, when the Dockerfile says nothing to run.
        ServiceError, PrerequisiteError: when the engine cannot do it.
    """

    def __init__(self, engine: Engine, env: Mapping[str, str], limits: Limits) -> None:
        self._engine = engine
        self.port = free_port()
        """Where the program is to listen: in a container any port is free, so this only differs from run to run."""
        with explained("make a network for the run"):
            self.network: Network = make_network(engine)
        with explained("make a volume for DATA_DIR"):
            engine.client.volumes.create(engine.name, labels=engine.labels)
        with explained("make the container"):
            try:
                self.container = engine.client.containers.create(engine.name, **self._options(env, limits))
            except APIError as exc:
                if "no command specified" not in reason(exc).lower():
                    raise
                raise SubmissionError(
                    "start-command-missing",
                    "The Dockerfile does not say what to run.",
                    'End it with the command that starts your server, such as: CMD ["node", "src/server.js"]',
                ) from exc
            self.container.put_archive(VOLUME, _folder_for_everyone(Path(DATA_DIR).name))

    def _options(self, env: Mapping[str, str], limits: Limits) -> dict[str, Any]:
        memory = limits.memory_bytes + KERNEL_MEMORY
        options: dict[str, Any] = {
            "labels": self._engine.labels,
            "network": self._engine.name,
            "environment": {
                "HOME": HOME,
                "TMPDIR": "/tmp",  # noqa: S108 - the container's own
                "DATA_DIR": DATA_DIR,
                "PYTHONUNBUFFERED": "1",
                **env,
                "PORT": str(self.port),
            },
            # As the first process of a container, a server would be deaf to SIGTERM unless it handles it.
            "init": True,
            "read_only": True,
            "tmpfs": dict.fromkeys(("/tmp", HOME), f"mode=1777,exec,size={limits.memory_bytes // 2}"),  # noqa: S108 - the container's own
            "mounts": [Mount(VOLUME, self._engine.name)],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": min(CPUS, int(self._engine.client.info()["NCPU"])) * 10**9,
            "pids_limit": TASK_LIMIT,
            "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="fsize", soft=FILE_LIMIT, hard=FILE_LIMIT)],
            "log_config": LogConfig(type=LogConfig.types.NONE),
            "healthcheck": {"test": ["NONE"]},
        }
        if self.network == "open":
            options["ports"] = {self._published: ("127.0.0.1", None)}
        else:
            # Older engines leave a route that leads nowhere: calls to the outside shall fail soon, not after minutes.
            options["sysctls"] = {"net.ipv4.tcp_syn_retries": "1"}
            options["dns_opt"] = ["timeout:1", "attempts:1"]
            if IPV6.exists():
                options["sysctls"]["net.ipv6.conf.lo.disable_ipv6"] = "0"  # ::1 is there, as on any machine
        return options

    @property
    def _published(self) -> str:
        return f"{self.port}/tcp"

    def start(self) -> None:
        """Start the program.

        Raises:
            SubmissionError: with code `boot-crashed`, when what the Dockerfile asks for cannot be run.
            ServiceError, PrerequisiteError: when the engine cannot do it.
        """
        with explained("start the container"):
            try:
                self.container.start()
            except APIError as exc:
                if not _REFUSAL.search(reason(exc)):
                    raise
                raise SubmissionError(
                    "boot-crashed",
                    f"The container cannot be started as the Dockerfile asks for: {reason(exc)}.",
                    "Look at USER, WORKDIR, ENTRYPOINT and CMD; `docker run` with the same image shows the same.",
                ) from exc
            self.container.reload()

    def state(self) -> dict[str, Any]:
        """Return what the engine knows of the container now: `Running`, `ExitCode`, `OOMKilled`, `Pid`."""
        with explained("tell how the container is"):
            self.container.reload()
        state: dict[str, Any] = self.container.attrs["State"]
        return state

    def signal(self, number: int, patience: float) -> None:
        """Send a signal to all processes, to the main one last; see `signals`."""
        with explained("signal the container"):
            signals.send(self.container, number, patience)

    def kill(self) -> None:
        """End all processes at once."""
        with explained("end the container"):
            try:
                self.container.kill()
            except APIError as exc:
                if not signals.is_over(exc):
                    raise

    def remove(self) -> None:
        """Remove the container, and what it wrote outside DATA_DIR."""
        with explained("remove the container"):
            self.container.remove(v=True, force=True)

    def address(self) -> tuple[str, int] | None:
        """Return where requests reach the running container from this machine, or None when it has ended."""
        settings = self.container.attrs["NetworkSettings"]
        if self.network == "cut":
            host = settings["Networks"][self._engine.name]["IPAddress"]
            return (host, self.port) if host else None
        published = (settings["Ports"] or {}).get(self._published)
        return (published[0]["HostIp"], int(published[0]["HostPort"])) if published else None

    def answers(self) -> bool:
        """Tell whether the program accepts connections."""
        address = self.address()
        if address is None or not accepts(*address):
            return False
        return self.network == "cut" or _holds(*address)

    def command(self) -> str:
        """Return what the container runs, as one would type it."""
        config = self.container.attrs["Config"]
        words = [*(config["Entrypoint"] or []), *(config["Cmd"] or [])]
        return words[2] if words[:2] == ["/bin/sh", "-c"] and len(words) == 3 else shlex.join(words)


def make_network(engine: Engine) -> Network:
    """Make the run's network, unless it is there: one with no way out, if this machine can reach containers there.

    It can where the network's gateway is an address of this machine. With Docker Desktop and the like it is not: their
    engines run in a virtual machine, and an ordinary network with a published port must do.
    """
    for network in engine.client.networks.list(names=[engine.name]):
        return "cut" if network.attrs["Internal"] else "open"
    network = engine.client.networks.create(engine.name, internal=True, labels=engine.labels)
    network.reload()
    gateways = [config.get("Gateway") for config in network.attrs["IPAM"]["Config"] or []]
    if any(gateway and _is_ours(gateway) for gateway in gateways):
        return "cut"
    network.remove()
    engine.client.networks.create(engine.name, labels=engine.labels)
    return "open"


def _is_ours(host: str) -> bool:
    """Tell whether this machine has an address: nobody can bind to those of others."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _holds(host: str, port: int) -> bool:
    """Tell whether a connection lasts: a published port accepts all, and drops those that nobody inside takes."""
    try:
        with socket.create_connection((host, port), timeout=HELD) as probe:
            return bool(probe.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False


def _folder_for_everyone(name: str) -> bytes:
    """Return a tar archive of an empty folder that every account may write to, whichever USER the image names."""
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, 0o777
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        file.addfile(folder)
    return archive.getvalue()
