"""Whatever is wrong with files, folders or the machine, a sentence says so and the learner's files stay as they are."""

import ctypes
import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from coach import session
from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED, EXIT_USAGE, PrerequisiteError
from tests.learner import Learner, offline
from tests.workspaces import Workspaces, echo_workspace

MADE_BY_COACH = {".coach", ".venv", "node_modules"}
CAN_MOUNT = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",))]
"""Begins a command that may mount what nobody else sees, and which is gone with it."""


def fingerprint(folder: Path) -> dict[str, str]:
    """Return the learner's files with a hash of each."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not MADE_BY_COACH & set(path.relative_to(folder).parts)
    }


def lose_power_over_files() -> None:
    """Make root obey the permissions of files, as everybody else does (capabilities(7))."""
    if sys.platform.startswith("linux"):
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; whoever is not root has none to lose


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Any]:
    """Take rights from a path, and give them back at the end so that it can be removed."""
    taken: list[Path] = []

    def lock(path: Path, mode: int) -> None:
        taken.append(path)
        path.chmod(mode)

    yield lock
    for path in taken:
        path.chmod(0o755)


def refused(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    """Check that a command ended with a message that holds these words, and nothing that only we understand."""
    assert done.returncode == code, done
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "bug in coach" not in done.stderr


# ── folders without rights ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_in_which_nothing_may_be_written_gets_no_starter(learner: Learner, locked: Any) -> None:
    (learner.home / "school").mkdir()
    locked(learner.home / "school", 0o555)
    done = learner.run("start", "phase-2-notes", "school/notes", "--stack", "custom", preexec_fn=lose_power_over_files)
    refused(done, EXIT_NOT_GRADED, "school/notes could not be written: Permission denied", "in which you may write")


def test_a_folder_that_may_not_be_entered_is_named(learner: Learner, locked: Any) -> None:
    folder = echo_workspace(learner.home)
    locked(folder, 0o000)
    done = learner.run("grade", "echo", "--pack", "pack", preexec_fn=lose_power_over_files)
    refused(done, EXIT_USAGE, f"{folder} cannot be looked into: Permission denied")


def test_a_coach_toml_that_may_not_be_read_is_named(learner: Learner, locked: Any) -> None:
    folder = echo_workspace(learner.home)
    locked(folder / "coach.toml", 0o000)
    done = learner.run("grade", "echo", "--pack", "pack", preexec_fn=lose_power_over_files)
    refused(done, EXIT_USAGE, f"{folder / 'coach.toml'} cannot be read: Permission denied")


def test_a_workspace_that_may_only_be_read_is_graded_all_the_same(learner: Learner, locked: Any) -> None:
    locked(echo_workspace(learner.home), 0o555)
    done = learner.run("grade", "echo", "--pack", "pack", preexec_fn=lose_power_over_files)
    assert done.returncode == EXIT_PASSED, done


def test_dependencies_for_a_workspace_that_may_only_be_read_are_refused(learner: Learner, locked: Any) -> None:
    folder = echo_workspace(learner.home)
    with (folder / "coach.toml").open("a") as file:
        file.write('install = "touch installed"\n')
    locked(folder, 0o555)
    done = learner.run("grade", "echo", "--pack", "pack", preexec_fn=lose_power_over_files)
    refused(done, EXIT_NOT_GRADED, f"coach cannot write in {folder}: Permission denied")


def test_a_current_folder_that_was_removed_is_told(learner: Learner) -> None:
    (learner.home / "gone").mkdir()
    command = ["sh", "-c", f'rmdir ../gone; exec "{sys.executable}" -m coach grade']
    done = subprocess.run(
        command, cwd=learner.home / "gone", env=learner.env, capture_output=True, text=True, check=False
    )
    refused(done, EXIT_USAGE, "The current folder no longer exists.")


def test_a_folder_whose_links_lead_in_a_circle_is_told(learner: Learner) -> None:
    (learner.home / "one").symlink_to("two")
    (learner.home / "two").symlink_to("one")
    refused(learner.run("grade", "one"), EXIT_USAGE, "one")


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def disk(learner: Learner) -> Any:
    """Run a shell script with a disk of 64 KiB mounted on the folder `disk`; `coach` is the command."""
    if subprocess.run([*CAN_MOUNT, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system lets nobody mount anything")
    (learner.home / "disk").mkdir()

    def run(script: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        first = f'mount -t tmpfs -o size=64k none disk; coach() {{ "{sys.executable}" -m coach "$@"; }}; '
        return subprocess.run(
            [*CAN_MOUNT, "sh", "-c", first + script],
            cwd=learner.home,
            env=learner.env | dict(env or {}),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


FILL = "cat /dev/zero > disk/full 2>/dev/null; "


def test_a_starter_on_a_full_disk_is_refused_and_leaves_nothing(disk: Any) -> None:
    done = disk(
        "head -c 50000 /dev/zero > disk/most; coach start phase-2-notes disk/notes; code=$?; ls disk; exit $code"
    )
    refused(done, EXIT_NOT_GRADED, "could not be written: No space left on device", "Free some space")
    assert done.stdout == "most\n"


def test_dependencies_on_a_full_disk_are_told_and_the_starter_stays(disk: Any) -> None:
    done = disk("coach start phase-2-notes disk/notes --stack fastapi; code=$?; ls disk/notes; exit $code")
    refused(done, EXIT_NOT_GRADED, "The disk is full: the dependencies could not be installed.", "Free some space.")
    assert "requirements.txt" in done.stdout


def test_another_temporary_folder_is_taken_when_one_is_full(disk: Any, learner: Learner) -> None:
    folder = echo_workspace(learner.home)
    before = fingerprint(folder)
    done = disk(FILL + "coach grade echo --pack pack", {"TMPDIR": str(learner.home / "disk")})
    assert done.returncode == EXIT_PASSED, done
    assert fingerprint(folder) == before


def test_a_workspace_on_a_full_disk_is_graded_all_the_same(disk: Any, learner: Learner) -> None:
    echo_workspace(learner.home)
    copy = "mkdir disk/echo; cp echo/coach.toml echo/echo_server.py disk/echo/; "
    done = disk(copy + FILL + "coach grade disk/echo --pack pack")
    assert done.returncode == EXIT_PASSED, done


def test_a_machine_without_room_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: str) -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with (
        pytest.raises(PrerequisiteError, match="temporary files cannot be written: No usable temporary") as caught,
        session._scratch(),
    ):
        pytest.fail("there is nowhere to write")
    assert "Free some space" in caught.value.hint


# ── no network, no tools ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stack", ["express", "fastapi", "flask"])
def test_a_registry_that_cannot_be_reached_is_told_and_the_workspace_is_complete(stack: str, learner: Learner) -> None:
    done = learner.run("start", "phase-2-notes", "notes", "--stack", stack, env=offline(learner.home))
    refused(done, EXIT_NOT_GRADED, "The package registry cannot be reached", "Check the network")
    before = fingerprint(learner.home / "notes")
    assert "instructions.md" in before
    done = learner.run("grade", "notes", env=offline(learner.home))
    refused(done, EXIT_NOT_GRADED, "The package registry cannot be reached", "Check the network")
    assert fingerprint(learner.home / "notes") == before


def test_a_start_command_that_does_not_exist_is_named(learner: Learner) -> None:
    folder = echo_workspace(learner.home, "nodejss server.js")
    before = fingerprint(folder)
    done = learner.run("grade", "echo", "--pack", "pack")
    assert done.returncode == EXIT_FAILED
    assert "The start command could not be run: nodejss server.js" in done.stdout
    assert fingerprint(folder) == before


# ── files in the way ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_workspace_is_never_written_over(workspaces: Workspaces, learner: Learner) -> None:
    folder = workspaces.starter(learner.home / "phase-2-notes", "custom")
    (folder / "server.rb").write_text("# hours of work\n")
    before = fingerprint(folder)
    done = learner.run("start", "phase-2-notes", "--stack", "express")
    refused(done, EXIT_USAGE, "phase-2-notes already holds", "nothing was written")
    assert fingerprint(folder) == before


def test_a_file_in_place_of_the_folder_is_named(learner: Learner) -> None:
    (learner.home / "phase-2-notes").write_text("my notes")
    done = learner.run("start", "phase-2-notes", "--stack", "custom")
    refused(done, EXIT_USAGE, "phase-2-notes is a file; nothing was written.")
    assert (learner.home / "phase-2-notes").read_text() == "my notes"
