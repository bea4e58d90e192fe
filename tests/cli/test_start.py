"""`coach start`: which stack, into which folder, and what happens when it is stopped half-way."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from coach.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NOT_GRADED, EXIT_PASSED
from tests.learner import Learner, offline

NOTES = ("start", "phase-2-notes")


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def bare(learner: Learner) -> dict[str, str]:
    """A PATH on which there is nothing."""
    (learner.home / "bin").mkdir()
    return {"PATH": str(learner.home / "bin")}


def test_without_a_stack_the_first_whose_tools_are_here_is_taken(learner: Learner, bare: dict[str, str]) -> None:
    done = learner.run(*NOTES, "--no-install", env=bare)
    assert done.returncode == EXIT_PASSED
    assert "in Python with FastAPI." in done.stdout
    assert "Other stacks, with --stack: express, flask, custom" in done.stdout


def test_a_tool_that_is_too_old_is_named_with_what_is_needed(learner: Learner, bare: dict[str, str]) -> None:
    node = learner.home / "bin" / "node"
    node.write_text("#!/bin/sh\necho v18.20.4\n")
    node.chmod(0o755)
    done = learner.run(*NOTES, "--stack", "express", env=bare)
    assert done.returncode == EXIT_NOT_GRADED
    assert "Node.js with Express needs node 20 or newer; 18.20.4 is on PATH." in done.stderr
    assert "Install Node.js 20 or newer" in done.stderr


def test_the_current_folder_will_do_when_it_is_empty(learner: Learner) -> None:
    (learner.home / "mine").mkdir()
    done = learner.run(*NOTES, ".", "--stack", "custom", within="mine")
    assert done.returncode == EXIT_PASSED
    assert "  cd" not in done.stdout
    assert (learner.home / "mine" / "coach.toml").is_file()


def test_a_folder_beside_other_files_will_do_when_nothing_is_in_the_way(learner: Learner) -> None:
    (learner.home / "mine").mkdir()
    (learner.home / "mine" / "README.md").write_text("mine")
    assert learner.run(*NOTES, "mine", "--stack", "express", "--no-install").returncode == EXIT_PASSED
    assert (learner.home / "mine" / "README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["my notes", "Grüße 🎉", "it's", "$HOME", "-notes", "n" * 200])
def test_the_way_there_can_be_pasted_whatever_the_folder_is_called(name: str, learner: Learner) -> None:
    done = learner.run(*NOTES, "--stack", "custom", "--", name)
    assert done.returncode == EXIT_PASSED
    [command] = [line for line in done.stdout.splitlines() if line.startswith("  cd ")]
    subprocess.run(["sh", "-c", f"{command.strip()} && test -f coach.toml"], cwd=learner.home, check=True)


def test_a_starter_is_what_pack_render_writes(learner: Learner) -> None:
    learner.run(*NOTES, "--stack", "flask", "--no-install")
    learner.run("pack", "render", "phase-2-notes", "rendered", "--stack", "flask")
    assert files_below(learner.home / "phase-2-notes") == files_below(learner.home / "rendered")


@pytest.mark.network
@pytest.mark.parametrize("stack", ["express", "fastapi"])
def test_what_start_has_installed_is_not_installed_again(stack: str, learner: Learner) -> None:
    done = learner.run(*NOTES, "--stack", stack)
    assert done.returncode == EXIT_PASSED, done.stderr
    assert "Installing" in done.stderr
    done = learner.run("grade", within="phase-2-notes")
    assert done.returncode == EXIT_FAILED
    assert "Installing" not in done.stderr


def test_ctrl_c_while_installing_leaves_a_whole_starter_and_no_process(learner: Learner, nothing_left: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        registry = {"UV_DEFAULT_INDEX": f"http://127.0.0.1:{silent.getsockname()[1]}/simple"}
        with learner.spawn(*NOTES, "--stack", "flask", env=offline(learner.home) | registry) as process:
            assert process.stderr is not None
            assert b"Installing" in process.stderr.readline()
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                assert b"Interrupted." in process.stderr.read()
    assert process.returncode == EXIT_INTERRUPTED
    assert (learner.home / "phase-2-notes" / "requirements.txt").is_file()
