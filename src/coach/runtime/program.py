"""What every way of running the learner's program has in common: the protocol, its log, and the diagnosis of a boot."""

from __future__ import annotations

import os
import re
import signal
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from coach.errors import SubmissionError
from coach.model import Limits, Mode, Network, Notice
from coach.processes import Listener

LOG_LIMIT = 4 << 20
"""Bytes of a program's output that are kept; what comes after is counted and dropped."""
LOG_TAIL = 20
"""Lines of the log that a cause carries."""
LINE_LIMIT = 2000
"""Characters of a line of the log that a report carries."""
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class Spec:
    """All that it takes to run one program of a workspace, as plain data.

    `env` holds the declared variables alone; the runner adds PATH, HOME, TMPDIR, locale, PORT, DATA_DIR and the token.
    `scratch` is the run's own folder: it holds `data`, `home`, `tmp` and the log, and is removed by whoever made it.
    """

    workspace: Path
    start: str
    scratch: Path
    token: str
    env: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    name: str = "server"


@dataclass(frozen=True)
class Exit:
    """How a program ended: by itself with `code`, by `signal`, or because it broke the limit named in `limit`."""

    code: int | None = None
    signal: int | None = None
    limit: str = ""

    def __str__(self) -> str:
        """Say it as the end of the sentence "The program …"."""
        if self.limit == "memory":
            return "was stopped because it used more memory than allowed"
        if self.limit == "processes":
            return "was stopped because it started too many processes"
        if self.signal is not None:
            known = self.signal in list(signal.Signals)
            return f"was ended by {signal.Signals(self.signal).name if known else f'signal {self.signal}'}"
        # A shell tells that a signal ended its command by adding 128 to the signal's number (POSIX, section 2.8.2).
        told = {128 + number: number.name for number in signal.Signals}
        by = f" ({told[self.code]})" if self.code in told else ""
        return f"ended with exit code {self.code}{by}"


class ProgramLog:
    """What a program printed (standard output and error together), kept in a file of at most LOG_LIMIT bytes.

    `settle` waits until the file holds all that was printed so far, where somebody copies it there.
    """

    def __init__(self, path: Path, settle: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.settle = settle
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        # Held open, because the program may remove the file, or put something that never ends in its place.
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def is_intact(self) -> bool:
        """Tell whether the file is still the one that was made here."""
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self._file))
        except OSError:
            return False

    def mark(self) -> int:
        """Return a position for `since`."""
        return os.fstat(self._file).st_size

    def since(self, mark: int = 0) -> list[str]:
        """Return the lines written after `mark`; bytes that are not UTF-8 are replaced."""
        return os.pread(self._file, LOG_LIMIT + 4096, mark).decode("utf-8", "replace").splitlines()

    def tail(self, lines: int = LOG_TAIL, mark: int = 0) -> tuple[str, ...]:
        """Return the last lines written after `mark`, long ones cut."""
        found = self.since(mark)[-lines:]
        return tuple(line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]} …" for line in found)


class Program(Protocol):
    """A learner's program under coach's control.

    The order of calls is `start`, `wait_ready`, then any number of `stop` and `start` again, and `close` at the end,
    which is safe at any moment and leaves nothing behind. DATA_DIR lives as long as the object.
    """

    mode: Mode
    network: Network
    log: ProgramLog
    address: tuple[str, int]
    """Host and port where requests go; known after `wait_ready`, the same through restarts where possible."""

    def build(self, progress: Callable[[str], None]) -> None:
        """Make what the program runs in, where it needs something made; `progress` receives each line of output.

        Raises:
            SubmissionError: with code `build-failed` or `dockerfile-missing`.
            PrerequisiteError: when the machine cannot do it.
        """

    def start(self, env: Mapping[str, str] | None = None) -> None:
        """Begin to start the program and return at once; `env` goes on top of the declared variables for this start.

        Raises:
            PrerequisiteError: when the machine cannot run anything there.
        """

    def wait_ready(self) -> None:
        """Wait until the program accepts connections on PORT.

        Raises:
            SubmissionError: with one of the boot codes, when it ended, or did not listen within `limits.boot` seconds.
            TamperedError: when the submission attacked what watches it.
        """

    def stop(self, number: int = signal.SIGTERM, grace: float = GRACE) -> Exit:
        """Send a signal to the whole tree, kill what is left after `grace` seconds, and tell how the program ended."""

    def ended(self) -> Exit | None:
        """Tell how the program ended, or None while it runs."""

    def listens(self) -> list[Listener]:
        """Return what the program's tree listens on now."""

    def notices(self) -> list[Notice]:
        """Return what the learner should know about how the program behaved (`log-flood`, …)."""

    def close(self) -> None:
        """End the program, whatever state it is in, and remove what running it took."""


