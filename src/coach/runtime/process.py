"""Runs the learner's program as a process tree under a supervisor."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from coach.errors import PrerequisiteError, SubmissionError, TamperedError
from coach.model import Mode, Network, Notice
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
    poll,
)
from coach.runtime import supervisor
from coach.runtime.elsewhere import Elsewhere
from coach.runtime.program import (
    GRACE,
    LOG_LIMIT,
    Boot,
    Exit,
    ProgramLog,
    Spec,
    address_in_use,
    diagnose,
    flood_notice,
)

PORT_ATTEMPTS = 3
PROCESS_LIMIT = 256
DRAIN_PATIENCE = 0.5
"""Seconds that the supervisor may take to copy the program's last lines to the log."""
KILL_PATIENCE = 10.0
"""Seconds that the supervisor may take to report a stop, after the grace."""


class ProcessProgram:
    """A program as a process tree on this machine; its supervisor starts with the object, before the program."""

    mode: Mode = "process"
    network: Network = "open"

    def __init__(self, spec: Spec) -> None:
        """Make the program's folders and start its supervisor.

        Raises:
            PrerequisiteError: when there is no room for them.
        """
        self.spec = spec
        try:
            for folder in ("data", "home", "tmp"):
                (spec.scratch / folder).mkdir(exist_ok=True)
            self.log = ProgramLog(spec.scratch / f"{spec.name}.log", self._settle)
        except OSError as exc:
            raise PrerequisiteError(
                f"{spec.scratch} cannot be written to: {exc.strerror}.", "Free some space, or check its permissions."
            ) from exc
        self.address = ("127.0.0.1", 0)
        self._mark = 0
        self._supervisor = supervisor.spawn(spec.scratch)
        self._process = psutil.Process(self._supervisor.pid)
        self._events = b""
        self._reading = threading.Lock()  # checks send requests, and stop the program, from several threads
        self._env: dict[str, str] = {}
        self._exit: Exit | None = None
        self._survivors = 0
        self._running = False
        self._drained = threading.Event()
        self._dropped = 0

    def build(self, progress: Callable[[str], None]) -> None:
        """Do nothing: a process runs in the workspace as it is."""

    def start(self, env: Mapping[str, str] | None = None) -> None:
        """Choose a port and have the start command run; see `Program.start`.

        Raises:
            PrerequisiteError: when this machine has no port left.
            TamperedError: when the program has removed or replaced the log of its last start.
        """
        if not self.log.is_intact():
            raise TamperedError("The program removed or replaced the log that coach keeps of it.", TAMPERED_HINT)
        self._env = {**self.spec.env, **(env or {})}
        self._exit = None
        self._survivors = 0
        self._mark = self.log.mark()
        try:
            self.address = ("127.0.0.1", free_port())
        except OSError as exc:
            raise PrerequisiteError(f"This machine has no port to spare: {exc}.", "End some other programs.") from exc
        self._running = True
        self._tell(
            do="start",
            command=self.spec.start,
            cwd=str(self.spec.workspace),
            env=self._environment(),
            log=str(self.log.path),
            log_limit=LOG_LIMIT,
            memory=self.spec.limits.memory_bytes,
            processes=PROCESS_LIMIT,
        )

    def wait_ready(self) -> None:
        """See `Program.wait_ready`; a port that somebody else won in the meantime is replaced by another."""
        for attempt in range(1, PORT_ATTEMPTS + 1):
            state = self._wait_for_listener()
            if state == "ready":
                return
            lost_race = state == "stranger" or (
                state == "ended" and address_in_use(self.log.since(self._mark)) and accepts(*self.address)
            )
            if not lost_race or attempt == PORT_ATTEMPTS:
                raise self._boot_failure(state)
            self.stop(signal.SIGKILL)
            self.start(self._env)

    def stop(self, number: int = signal.SIGTERM, grace: float = GRACE) -> Exit:
        """See `Program.stop`."""
        if self._running:
            self._tell(do="stop", signal=int(number), grace=0 if number == signal.SIGKILL else grace)
            poll(self._has_stopped, grace + KILL_PATIENCE, every=0.002)
        if self._running:
            raise TamperedError("The supervisor of the program no longer answers.", TAMPERED_HINT)
        return self._exit or Exit()

    def ended(self) -> Exit | None:
        """See `Program.ended`."""
        self._read_events()
        return self._exit

    def listens(self) -> list[Listener]:
        """See `Program.listens`."""
        return listeners(descendants(self._supervisor.pid))

    def notices(self) -> list[Notice]:
        """See `Program.notices`."""
        return flood_notice(self._dropped)

    def close(self) -> None:
        """End the supervisor and with it the tree, then whatever else carries the run's token."""
        pipes = (self._supervisor.stdin, self._supervisor.stdout)
        try:
            if self._supervisor.poll() is None:
                self._tell(do="quit")
        except TamperedError:
            pass
        finally:
            for pipe in pipes:
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        continue
            self._end_supervisor()
            self._running = False
            kill_all(self._strays)

    def _end_supervisor(self) -> None:
        """Wait for the supervisor to finish; where it was killed or cannot, end what came to coach in its place."""
        if self._is_frozen():
            self._supervisor.kill()
        try:
            self._supervisor.wait(KILL_PATIENCE)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        if self._supervisor.returncode:
            kill_all(self._orphans)

    def _is_frozen(self) -> bool:
        """Tell whether somebody has stopped the supervisor with a signal."""
        try:
            return self._supervisor.returncode is None and self._process.status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def _has_stopped(self) -> bool:
        self._read_events()
        if self._is_frozen():
            raise TamperedError("The supervisor of the program was stopped.", TAMPERED_HINT)
        return not self._running

    def _settle(self) -> None:
        """Have the supervisor copy to the log what the program has printed until now."""
        if self._running:
            self._drained.clear()
            self._tell(do="drain")
            poll(self._has_drained, DRAIN_PATIENCE, every=0.0005)

    def _has_drained(self) -> bool:
        self._read_events()
        return self._drained.is_set() or not self._running

    def _strays(self) -> list[psutil.Process]:
        return marked(self.spec.token)

    def _orphans(self) -> list[psutil.Process]:
        """Find children of coach that it did not start and that are younger than the program: orphans come to it."""
        since = self._process.create_time()
        children = psutil.Process().children()
        strangers = [
            child for child in children if child.pid not in supervisor.spawned and child.create_time() >= since
        ]
        return [process for one in strangers for process in (one, *descendants(one.pid)) if alive(process)]

    def _environment(self) -> dict[str, str]:
        """Build the program's whole environment; nothing else of coach's reaches it."""
        scratch, workspace = self.spec.scratch, self.spec.workspace
        path = [str(workspace / folder) for folder in self.spec.path]
        locale = {name: os.environ[name] for name in ("LANG", "LC_ALL", "LC_CTYPE") if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            **locale,
            "PATH": os.pathsep.join([*path, os.environ.get("PATH", os.defpath)]),
            "HOME": str(scratch / "home"),
            "TMPDIR": str(scratch / "tmp"),
            "DATA_DIR": str(scratch / "data"),
            "PYTHONUNBUFFERED": "1",
            TOKEN_VARIABLE: self.spec.token,
            **self._env,
            "PORT": str(self.address[1]),
        }

    def _tell(self, **command: Any) -> None:
        assert self._supervisor.stdin is not None  # noqa: S101 - opened by spawn
        try:
            self._supervisor.stdin.write(json.dumps(command).encode() + b"\n")
            self._supervisor.stdin.flush()
        except (BrokenPipeError, ValueError) as exc:
            raise TamperedError("The supervisor of the program was killed.", TAMPERED_HINT) from exc

    def _read_events(self) -> None:
        """Take in what the supervisor has reported; never waits.

        Raises:
            TamperedError: when the supervisor is gone or says nonsense, which only the program can have done.
        """
        assert self._supervisor.stdout is not None  # noqa: S101 - opened by spawn
        pipe = self._supervisor.stdout.fileno()
        with self._reading:
            while select.select([pipe], [], [], 0)[0]:
                data = os.read(pipe, 1 << 16)
                if not data:
                    raise TamperedError("The supervisor of the program was killed.", TAMPERED_HINT)
                *lines, self._events = (self._events + data).split(b"\n")
                for line in lines:
                    try:
                        self._take(json.loads(line))
                    except (ValueError, KeyError, TypeError) as exc:
                        raise TamperedError("Somebody speaks for the program's supervisor.", TAMPERED_HINT) from exc

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "failed":
            self._running = False
            raise PrerequisiteError(
                f"The start command cannot be run in {self.spec.workspace}: {event['reason']}.",
                "Check that the folder can be entered and that /bin/sh exists.",
            )
        if event["event"] == "drained":
            self._drained.set()
        if event["event"] in ("ended", "stopped"):
            if "limit" in event:
                self._exit = Exit(event["code"], event["signal"], event["limit"])
            self._survivors = event.get("survivors", self._survivors)
        if event["event"] == "stopped":
            self._running = False
            self._dropped += event["dropped"]

    def _wait_for_listener(self) -> str:
        """Wait for the port; return `ready`, `ended`, `stranger`, `elsewhere` or `late`."""
        elsewhere = Elsewhere(self.listens, self.address[1])

        def state() -> str:
            self._read_events()
            if self._exit is not None:
                return "ended"
            if accepts(*self.address):
                return "ready" if self._owns_port() else "stranger"
            return "elsewhere" if elsewhere.for_too_long() else ""

        found = poll(state, self.spec.limits.boot, every=0.005) or "late"
        self._read_events()
        return "ended" if self._exit is not None else found

    def _owns_port(self) -> bool:
        """Tell whether the listener is of our tree; one that was bound a moment ago may take a moment to show."""
        return bool(poll(lambda: any(found.port == self.address[1] for found in self.listens()), 0.2))

    def _boot_failure(self, state: str) -> SubmissionError:
        """Gather what can be seen of the failed program, end it, and name the cause."""
        listening = self.listens()
        self.stop(signal.SIGKILL)
        return diagnose(
            Boot(
                port=self.address[1],
                exit=self._exit if state == "ended" else None,
                stranger=state == "stranger",
                listening=listening,
                survivors=self._survivors if state == "ended" else 0,
                waited=self.spec.limits.boot,
                log=self.log.tail(mark=self._mark),
                start=self.spec.start,
            )
        )


TAMPERED_HINT = (
    "The program reached for a process or a file that is not its own. Grade it in a container: coach grade --container"
)
