"""Watches one program from a process of its own, so that nothing of the program outlives coach, however coach ends.

Runs as `python -I -S`; reads JSON commands, one a line, on standard input and writes JSON events on standard output:

    {"do": "start", "command", "cwd", "env", "log", "log_limit", "memory", "processes"}
    {"do": "stop", "signal", "grace"}       {"do": "drain"}         {"do": "quit"}
    {"event": "started", "pid"}             {"event": "drained"}    {"event": "failed", "reason"}
    {"event": "ended", "code", "signal", "limit", "survivors"}        the start command itself is over
    {"event": "stopped", "code", "signal", "limit", "dropped"}        the whole tree is gone; lines of log dropped

The end of standard input without a "quit" means that coach is gone: the tree is killed and the run's folder removed.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

SUPPORTS_SUBREAPER = sys.platform.startswith("linux")
WATCH_EVERY = 0.25
"""Seconds between two looks at the tree's memory and size."""
FILE_LIMIT = 1 << 30
"""Bytes that one file of the program may have."""
spawned: set[int] = set()
"""Supervisors that this process has started; in a supervisor itself it stays empty."""
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Make orphaned descendants come to this process instead of init, so that none is lost (prctl(2), Linux only).

    Returns:
        Whether the system could do it.
    """
    return SUPPORTS_SUBREAPER and ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def keep_private() -> None:
    """Keep other processes of the account out of this one's memory, environment and open files (prctl(2), Linux)."""
    if SUPPORTS_SUBREAPER:
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _before_exec() -> Callable[[], None]:
    prctl = ctypes.CDLL(None).prctl if SUPPORTS_SUBREAPER else None
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    file_limit = FILE_LIMIT if allowed == resource.RLIM_INFINITY else min(FILE_LIMIT, allowed)

    def limit_program() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return limit_program


class Log:
    """Copies the program's output to a file up to a limit; what comes after is read, counted and dropped."""

    def __init__(self, path: str, limit: int) -> None:
        self._file = Path(path).open("ab", buffering=0)  # noqa: SIM115 - closed by close()
        self._left = limit - self._file.tell()
        self._dropped = 0
        self._within_line = False
        self.pipe, self.writer = os.pipe()
        os.set_blocking(self.pipe, False)

    def drain(self) -> bool:
        """Copy what the pipe holds now; return False once its last writer is gone."""
        for _ in range(64):  # so that a program that never stops printing does not keep the supervisor here
            try:
                data = os.read(self.pipe, 1 << 18)
            except BlockingIOError:
                return True
            if not data:
                return False
            kept = self._keep(data[: max(self._left, 0)])
            if kept < len(data):
                self._dropped += data.count(b"\n", kept)
                self._within_line = not data.endswith(b"\n")
        return True

    def _keep(self, data: bytes) -> int:
        """Write to the file and return how many bytes that took; a full disk must not end the watch."""
        try:
            written = self._file.write(data) or 0
        except OSError:
            written = 0
        self._left = self._left - written if written == len(data) else 0
        return written

    @property
    def dropped(self) -> int:
        """How many lines were dropped, an unfinished one included."""
        return self._dropped + self._within_line

    def close(self) -> None:
        """Close pipe and file."""
        os.close(self.pipe)
        self._file.close()