_ADDRESS_IN_USE = re.compile(
    r"EADDRINUSE|[Aa]ddress already in use|port \d+ is (already )?in use|errno 98|errno 48", re.IGNORECASE
)


def address_in_use(log: Iterable[str]) -> bool:
    """Tell whether a program complains that its port is taken."""
    return any(_ADDRESS_IN_USE.search(line) for line in log)


def flood_notice(dropped: int) -> list[Notice]:
    """Tell a learner that lines of the log were dropped, where some were."""
    if not dropped:
        return []
    return [
        Notice(
            code="log-flood",
            message=f"The program printed so much that {dropped:,} lines of its log were dropped.",
            remedy="Look for a print or a log call in a loop.",
        )
    ]


@dataclass(frozen=True)
class Boot:
    """What was seen of a program that did not become ready."""

    port: int
    exit: Exit | None
    listening: list[Listener]
    """What its process tree listens on."""
    survivors: int
    """Processes of its tree that outlived the start command."""
    waited: float
    log: tuple[str, ...]
    start: str
    mode: Mode = "process"
    stranger: bool = False
    """Something outside its process tree answers on the port."""


def _why_it_ended(boot: Boot) -> str:
    if boot.exit is not None and boot.exit.code == 0:
        return "It ended without an error. Does it start a server, and wait for requests?"
    if not boot.log:
        return "It printed nothing. Start it by hand to see what it does."
    return "The last lines that it printed usually name the file and the line of the error."


def diagnose(boot: Boot) -> SubmissionError:
    """Name the cause of a failed boot; the codes are stable."""
    contained = boot.mode == "container"
    elsewhere = sorted({listener.port for listener in boot.listening if listener.port != boot.port})
    hosts = sorted({listener.host for listener in boot.listening if listener.port == boot.port})

    def error(code: str, message: str, hint: str) -> SubmissionError:
        return SubmissionError(code, message, hint, boot.log)

    if boot.exit is not None and boot.exit.limit:
        return error(
            f"{boot.exit.limit}-limit",
            f"The program {boot.exit} while it started.",
            "Look for a loop that keeps adding to a list, or that starts processes.",
        )
    if boot.exit is not None and boot.survivors and boot.exit.code == 0:
        return error(
            "backgrounded",
            "The start command ended while the program it started goes on in the background.",
            'Run the server in the foreground: no "&" at the end of start in coach.toml, no daemon option.',
        )
    if boot.exit is not None and boot.exit.code in (126, 127):
        return error(
            "start-command-missing",
            f"The start command could not be run: {boot.start}",
            "It stands in coach.toml under start. Is the name spelled right, and is the tool installed?",
        )
    if boot.exit is not None and address_in_use(boot.log):
        return error(
            "port-taken",
            f"The program ended because its port is in use; coach passed PORT={boot.port}, which was free.",
            "Listen on the port in the environment variable PORT instead of a fixed one.",
        )
    if boot.stranger:
        return error(
            "port-taken",
            f"A process that the start command did not start answers on PORT={boot.port}.",
            "Start the server itself, not a service elsewhere on the machine that listens for it.",
        )
    if boot.exit is not None:
        return error(
            "boot-crashed",
            f"The program {boot.exit} before it listened on its port.",
            _why_it_ended(boot),
        )
    if hosts:
        return error(
            "wrong-host",
            f"The program listens on {' and '.join(hosts)} only; coach "
            + ("needs it on every interface of the container." if contained else "connects to 127.0.0.1."),
            "Listen on the host 0.0.0.0, which is every interface."
            if contained
            else "Listen on the host 127.0.0.1, or on 0.0.0.0, which is every interface.",
        )
    if elsewhere:
        ports = " and ".join(str(port) for port in elsewhere)
        return error(
            "wrong-port",
            f"The program listens on port {ports}; coach passed PORT={boot.port}.",
            'Read the port from the environment variable PORT, or pass it on in coach.toml: start = "… --port $PORT"',
        )
    return error(
        "boot-timeout",
        f"The program runs but did not listen on PORT={boot.port} within {boot.waited:g} s.",
        "Does it wait for something else before it listens?" + ("" if boot.log else " It printed nothing."),
    )
