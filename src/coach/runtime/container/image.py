"""Builds a workspace's Dockerfile into the image of one run: with buildx where it is present, else through the SDK."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests
from docker.errors import APIError
from docker.utils.build import exclude_paths

from coach.errors import InputError, PrerequisiteError, SubmissionError
from coach.processes import TOKEN_VARIABLE, kill_all, marked, poll
from coach.runtime.container.engine import FREE_SPACE, LABEL, Engine, EngineError, connect, explained, reason
from coach.runtime.prepare import DISK_FULL, OFFLINE
from coach.runtime.program import LOG_TAIL

BUILD_LIMIT = 900.0
"""Seconds that a build may take; the download of the base image is part of it."""
DOCKERFILE = "Dockerfile"
LOG = Path(".coach/build.log")
NOT_OURS = (".git", ".venv", "node_modules", "__pycache__")
"""What stays out of the image where no .dockerignore says otherwise: it belongs to this machine, and may be large."""

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_STEP = re.compile(r"Step \d+/\d+ : (\w+)")
_LAYER = re.compile(r" ---> ([0-9a-f]{12})$")
_NO_BASE_IMAGE = re.compile(
    r"dial tcp|no such host|i/o timeout|TLS handshake|x509:|toomanyrequests|Client\.Timeout|connection reset by peer"
)
_NEEDS_BUILDKIT = re.compile(
    r"^\s*(RUN|COPY|ADD)\s+(--(mount|network|security|link|chmod|parents|exclude|checksum)\b|.*(?<!<)<<-?['\"]?[a-z_])"
    r"|^\s*FROM\s+--platform=\$",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(r"^(ERROR: |failed to (solve|create|compute)[^:]*: |rpc error: code = \w+ desc = )+")


def build_image(engine: Engine, workspace: Path, progress: Callable[[str], None], limit: float = BUILD_LIMIT) -> None:
    """Build the image that is called `engine.name`; all that the builder prints is kept in `.coach/build.log`.

    Raises:
        SubmissionError: with code `dockerfile-missing` or `build-failed`.
        PrerequisiteError: when the network, disk space or BuildKit is missing, or the build took too long.
    """
    if not (workspace / DOCKERFILE).is_file():
        raise SubmissionError(
            "dockerfile-missing",
            f"There is no {DOCKERFILE} in {workspace}.",
            "`coach start` makes one for every stack; copy it from a new workspace, or write your own.",
        )
    build = _with_buildx
    if not _has_buildx():
        _refuse_buildkit(workspace / DOCKERFILE)
        build = _with_sdk
    with _open_log(workspace) as file, _context(workspace) as context:
        output = _Output(engine, file, progress)
        error = build(engine, context, output, limit)
    if error is not None:
        raise _failure(error, output.last())


class _Output:
    """Takes what the builder prints: for the log, for the person who waits, and for the end of a failure's message."""

    def __init__(self, engine: Engine, file: IO[str], progress: Callable[[str], None]) -> None:
        self._engine = engine
        self._file = file
        self._progress = progress
        self._partial = ""
        self._step: re.Match[str] | None = None
        self._last: deque[str] = deque(maxlen=2 * LOG_TAIL)

    def write(self, text: str) -> None:
        """Take a piece of output; lines may come in several."""
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._line(_COLOUR.sub("", line).rstrip())

    def _line(self, line: str) -> None:
        self._file.write(f"{line}\n")
        self._step = _STEP.match(line) or self._step
        layer = _LAYER.match(line)
        if layer and self._step and self._step[1] != "FROM":
            self._engine.note_layer(layer[1])
        if line:
            self._last.append(line)
            self._progress(line)

    def last(self) -> list[str]:
        """Return the last lines."""
        return list(self._last)


@contextmanager
def _open_log(workspace: Path) -> Iterator[IO[str]]:
    try:
        (workspace / LOG.parent).mkdir(exist_ok=True)
        file = (workspace / LOG).open("w", encoding="utf-8")
    except OSError as exc:
        raise PrerequisiteError(
            f"coach cannot write in {workspace}: {exc.strerror}.", "Check the folder's permissions and the free space."
        ) from exc
    with file:
        yield file


@contextmanager
def _context(workspace: Path) -> Iterator[IO[bytes]]:
    """Pack the files that the build may use, as `.dockerignore` says, and nothing of coach's."""
    ignore = workspace / ".dockerignore"
    with tempfile.TemporaryFile() as file:
        try:
            lines = ignore.read_text(encoding="utf-8-sig").splitlines() if ignore.is_file() else NOT_OURS
            patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
            _pack(workspace, exclude_paths(workspace, [*patterns, ".coach"], DOCKERFILE), file)
        except OSError as exc:
            raise InputError(
                f"{workspace} cannot be packed for its image: {exc}.", "Can you read all its files?"
            ) from exc
        except ValueError as exc:
            raise InputError(f"{ignore} is wrong: {exc}.", "Its lines are patterns, in UTF-8.") from exc
        yield file


