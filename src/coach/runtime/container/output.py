"""Copies what a container prints into the program's log."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from docker.models.containers import Container

from coach.processes import poll
from coach.runtime.container.engine import EngineError, explained
from coach.runtime.program import LOG_LIMIT

QUIET = 0.03
"""Seconds of silence after which all that was printed has come through the engine, as far as can be told."""
SETTLE_PATIENCE = 0.5
END_PATIENCE = 5.0
LONGEST_LINE = 1 << 16


class Output:
    """The output of one start of a container, from its first byte on: made before the container starts.

    The log file keeps at most LOG_LIMIT bytes; what comes after is read, counted and dropped. Standard output and error
    come separately: each is written by whole lines, so that no line of one ends up within a line of the other.
    """

    def __init__(self, container: Container, log: Path) -> None:
        self._dropped = 0
        self._within_line = False
        self._left = LOG_LIMIT - log.stat().st_size
        self._last = time.monotonic()
        self._begun = [b"", b""]
        """The lines of standard output and error that have not ended yet."""
        self._writing = threading.Lock()
        with explained("attach to the container"):
            self._stream = container.attach(stdout=True, stderr=True, stream=True, logs=False, demux=True)
        self._file = log.open("ab", buffering=0)
        self._thread = threading.Thread(target=self._copy, name=f"output of {container.short_id}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many lines were dropped, an unfinished one included."""
        return self._dropped + self._within_line

    def settle(self) -> None:
        """Wait until the log holds what has been printed so far."""
        self._last = time.monotonic()
        poll(lambda: time.monotonic() - self._last > QUIET or not self._thread.is_alive(), SETTLE_PATIENCE)
        self._write_begun_lines()

    def finish(self) -> None:
        """Wait for the rest of the output of a container that has ended."""
        self._thread.join(END_PATIENCE)
        self.close()

    def close(self) -> None:
        """Stop copying."""
        with suppress(*EngineError):
            self._stream.close()
        self._thread.join(END_PATIENCE)
        self._write_begun_lines()
        self._file.close()

    def _copy(self) -> None:
        # The SDK's own way to close a stream shuts its connection down and leaves the socket open.
        with closing(self._stream._response):  # type: ignore[attr-defined]
            try:
                for pieces in self._stream:
                    self._last = time.monotonic()
                    for which, data in enumerate(pieces):
                        self._take(which, data or b"")
            except (*EngineError, ValueError):  # the engine, or `close`, has ended the stream
                return

    def _take(self, which: int, data: bytes) -> None:
        with self._writing:
            lines, newline, rest = (self._begun[which] + data).rpartition(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, newline, rest = lines + newline, rest, b""
            self._begun[which] = rest
            self._write(lines + newline)

    def _write_begun_lines(self) -> None:
        with self._writing:
            for which, line in enumerate(self._begun):
                self._begun[which] = b""
                self._write(line)

    def _write(self, data: bytes) -> None:
        keep = data[: max(self._left, 0)]
        self._left -= len(keep)
        if len(keep) < len(data):
            self._dropped += data.count(b"\n", len(keep))
            self._within_line = not data.endswith(b"\n")
        try:
            if keep:
                self._file.write(keep)
        except OSError:  # a full disk must not stop the program at its next line
            self._left = 0