class Supervisor:
    """One program at a time: start, watch, stop."""

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch
        self._selector = selectors.DefaultSelector()
        self._shell: subprocess.Popen[bytes] | None = None
        self._log: Log | None = None
        self._commands = b""
        self._end: dict[str, Any] | None = None
        self._limit = ""
        self._stop_at: float | None = None
        self._watch_at = 0.0
        self._memory = 0
        self._processes = 0
        self._goodbye: Literal["", "quit", "gone"] = ""

    def run(self) -> None:
        """Serve commands until standard input ends, then leave nothing behind."""
        woken, wake = os.pipe()
        for end in (woken, wake, 0):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            # A handler, not SIG_IGN, which the program would inherit.
            signal.signal(number, lambda *_: None)
        self._selector.register(0, selectors.EVENT_READ, self._read_commands)
        self._selector.register(woken, selectors.EVENT_READ, lambda: _empty(woken))
        try:
            while not self._goodbye:
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                self._reap()
                self._watch()
        finally:
            self._kill()
            if self._goodbye != "quit":
                remove_scratch(Path(self._scratch))

    def _patience(self) -> float | None:
        if self._shell is None:
            return None
        return 0.02 if self._stop_at is not None else max(self._watch_at - time.monotonic(), 0)

    def _read_commands(self) -> None:
        data = os.read(0, 1 << 16)
        if not data:
            self._goodbye = "gone"
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            try:
                command = json.loads(line)
            except ValueError:  # the program writes here; coach sees this process end, and says so
                self._goodbye = "quit"
                return
            self._obey(**command)

    def _obey(self, do: str, **arguments: Any) -> None:
        if do == "start":
            self._start(**arguments)
        elif do == "stop":
            self._stop(**arguments)
        elif do == "drain":
            self._drain()
            tell(event="drained")
        else:
            self._goodbye = "quit"

    def _start(
        self, *, command: str, cwd: str, env: dict[str, str], log: str, log_limit: int, memory: int, processes: int
    ) -> None:
        self._end, self._limit, self._stop_at = None, "", None
        self._memory, self._processes = memory, processes
        output = None
        try:
            output = Log(log, log_limit)
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output.writer,
                stderr=output.writer,
                start_new_session=True,
                preexec_fn=_before_exec(),  # noqa: PLW1509 - the supervisor has one thread
            )
        except OSError as exc:
            tell(event="failed", reason=exc.strerror)
            if output is not None:
                output.close()
            return
        finally:
            if output is not None:
                os.close(output.writer)
        self._log = output
        self._selector.register(self._log.pipe, selectors.EVENT_READ, self._drain)
        tell(event="started", pid=self._shell.pid)
        self._watch_at = time.monotonic() + WATCH_EVERY

    def _drain(self) -> None:
        log = self._log
        if log is not None and not log.drain() and log.pipe in self._selector.get_map():
            self._selector.unregister(log.pipe)

    def _stop(self, *, signal: int, grace: float) -> None:
        self._stop_at = time.monotonic() + grace
        processes().send(self._tree(), signal)

    def _tree(self) -> list[Any]:
        tree: list[Any] = processes().descendants(os.getpid())
        return tree

    def _kill(self) -> None:
        processes().kill_all(self._tree)
        self._reap()

    def _reap(self) -> None:
        """Collect ended descendants, and report when the start command is one of them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._shell is not None and pid == self._shell.pid:
                code = os.waitstatus_to_exitcode(status)
                self._shell.returncode = code
                if self._log is not None:
                    self._log.drain()
                self._end = {"code": code if code >= 0 else None, "signal": -code if code < 0 else None}
                self._end["limit"] = self._limit
                tell(event="ended", survivors=len(self._tree()), **self._end)

    def _watch(self) -> None:
        """Enforce the limits while the program runs; finish a stop once its tree is gone or its grace is over."""
        if self._shell is None:
            return
        now = time.monotonic()
        if self._stop_at is not None:
            if now >= self._stop_at:
                self._kill()
            if not self._tree() and self._end is not None:
                self._stopped()
            return
        if now < self._watch_at:
            return
        self._watch_at = now + WATCH_EVERY
        tree = self._tree()
        if len(tree) > self._processes:
            self._limit = "processes"
        elif processes().memory(tree, self._memory) > self._memory:
            self._limit = "memory"
        if self._limit and tree:
            self._kill()

    def _stopped(self) -> None:
        log, self._log, self._shell = self._log, None, None
        dropped = 0
        if log is not None:
            log.drain()
            dropped = log.dropped
            if log.pipe in self._selector.get_map():
                self._selector.unregister(log.pipe)
            log.close()
        tell(event="stopped", dropped=dropped, **(self._end or {}))


def processes() -> Any:
    """Import the process-tree functions: 20 ms, which are better spent after the program has started."""
    from coach import processes as module  # noqa: PLC0415

    return module


def remove_scratch(folder: Path) -> None:
    """Remove the run's scratch folder, folders that the program took all rights from included."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    folder.chmod(0o700)
    for path, inner, _ in os.walk(folder):
        for name in inner:
            found = Path(path, name)
            if not found.is_symlink():
                found.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def tell(**event: Any) -> None:
    """Write one event; coach being gone is noticed on standard input."""
    try:
        os.write(1, json.dumps(event).encode() + b"\n")
    except OSError:
        return


def _empty(pipe: int) -> None:
    try:
        os.read(pipe, 4096)
    except BlockingIOError:
        return


def main() -> None:
    """Run a supervisor; the scratch folder of the run is the first argument."""
    become_subreaper()
    keep_private()
    Supervisor(sys.argv[1]).run()


def spawn(scratch: Path) -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own, out of reach of the terminal's Ctrl-C and of `sitecustomize.py`."""
    from importlib.util import find_spec  # noqa: PLC0415 - only coach spawns supervisors

    folders = [str(Path(__file__).parents[2])]
    psutil = find_spec("psutil")
    if psutil is not None and psutil.origin is not None:
        folders.append(str(Path(psutil.origin).parents[1]))
    code = f"import sys; sys.path += {folders!r}; from coach.runtime.supervisor import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath)},
        start_new_session=True,
    )
    spawned.add(process.pid)
    return process
