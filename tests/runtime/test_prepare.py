"""Dependencies are installed when they must be and not otherwise, and a failure names whose it is."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coach.catalog.packs import builtin_pack
from coach.errors import PrerequisiteError, SubmissionError
from coach.model import Stack, Tool, WorkspaceConfig
from coach.processes import alive, descendants, free_port, poll
from coach.runtime import prepare as module
from coach.runtime.prepare import check_toolchain, missing_tool, prepare

pytestmark = pytest.mark.usefixtures("nothing_left")

INSTALL = "echo installing $(cat deps.txt); mkdir -p deps; echo run >> runs.txt"
STACK = Stack(
    format=1, id="shell", title="A shell", install=INSTALL, manifest="deps.txt", lock="deps.lock", path=("deps",)
)


class Workspace:
    """A folder with a manifest, and an installer of the test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines: list[str] = []
        (root / "deps.txt").write_text("a b\n")

    def prepare(self, install: str = INSTALL, stack: Stack = STACK) -> bool:
        config = WorkspaceConfig(format=1, exercise="one", stack="shell", install=install)
        return prepare(self.root, config, stack, self.lines.append)

    def runs(self) -> int:
        """How often the installer ran."""
        runs = self.root / "runs.txt"
        return len(runs.read_text().splitlines()) if runs.exists() else 0


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(tmp_path / "work")


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_dependencies_are_installed_once(workspace: Workspace) -> None:
    assert workspace.prepare() is True
    assert workspace.prepare() is False
    assert workspace.runs() == 1
    assert workspace.lines == ["installing a b"]


def test_without_a_command_nothing_is_installed(workspace: Workspace) -> None:
    assert workspace.prepare(install="") is False
    assert not (workspace.root / ".coach").exists()