def _pack(workspace: Path, names: Iterable[str], file: IO[bytes]) -> None:
    """Write a tar archive that begins with the Dockerfile: buildx tells by its first block that it is one."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted(names, key=lambda name: (name != DOCKERFILE, name)):
            archive.add(workspace / name, name, recursive=False)
    file.seek(0)


def _has_buildx() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode == 0


def _refuse_buildkit(dockerfile: Path) -> None:
    """Refuse what the engine's own builder cannot do; some engines would build it wrong without a word."""
    lines = dockerfile.read_text(encoding="utf-8", errors="replace").splitlines()
    found = next((line.strip() for line in lines if _NEEDS_BUILDKIT.match(line)), None)
    if found is not None:
        raise PrerequisiteError(
            f"builder-missing: the Dockerfile needs BuildKit ({found}), and docker buildx is not installed.",
            "Install it (https://docs.docker.com/go/buildx/), or do without that line.",
        )


def _with_buildx(engine: Engine, context: IO[bytes], output: _Output, limit: float) -> str | None:
    """Build through docker's command line; return what went wrong, if something did."""
    command = ["docker", "buildx", "build", "--load", "--progress=plain", f"--file={DOCKERFILE}"]
    command += [f"--label={LABEL}={engine.token}", f"--tag={engine.name}", "-"]
    env = {**os.environ, "DOCKER_HOST": engine.address, TOKEN_VARIABLE: engine.token}
    # Without attestations the image is one that every engine can hold.
    env["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1"
    printed = engine.scratch / "build.log"
    with printed.open("wb") as writer, printed.open(encoding="utf-8", errors="replace") as reader:
        builder = subprocess.Popen(
            command, env=env, stdin=context, stdout=writer, stderr=subprocess.STDOUT, start_new_session=True
        )

        def finished() -> bool:
            ended = builder.poll() is not None
            output.write(reader.read())
            return ended

        try:
            finished_in_time = poll(finished, limit)
        finally:
            kill_all(lambda: marked(engine.token))
            builder.wait()
    if not finished_in_time:
        raise _too_slow(limit)
    if builder.returncode == 0:
        return None
    errors = [line for line in output.last() if line.startswith("ERROR: ")]
    return _PREAMBLE.sub("", errors[-1]) if errors else f"docker buildx ended with exit code {builder.returncode}"


def _with_sdk(engine: Engine, context: IO[bytes], output: _Output, limit: float) -> str | None:
    """Build with the engine's own builder; return what went wrong, if something did."""
    end = time.monotonic() + limit
    client = connect(engine.address)
    answers: list[requests.Response] = []
    client.api.hooks["response"].append(lambda answer, **_: answers.append(answer))
    try:
        steps = client.api.build(
            fileobj=context,
            custom_context=True,
            dockerfile=DOCKERFILE,
            tag=engine.name,
            labels=engine.labels,
            nocache=True,  # a layer that two runs share would be removed by one under the other's feet
            forcerm=True,
            rm=True,
            decode=True,
            timeout=math.ceil(limit),
        )
        for step in steps:
            if "error" in step:
                output.write("\n")
                return str(step["error"]).strip()
            output.write(step.get("stream") or _download(step))
            if time.monotonic() > end:
                raise _too_slow(limit)
    except APIError as exc:
        if exc.is_client_error() or "ockerfile" in reason(exc):
            return reason(exc)
        with explained("build the image"):
            raise
    except EngineError as exc:
        if time.monotonic() > end:
            raise _too_slow(limit) from exc
        with explained("build the image"):
            raise
    finally:
        for answer in answers:  # the engine gives a build up when its connection is closed
            answer.close()
        client.close()
    return None


def _download(step: dict[str, str]) -> str:
    """Return the line about the base image that is being fetched, without its bars of progress."""
    return f"{step['status']}\n" if "status" in step and not step.get("progressDetail") else ""


def _too_slow(limit: float) -> PrerequisiteError:
    return PrerequisiteError(
        f"Building the image took longer than {limit:g} s.",
        f"The network may be slow. {LOG} shows how far it came; run `docker build .` by hand, then grade again.",
    )


def _failure(error: str, last: list[str]) -> PrerequisiteError | SubmissionError:
    """Tell apart what the machine lacks from what the learner wrote; `error` is the reason that the builder gives."""
    text = "\n".join([*last, error])
    if DISK_FULL.search(text):
        return PrerequisiteError("The disk is full: the image could not be built.", FREE_SPACE)
    if _NO_BASE_IMAGE.search(error):
        return PrerequisiteError(
            f"The registry of the base image cannot be reached: {error}",
            "Check the network, then grade again. An image that is here already needs none: docker pull",
        )
    if OFFLINE.search(text):
        return PrerequisiteError(
            f"The build could not reach the network: {error}",
            f"Check the network, then grade again. {LOG} holds all that it printed.",
        )
    return SubmissionError(
        "build-failed",
        f"The image could not be built: {error}",
        f"Mend the Dockerfile; `docker build .` does the same by hand. {LOG} holds all that it printed.",
        tuple(last[-LOG_TAIL:]),
    )
