"""`coach pack add`, `list` and `remove`, and what packs mean to the commands of learners."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coach.catalog.packs import open_pack
from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED, EXIT_USAGE
from tests.learner import Learner
from tests.workspaces import echo_workspace


@pytest.fixture
def echo(learner: Learner) -> Path:
    """A workspace that passes, which says that its pack is `hostile`; beside it lies that pack, not yet added."""
    folder = echo_workspace(learner.home)
    config = folder / "coach.toml"
    config.write_text(f'{config.read_text()}pack = "hostile"\nrevision = "1"\n')
    return folder


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return all files and folders with their time of change and their content."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [root, *root.rglob("*")]
    }


def added(learner: Learner) -> Path:
    """Return the folder of the one pack that was added."""
    [copy] = learner.home.rglob("packs/hostile-*")
    return copy


def report(learner: Learner, *words: str, within: str = "echo") -> dict[str, Any]:
    done = learner.run("grade", "--json", "-", *words, within=within)
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


# ── adding ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_is_made_to_trust_a_pack_unasked(learner: Learner, echo: Path) -> None:
    done = learner.run("pack", "add", "pack")
    assert done.returncode == EXIT_USAGE
    assert "run with your rights" in done.stderr
    assert "--yes" in done.stderr
    assert learner.run("pack", "list").stdout.count("\n\n") == 0
    assert "hostile" not in learner.run("list").stdout


@pytest.mark.parametrize(
    ("answer", "code", "last"), [("n", EXIT_FAILED, "Nothing was added."), ("y", 0, "coach start")]
)
def test_a_person_is_asked_once(learner: Learner, echo: Path, answer: str, code: int, last: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "coach", "pack", "add", "pack"]
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        command, cwd=learner.home, env=learner.env, stdin=theirs, capture_output=True, text=True, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code
    assert "Add only packs whose author" in " ".join(done.stdout.split())
    assert "hostile" in done.stdout
    assert last in done.stdout.splitlines()[-1]
    assert bool(list(learner.home.rglob("packs/hostile-*"))) == (answer == "y")


def test_a_pack_is_added_updated_and_removed(learner: Learner, echo: Path) -> None:
    assert learner.types("pack", "add", "--yes", "pack") == 0
    assert learner.types("pack", "list") == 0
    assert re.search(r"^Added the pack hostile \(version 1, content [0-9a-f]{12}\)\.$", learner.screen, re.MULTILINE)
    assert re.search(rf"^hostile  .*\(1 exercise\)\n.*\n  from {learner.home}/pack$", learner.screen, re.MULTILINE)
    assert learner.types("pack", "add", "--yes", "pack") == 0
    assert "There is nothing new in the pack hostile" in learner.screen

    (learner.home / "pack/graders/conftest.py").write_text('"""More."""\n')
    assert "That folder has changed since" in learner.run("pack", "list").stdout
    assert "Updated the pack hostile" in learner.run("pack", "add", "--yes", "pack").stdout
    assert "That folder has changed since" not in learner.run("pack", "list").stdout

    done = learner.run("pack", "remove", "hostile")
    assert done.stdout.startswith("Removed the pack hostile.")
    assert "hostile" not in learner.run("list").stdout
    assert not list(learner.home.rglob("packs/hostile-*"))


def test_a_pack_comes_from_git(learner: Learner, echo: Path) -> None:
    who = ["git", "-c", "user.name=Author", "-c", "user.email=author@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"], ["tag", "v1"]):
        subprocess.run([*who, *words], cwd=learner.home / "pack", check=True, capture_output=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=learner.home / "pack", check=True, capture_output=True, text=True
    ).stdout.strip()
    assert f"commit {commit[:12]}" in learner.run("pack", "add", "--yes", "pack@v1").stdout

    assert learner.run("start", "hostile-echo", "mine").returncode == 0
    assert f'revision = "{commit}"' in (learner.home / "mine/coach.toml").read_text()
    found = report(learner, "--pack", f"hostile@{commit[:10]}")
    assert found["pack"]["revision"] == commit
    assert [notice["code"] for notice in found["notices"]] == ["pack-revision"]
    assert report(learner, "--pack", "hostile@v1")["pack"]["revision"] == commit
    refused = learner.run("grade", "--pack", "hostile@v2", within="echo")
    assert f"is here in the revision {commit}, not in v2" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "--yes", "echo"), EXIT_USAGE, "is not a pack: it has no pack.toml"),
        (("add", "--yes", "nowhere"), EXIT_USAGE, '"nowhere" is neither a folder nor the URL of a git repository'),
        (("add", "--yes", "--", "--upload-pack=x"), EXIT_USAGE, "is no address of a pack"),
        (("add", "--yes", "file:///no/where"), EXIT_NOT_GRADED, "git could not fetch file:///no/where"),
        (("remove", "hostil"), EXIT_USAGE, 'No pack "hostil" was added'),
        (("remove", "coach"), EXIT_USAGE, 'The pack "coach" was not added by coach pack add (comes with coach)'),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    learner: Learner, echo: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = learner.run("pack", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) >= 2, "what is wrong, and what to do"


def test_the_id_of_coachs_own_pack_is_taken(learner: Learner, echo: Path) -> None:
    manifest = learner.home / "pack/pack.toml"
    manifest.write_text(manifest.read_text().replace('"hostile"', '"coach"'))
    done = learner.run("pack", "add", "--yes", "pack")
    assert done.returncode == EXIT_USAGE
    assert "which is taken (comes with coach)" in done.stderr


def test_a_data_folder_that_is_a_file_is_named(learner: Learner, echo: Path) -> None:
    (learner.home / "taken").write_text("")
    done = learner.run("pack", "add", "--yes", "pack", env={"COACH_HOME": str(learner.home / "taken")})
    assert done.returncode == EXIT_NOT_GRADED
    assert "could not be written: Not a directory" in done.stderr


# ── using ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_exercises_are_listed_by_pack_and_told_apart(learner: Learner, echo: Path) -> None:
    alone = learner.run("list").stdout
    exercises = learner.home / "pack/exercises"
    (exercises / "hostile-echo").rename(exercises / "phase-2-notes")
    manifest = exercises / "phase-2-notes/exercise.toml"
    manifest.write_text(manifest.read_text().replace('"hostile-echo"', '"phase-2-notes"'))
    learner.run("pack", "add", "--yes", "pack")

    listed = learner.run("list").stdout
    assert not alone.startswith("coach ")
    assert listed.startswith("coach  ")
    assert "\n\nhostile  Servers that misbehave (1)\n" in listed
    assert "\ncoach/phase-2-notes  " in listed
    assert "\nhostile/phase-2-notes  " in listed
    assert learner.run("list", "--pack", "hostile").stdout.startswith("phase-2-notes  ")

    done = learner.run("start", "phase-2-notes", "--stack", "custom")
    assert done.returncode == EXIT_USAGE
    assert "coach/phase-2-notes or hostile/phase-2-notes" in done.stderr
    assert learner.run("start", "hostile/phase-2-notes", "--stack", "custom").returncode == 0
    config = (learner.home / "phase-2-notes/coach.toml").read_text()
    assert 'pack = "hostile"\nrevision = "1"\n' in config


def test_a_pack_that_cannot_be_read_hides_no_other(learner: Learner, echo: Path) -> None:
    learner.run("pack", "add", "--yes", "pack")
    manifest = added(learner) / "exercises/hostile-echo/exercise.toml"
    manifest.chmod(0o644)
    manifest.write_text("format = 9\n")
    done = learner.run("list")
    assert done.returncode == 0
    assert "phase-2-notes" in done.stdout
    assert "The pack hostile cannot be shown." in done.stderr
    assert "Upgrade coach" in done.stderr
    assert "is not what was added" in learner.run("pack", "list").stdout


def test_a_workspace_is_graded_by_its_own_pack(learner: Learner, echo: Path) -> None:
    done = learner.run("grade", within="echo")
    assert done.returncode == EXIT_USAGE
    assert f'{echo}/coach.toml: There is no pack "hostile" on this machine.' in done.stderr
    assert "coach pack add PATH-OR-GIT-URL" in done.stderr

    learner.run("pack", "add", "--yes", "pack")
    found = report(learner)
    pack = open_pack(learner.home / "pack")
    assert found["pack"] == {
        "id": "hostile",
        "revision": "1",
        "hash": pack.content_hash(pack.exercise("hostile-echo")),
    }
    assert found["coach"]
    assert found["notices"] == []
    assert {check["outcome"] for check in found["checks"]} == {"passed"}


def test_another_revision_is_said_and_graded_all_the_same(learner: Learner, echo: Path) -> None:
    manifest = learner.home / "pack/pack.toml"
    manifest.write_text(manifest.read_text().replace('version = "1"', 'version = "2"'))
    learner.run("pack", "add", "--yes", "pack")
    done = learner.run("grade", within="echo")
    assert done.returncode == EXIT_PASSED
    said = " ".join(done.stdout.split())
    assert "made from revision 1 of the pack hostile, and graded with revision 2." in said
    assert "[pack-revision]" in said


def test_a_pack_that_was_tampered_with_grades_nothing(learner: Learner, echo: Path) -> None:
    learner.run("pack", "add", "--yes", "pack")
    pinned = open_pack(added(learner)).whole_hash()
    grader = added(learner) / "graders/test_hostile_echo.py"
    grader.chmod(0o644)
    grader.write_text('"""Nothing."""\n')
    done = learner.run("grade", within="echo")
    assert done.returncode == EXIT_NOT_GRADED
    assert pinned in done.stderr
    assert open_pack(added(learner)).whole_hash() in done.stderr
    assert f"Add it again: coach pack add {learner.home}/pack" in done.stderr


def test_grading_writes_nothing_into_a_pack(learner: Learner, echo: Path) -> None:
    learner.run("pack", "add", "--yes", "pack")
    # An import of what graders share is what would leave bytecode behind.
    for root, words in ((added(learner), ()), (learner.home / "pack", ("--pack", "../pack"))):
        for path in [*root.rglob("*"), root]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = snapshot(root)
        assert {check["outcome"] for check in report(learner, *words)["checks"]} == {"passed"}
        assert snapshot(root) == before
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_pack_for_one_command_needs_no_adding(learner: Learner, echo: Path) -> None:
    assert learner.run("list", "--pack", "pack").stdout.startswith("hostile-echo")
    done = learner.run("start", "hostile/hostile-echo", "mine", "--pack", "pack")
    assert done.returncode == 0
    assert f"coach grade --pack {learner.home}/pack" in done.stdout
    assert report(learner, "--pack", "../pack")["pack"]["id"] == "hostile"
    assert not list(learner.home.rglob("packs.json"))


def test_a_pack_can_be_named_by_its_id_and_revision(learner: Learner, echo: Path) -> None:
    learner.run("pack", "add", "--yes", "pack")
    assert report(learner, "--pack", "hostile@1")["pack"]["id"] == "hostile"
    done = learner.run("grade", "--pack", "hostile@2", within="echo")
    assert done.returncode == EXIT_USAGE
    assert 'The pack "hostile" is here in the revision 1, not in 2.' in done.stderr
    done = learner.run("grade", "--pack", "hostle", within="echo")
    assert done.returncode == EXIT_USAGE
    assert 'Did you mean "hostile"?' in done.stderr
    done = learner.run("grade", "--pack", "./nowhere/at/all", within="echo")
    assert done.returncode == EXIT_USAGE
    assert "is not a pack" in done.stderr


# ── in CI ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "within"),
    [
        (("grade", "--pack", "own"), "echo"),
        (("grade", "echo", "--pack", "echo/own"), "."),
        (("grade", "--pack", "../outside"), "echo"),
        (("pack", "add", "--yes", "echo/own"), "."),
    ],
)
def test_a_submission_brings_no_graders_in_ci(
    learner: Learner, echo: Path, words: tuple[str, ...], within: str
) -> None:
    (learner.home / "pack").rename(echo / "own")
    (learner.home / "outside").symlink_to(echo / "own")
    done = learner.run(*words, within=within, env={"CI": "true"})
    assert done.returncode == EXIT_USAGE
    assert f"lies inside the workspace {echo}" in done.stderr
    assert learner.run(*words, within=within, env={"CI": "false"}).returncode == EXIT_PASSED


def test_packs_elsewhere_grade_in_ci(learner: Learner, echo: Path) -> None:
    learner.run("pack", "add", "--yes", "pack")
    for words in ((), ("--pack", "../pack"), ("--pack", "hostile")):
        assert learner.run("grade", *words, within="echo", env={"CI": "true"}).returncode == EXIT_PASSED