CHANGES: dict[str, Callable[[Path], Any]] = {
    "the manifest changed": lambda root: (root / "deps.txt").write_text("a b c\n"),
    "the manifest is gone": lambda root: (root / "deps.txt").unlink(),
    "a lock file appeared": lambda root: (root / "deps.lock").write_text("a=1\n"),
    "what was installed is gone": lambda root: shutil.rmtree(root / "deps"),
    "coach's folder is gone": lambda root: shutil.rmtree(root / ".coach"),
    "the note is broken": lambda root: (root / ".coach/prepared.json").write_text("{"),
    "the note is not text": lambda root: (root / ".coach/prepared.json").write_bytes(b"\xff"),
    "the note is something else": lambda root: (root / ".coach/prepared.json").write_text("[]"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_dependencies_are_installed_again_when(change: str, workspace: Workspace) -> None:
    workspace.prepare()
    CHANGES[change](workspace.root)
    assert workspace.prepare() is True
    assert workspace.prepare() is False


def test_another_command_installs_again(workspace: Workspace) -> None:
    workspace.prepare()
    assert workspace.prepare(install=INSTALL + "; true") is True


def test_a_tool_in_another_place_installs_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(format=1, id="x", title="X", path=("deps",), toolchain=(Tool(command="tool", hint=""),))
    for folder in ("old", "new"):
        command(tmp_path / folder, "tool", "echo 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'old'}:{os.environ['PATH']}")
    assert [workspace.prepare(stack=stack), workspace.prepare(stack=stack)] == [True, False]
    monkeypatch.setenv("PATH", f"{tmp_path / 'new'}:{os.environ['PATH']}")
    assert workspace.prepare(stack=stack) is True


@pytest.mark.parametrize("keep", ["source.txt", "README.md"])
def test_other_files_may_change(keep: str, workspace: Workspace) -> None:
    workspace.prepare()
    (workspace.root / keep).write_text("new")
    assert workspace.prepare() is False


def test_what_failed_is_tried_again(workspace: Workspace) -> None:
    for _ in range(2):
        with pytest.raises(SubmissionError):
            workspace.prepare(install=INSTALL + "; exit 1")
    assert workspace.runs() == 2


@pytest.mark.parametrize(
    ("lock", "install", "words"),
    [
        (True, "echo plain", ["locked"]),
        (False, "echo plain", ["plain"]),
        (True, "echo my own", ["my own"]),
    ],
)
def test_a_lock_file_asks_for_the_locked_installation(
    lock: bool, install: str, words: list[str], workspace: Workspace
) -> None:
    """Unless the learner has written a command of their own."""
    stack = Stack(format=1, id="x", title="X", install="echo plain", install_locked="echo locked", lock="deps.lock")
    if lock:
        (workspace.root / "deps.lock").touch()
    workspace.prepare(install=install, stack=stack)
    assert workspace.lines == words


# ── how ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_line_is_passed_on_and_kept(workspace: Workspace) -> None:
    workspace.prepare(install="echo one; echo two >&2; printf '\\377 three'; mkdir deps")
    assert workspace.lines == ["one", "two", "\ufffd three"]
    assert (workspace.root / ".coach/install.log").read_bytes() == b"one\ntwo\n\xff three"


def test_an_installer_gets_what_it_needs_and_nothing_else(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    passed_on = {
        "HOME": "/home/me",
        "LANG": "C.UTF-8",
        "HTTPS_PROXY": "http://proxy:1",
        "no_proxy": "localhost",
        "SSL_CERT_FILE": "/certs",
        "npm_config_cache": "/cache",
        "UV_CACHE_DIR": "/uv",
        "XDG_CACHE_HOME": "/xdg",
    }
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "1",
        "GITHUB_TOKEN": "2",
        "PYTHONPATH": "3",
        "NODE_OPTIONS": "4",
        "HOMEPAGE": "5",
    }
    for name, value in (passed_on | secrets | {"PATH": "/usr/bin:/bin"}).items():
        monkeypatch.setenv(name, value)

    workspace.prepare(install=f"{shlex.quote(sys.executable)} -c 'import os; print(dict(os.environ))'")

    seen = eval(workspace.lines[0])
    own = {"COACH_RUN", "NO_COLOR", "UV_PYTHON_DOWNLOADS", "npm_config_update_notifier"}
    by_the_shell = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert {name: seen[name] for name in passed_on} == passed_on
    assert set(seen) - by_the_shell == {"PATH", *passed_on, *own}
    assert seen["PATH"] == f"{workspace.root / '.coach/bin'}:/usr/bin:/bin"


def test_uv_is_there_for_the_installer(workspace: Workspace) -> None:
    workspace.prepare(install="uv --version")
    assert workspace.lines[0].startswith("uv ")


def test_an_installer_without_uv_does_without_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("uv.find_uv_bin", none)
    assert workspace.prepare(install="mkdir deps; echo uv; ls .coach/bin 2>/dev/null || true") is True
    assert workspace.lines == ["uv"]


def test_an_installer_that_does_not_name_uv_gets_none(workspace: Workspace) -> None:
    workspace.prepare(install="ls -A .coach")
    assert "bin" not in workspace.lines


def test_environments_are_made_with_the_python_that_runs_coach(workspace: Workspace) -> None:
    workspace.prepare(install="uv venv -q .venv && .venv/bin/python -c 'import sys; print(sys.version)'")
    assert workspace.lines == [sys.version]


def test_no_installation_goes_into_coachs_own_environment(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no environment is on PATH `uv pip` refuses to install, and so it does under coach."""
    folders = os.environ["PATH"].split(os.pathsep)
    outside = [folder for folder in folders if not Path(folder, os.pardir, "pyvenv.cfg").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(outside))
    workspace.prepare(install="uv pip install --offline no-such-package || true")
    assert "No virtual environment found" in workspace.lines[0]


def test_an_installer_has_nothing_to_read_from(workspace: Workspace) -> None:
    workspace.prepare(install="cat; echo done")
    assert workspace.lines == ["done"]


def test_what_an_installer_leaves_running_is_ended(workspace: Workspace) -> None:
    """The fixture of this module sees to it that nothing is left."""
    workspace.prepare(install="sleep 300 & (trap '' TERM HUP; sleep 300) & echo done")
    assert workspace.lines == ["done"]


def test_two_at_once_install_once(workspace: Workspace) -> None:
    """The second waits for the first, and then finds all done."""
    other = Workspace(workspace.root)
    slow = INSTALL + "; while ! test -e go; do sleep 0.02; done"
    done: list[bool] = []
    first, second = (
        threading.Thread(target=lambda one=one: done.append(one.prepare(slow))) for one in (workspace, other)
    )
    first.start()
    assert poll(workspace.runs, 10) == 1
    second.start()
    assert poll(lambda: other.lines, 10) == ["Another coach installs them at this moment; waiting for it …"]
    (workspace.root / "go").touch()
    first.join()
    second.join()
    assert sorted(done) == [False, True]
    assert workspace.runs() == 1


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failing_installation_is_the_submissions_with_its_last_lines(workspace: Workspace) -> None:
    with pytest.raises(SubmissionError) as caught:
        workspace.prepare(install="seq 100; echo 'no such package: expresss'; exit 7")
    error = caught.value
    assert error.code == "install-failed"
    assert "failed with exit code 7: seq 100" in error.message
    assert "deps.txt" in error.hint
    assert error.log[-1] == "no such package: expresss"
    assert len(error.log) == 20


def test_a_failing_installation_without_a_manifest_says_so(workspace: Workspace) -> None:
    with pytest.raises(SubmissionError) as caught:
        workspace.prepare(install="exit 1", stack=Stack(format=1, id="x", title="X"))
    assert "Is the manifest right?" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        "npm error code ENOTFOUND",
        "npm error code EAI_AGAIN",
        "npm error connect ECONNREFUSED 127.0.0.1:9",
        "error: Failed to fetch: `https://example.org/simple/flask/`",
        "  Caused by: dns error: failed to lookup address information",
        "curl: (6) Temporary failure in name resolution",
    ],
)
def test_a_registry_out_of_reach_is_the_machines(line: str, workspace: Workspace) -> None:
    with pytest.raises(PrerequisiteError, match="registry cannot be reached") as caught:
        workspace.prepare(install=f"echo {shlex.quote(line)}; exit 1")
    assert line.strip() in caught.value.message
    assert "HTTPS_PROXY" in caught.value.hint


@pytest.mark.parametrize("line", ["npm error code ENOSPC", "OSError: [Errno 28] No space left on device"])
def test_a_full_disk_is_the_machines(line: str, workspace: Workspace) -> None:
    with pytest.raises(PrerequisiteError, match="The disk is full"):
        workspace.prepare(install=f"echo {shlex.quote(line)}; exit 1")


def test_a_command_that_is_not_there_names_the_tool(workspace: Workspace) -> None:
    tool = Tool(command="sh", hint="Install a shell.")
    with pytest.raises(PrerequisiteError, match="install command is not found: no-such-installer") as caught:
        workspace.prepare(install="no-such-installer", stack=Stack(format=1, id="x", title="X", toolchain=(tool,)))
    assert caught.value.hint == "Install a shell."


def test_a_command_that_is_not_there_points_to_coach_toml_where_no_tool_is_known(workspace: Workspace) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        workspace.prepare(install="no-such-installer")
    assert "coach.toml" in caught.value.hint


def test_an_installation_that_takes_too_long_is_ended(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INSTALL_LIMIT", 0.3)
    with pytest.raises(PrerequisiteError, match=r"took longer than 0\.3 s: sleep 300 & sleep 300"):
        workspace.prepare(install="sleep 300 & sleep 300")


@pytest.mark.parametrize("place", [".coach", ".coach/install.log", ".coach/bin"])
def test_a_workspace_that_cannot_be_written_to_is_named(place: str, workspace: Workspace) -> None:
    in_the_way = workspace.root / place
    in_the_way.parent.mkdir(exist_ok=True)
    if place.endswith("log"):
        in_the_way.mkdir()
    else:
        in_the_way.write_text("in the way")
    with pytest.raises(PrerequisiteError) as caught:
        workspace.prepare(install="uv --version")
    assert f"cannot write in {workspace.root}: " in caught.value.message
    assert "permissions" in caught.value.hint


def test_a_note_that_cannot_be_written_is_named(workspace: Workspace) -> None:
    with pytest.raises(PrerequisiteError, match=r"prepared\.json cannot be written: Is a directory"):
        workspace.prepare(install="mkdir -p .coach/prepared.json")


def test_ctrl_c_ends_the_installer_and_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from coach.model import Stack, WorkspaceConfig\n"
        "from coach.runtime.prepare import prepare\n"
        "command = 'trap \"\" INT TERM; sleep 300 & echo begun; while true; do sleep 1; done'\n"
        "config = WorkspaceConfig(format=1, exercise='a', stack='b', install=command)\n"
        "prepare(Path.cwd(), config, Stack(format=1, id='b', title='B'), lambda line: print(line, flush=True))\n"
    )
    coach = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert coach.stdout is not None
    assert coach.stdout.readline() == "begun\n"
    tree = descendants(coach.pid)
    assert len(tree) >= 2

    coach.send_signal(signal.SIGINT)

    assert "KeyboardInterrupt" in coach.communicate(timeout=20)[1]
    assert poll(lambda: not any(map(alive, tree)), 10)


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def command(folder: Path, name: str, script: str) -> None:
    """Put a command into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


NODE = Tool(command="node", min="20", hint="Install Node.js.")


@pytest.mark.parametrize(
    ("script", "missing"),
    [
        ("echo v20.0.1", ""),
        ("echo v100.2.3", ""),
        ("echo v20", ""),
        ("echo v18.19.0", "node 20 or newer; 18.19.0 is on PATH"),
        ("echo v9.99", "node 20 or newer; 9.99 is on PATH"),
        ("echo broken; exit 1", 'a working "node" (`node --version` printed no version)'),
    ],
)
def test_a_tool_must_be_new_enough(script: str, missing: str, only: Path) -> None:
    command(only, "node", script)
    assert missing_tool(NODE) == missing


def test_a_tool_that_is_missing_is_named(only: Path) -> None:
    assert missing_tool(NODE) == 'the command "node", which is not on PATH'


def test_a_tool_that_cannot_be_run_is_named(only: Path) -> None:
    (only / "node").write_bytes(b"\x7fELF broken")
    (only / "node").chmod(0o755)
    assert missing_tool(NODE).startswith('a working "node"')


def test_a_tool_of_any_version_is_not_asked_for_it(only: Path) -> None:
    command(only, "npm", "exit 1")
    assert missing_tool(Tool(command="npm", hint="")) == ""


def test_a_toolchain_says_what_to_install(only: Path) -> None:
    stack = Stack(format=1, id="express", title="Node.js with Express", toolchain=(NODE,))
    with pytest.raises(PrerequisiteError, match=r"^Node\.js with Express needs the command \"node\"") as caught:
        check_toolchain(stack)
    assert caught.value.hint == "Install Node.js."


def test_the_toolchain_is_looked_at_only_when_something_is_installed(workspace: Workspace, only: Path) -> None:
    stack = Stack(format=1, id="x", title="X", toolchain=(NODE,))
    with pytest.raises(PrerequisiteError, match="X needs the command"):
        workspace.prepare(install="true", stack=stack)
    assert workspace.prepare(install="", stack=stack) is False


# ── the real installers ──────────────────────────────────────────────────────────────────────────────────────────────


def real(workspace: Workspace, name: str, manifest: str) -> bool:
    """Prepare a workspace of a stack that comes with coach."""
    stack = builtin_pack().stack(name)
    (workspace.root / stack.manifest).write_text(manifest)
    return workspace.prepare(install=stack.install, stack=stack)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a registry where nothing listens."""
    address = f"http://127.0.0.1:{free_port()}/"
    for name in ("npm_config_registry", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, address)
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for name in ("UV_OFFLINE", "npm_config_offline", "UV_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)
    return address


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_npm_without_its_registry(workspace: Workspace, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_cache", str(workspace.root.parent / "cache"))
    with pytest.raises(PrerequisiteError, match="The package registry cannot be reached"):
        real(workspace, "express", '{"dependencies": {"express": "5.3.0"}}')


def test_uv_without_its_registry(workspace: Workspace, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(workspace.root.parent / "cache"))
    with pytest.raises(PrerequisiteError, match="The package registry cannot be reached"):
        real(workspace, "flask", "flask==3.1.3\n")


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_npm_refuses_a_broken_manifest(workspace: Workspace, closed: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        real(workspace, "express", '{"dependencies": {')
    assert caught.value.code == "install-failed"
    assert any("JSON" in line for line in caught.value.log)


def test_uv_refuses_a_broken_manifest(workspace: Workspace, closed: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        real(workspace, "flask", "flask==not a version\n")
    assert caught.value.code == "install-failed"
    assert any("requirements.txt" in line for line in caught.value.log)


def test_uv_installs_nothing_from_an_empty_manifest(workspace: Workspace, closed: str) -> None:
    assert real(workspace, "flask", "") is True
    assert real(workspace, "flask", "") is False
    assert (workspace.root / ".venv/bin/python").exists()
