"""Installs a workspace's dependencies, and only when its manifest, its lock file or the command changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from coach.errors import PrerequisiteError, SubmissionError
from coach.model import Stack, Tool, WorkspaceConfig
from coach.processes import TOKEN_VARIABLE, kill_all, marked, poll
from coach.runtime.program import LOG_TAIL

INSTALL_LIMIT = 600.0
"""Seconds that an installation may take."""
STAMP = Path(".coach/prepared.json")
LOG = Path(".coach/install.log")
LOCK = Path(".coach/install.lock")
TOOLS = Path(".coach/bin")

OFFLINE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|dns error|error sending request"
    r"|tcp connect error|[Ff]ailed to fetch|Could not connect|Connection refused"
    r"|Temporary failure in name resolution|network timeout"
)
_NOISE = re.compile(r"A complete log of this run can be found in|^npm warn |^npm error\s*$")
"""Lines of an installer that would hide those that tell something."""
DISK_FULL = re.compile(r"ENOSPC|[Nn]o space left on device")
_PASSED_ON = re.compile(
    r"^(PATH|HOME|USER|LANG|LC_.*|TMPDIR|XDG_.*|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS"
    r"|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(npm_config|NPM_CONFIG|UV|PIP)_.*)$"
)


def prepare(workspace: Path, config: WorkspaceConfig, stack: Stack, progress: Callable[[str], None]) -> bool:
    """Install what the workspace's manifest asks for, unless that has been done for the same content.

    `progress` receives each line that the installer prints.

    Returns:
        Whether anything was installed.

    Raises:
        PrerequisiteError: when a tool, the network or disk space is missing, or the installation took too long.
        SubmissionError: with code `install-failed` when the installer refuses the manifest.
    """
    locked = bool(stack.install_locked) and (workspace / stack.lock).is_file()
    command = stack.install_locked if locked and config.install == stack.install else config.install
    if not command:
        return False
    if _is_prepared(workspace, config, stack):
        return False
    check_toolchain(stack)
    with _alone(workspace, progress):
        if _is_prepared(workspace, config, stack):
            return False
        _install(workspace, command, stack, progress)
        mark_prepared(workspace, config, stack)
    return True


@contextmanager
def _alone(workspace: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Let one coach at a time install in a workspace; the lock ends with its holder, however that ends."""
    try:
        (workspace / LOCK.parent).mkdir(exist_ok=True)
        lock = (workspace / LOCK).open("wb")
    except OSError as exc:
        raise _cannot_write(workspace, exc) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another coach installs them at this moment; waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mark_prepared(workspace: Path, config: WorkspaceConfig, stack: Stack) -> None:
    """Note that the workspace's dependencies are installed as its manifest and lock file are now.

    Raises:
        PrerequisiteError: when the note cannot be written.
    """
    stamp = {"fingerprint": _fingerprint(workspace, config, stack)}
    try:
        (workspace / STAMP.parent).mkdir(exist_ok=True)
        (workspace / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    except OSError as exc:
        raise PrerequisiteError(f"{workspace / STAMP} cannot be written: {exc.strerror}.") from exc


def _cannot_write(workspace: Path, exc: OSError) -> PrerequisiteError:
    return PrerequisiteError(
        f"coach cannot write in {workspace}: {exc.strerror}.", "Check the folder's permissions and the free space."
    )


def check_toolchain(stack: Stack) -> None:
    """Make sure that the stack's tools are here, new enough.

    Raises:
        PrerequisiteError: naming the tool and what to install.
    """
    for tool in stack.toolchain:
        problem = missing_tool(tool)
        if problem:
            raise PrerequisiteError(f"{stack.title} needs {problem}.", tool.hint)


def missing_tool(tool: Tool) -> str:
    """Say what is missing of a tool, as the end of "… needs", or nothing when it will do."""
    path = shutil.which(tool.command)
    if path is None:
        return f'the command "{tool.command}", which is not on PATH'
    if not tool.min:
        return ""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        answer = ""
    found = re.search(r"\d+(\.\d+)*", answer)
    if found is None:
        return f'a working "{tool.command}" (`{tool.command} --version` printed no version)'
    if _version(found.group()) < _version(tool.min):
        return f"{tool.command} {tool.min} or newer; {found.group()} is on PATH"
    return ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _fingerprint(workspace: Path, config: WorkspaceConfig, stack: Stack) -> str:
    """Hash what an installation depends on: the command, manifest and lock file, and where the tools are."""
    digest = hashlib.sha256(config.install.encode())
    for name in (stack.manifest, stack.lock):
        path = workspace / name
        digest.update(b"\0" + (path.read_bytes() if name and path.is_file() else b""))
    for tool in stack.toolchain:
        digest.update(b"\0" + os.fsencode(shutil.which(tool.command) or ""))
    return digest.hexdigest()


def _is_prepared(workspace: Path, config: WorkspaceConfig, stack: Stack) -> bool:
    try:
        stamp = json.loads((workspace / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = isinstance(stamp, dict) and stamp.get("fingerprint") == _fingerprint(workspace, config, stack)
    # Only the folder itself must be there: node_modules has no .bin while no package brings a command.
    return same and all((workspace / Path(folder).parts[0]).is_dir() for folder in stack.path)


def _environment(token: str, tools: Path) -> dict[str, str]:
    """Pass on what installers need to reach a registry and their caches; nothing else of the person's environment."""
    kept = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
    return {
        "UV_PYTHON_DOWNLOADS": "never",
        **kept,
        "PATH": os.pathsep.join([str(tools), os.environ.get("PATH", os.defpath)]),
        TOKEN_VARIABLE: token,
        "NO_COLOR": "1",
        "npm_config_update_notifier": "false",
    }


def _bring_uv(tools: Path) -> None:
    """Put the `uv` that was installed with coach into a folder, so that Python stacks need nothing else.

    It makes environments with the Python that runs coach. Only `uv venv` is told so: with UV_PYTHON set,
    `uv pip install` would install into coach's own environment. Nor does the folder where uv lies go on PATH, because
    coach's Python and pip lie beside it.
    """
    from uv import find_uv_bin  # noqa: PLC0415 - only when something is installed

    try:
        uv = find_uv_bin()
    except FileNotFoundError:
        return
    tools.mkdir(parents=True, exist_ok=True)
    script = tools / "uv"
    script.write_text(
        f"""\
#!/bin/sh
if [ "$1" = venv ] && [ -z "$UV_PYTHON" ]; then export UV_PYTHON={shlex.quote(sys.executable)}; fi
exec {shlex.quote(str(uv))} "$@"
""",
        encoding="utf-8",
    )
    script.chmod(0o755)


def _install(workspace: Path, command: str, stack: Stack, progress: Callable[[str], None]) -> None:
    token = os.urandom(8).hex()
    try:
        if re.search(r"\buv\b", f"{stack.install} {command}"):
            _bring_uv(workspace / TOOLS)
        log = (workspace / LOG).open("w+b")
    except OSError as exc:
        raise _cannot_write(workspace, exc) from exc
    with log:
        installer = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=workspace,
            env=_environment(token, workspace / TOOLS),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        reader = (workspace / LOG).open(encoding="utf-8", errors="replace")

        def finished() -> bool:
            for line in reader.readlines():
                progress(line.rstrip())
            return installer.poll() is not None

        try:
            done = poll(finished, INSTALL_LIMIT)
            finished()
        finally:
            reader.close()
            if installer.poll() is None:
                installer.send_signal(signal.SIGKILL)
            kill_all(lambda: marked(token))
            installer.wait()
    if not done:
        raise PrerequisiteError(
            f"Installing the dependencies took longer than {INSTALL_LIMIT:g} s: {command}",
            f"The network may be slow. Run the command by hand in {workspace}, then grade again.",
        )
    if installer.returncode != 0:
        lines = (workspace / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        raise _failure(command, installer.returncode, lines, stack)


def _unreached(lines: list[str]) -> str:
    """Choose the line that says best what could not be reached: the first that names an address, else the first."""
    telling = [line.strip() for line in lines if OFFLINE.search(line)]
    return next((line for line in telling if "://" in line), telling[0])


def _failure(command: str, code: int, lines: list[str], stack: Stack) -> PrerequisiteError | SubmissionError:
    """Tell apart what the machine lacks from what the learner wrote."""
    lines = [line for line in lines if not _NOISE.search(line)]
    text = "\n".join(lines)
    if DISK_FULL.search(text):
        return PrerequisiteError("The disk is full: the dependencies could not be installed.", "Free some space.")
    if OFFLINE.search(text):
        return PrerequisiteError(
            f"The package registry cannot be reached: {_unreached(lines)}",
            "Check the network (and HTTPS_PROXY, if you use one); the next coach grade tries again.",
        )
    if code == 127:
        return PrerequisiteError(
            f"The install command is not found: {command}",
            next((tool.hint for tool in stack.toolchain), "Check `install` in coach.toml."),
        )
    return SubmissionError(
        "install-failed",
        f"Installing the dependencies failed with exit code {code}: {command}",
        f"Is {stack.manifest or 'the manifest'} right? Run the command by hand to see all that it prints.",
        tuple(lines[-LOG_TAIL:]),
    )
