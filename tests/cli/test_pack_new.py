"""`coach pack new`: what it writes is complete, lint and verify pass it as it stands, and nothing is replaced."""

import re
from pathlib import Path

import pytest

from coach.catalog.lint import lint
from coach.catalog.packs import open_pack
from coach.errors import EXIT_PASSED, EXIT_USAGE
from tests.learner import Learner


def test_a_new_pack_and_its_exercise_break_no_rule(learner: Learner) -> None:
    done = learner.run("pack", "new", "book-shelf", "--pack", "my pack")
    assert done.returncode == EXIT_PASSED, done.stderr
    pack = open_pack(learner.home / "my pack")
    assert (pack.manifest.id, pack.manifest.title) == ("my-pack", "My pack")
    assert pack.exercise("book-shelf").title == "Book shelf"
    assert lint(pack) == (1, [])
    assert "book-shelf is in the new pack my-pack" in done.stdout
    assert "coach pack lint book-shelf --pack 'my pack'" in done.stdout


def test_every_place_to_change_first_exists(learner: Learner) -> None:
    done = learner.run("pack", "new", "book-shelf", "--pack", "mine")
    places = re.findall(r"^  (mine/\S+):(\d+)  ", done.stdout, re.MULTILINE)
    assert [Path(name).name for name, _ in places] == [
        "exercise.toml",
        "instructions.md",
        "test_book_shelf.py",
        "routes.js",
        "routes.py",
        "server.py",
        "faults.toml",
        "hints.md",
    ]
    for name, line in places:
        text = (learner.home / name).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert re.search(r"title|Build a server|@check|routes\.post|router\.post|def app|fault|^- ", text), (name, text)


def test_the_pack_around_the_current_folder_gets_the_exercise(learner: Learner) -> None:
    learner.run("pack", "new", "one", "--pack", "mine")
    manifest = (learner.home / "mine/pack.toml").read_bytes()
    done = learner.run("pack", "new", "two", within="mine/exercises")
    assert done.returncode == EXIT_PASSED, done.stderr
    assert "two is in the pack mine, complete" in done.stdout
    assert open_pack(learner.home / "mine").ids() == ["one", "two"]
    assert (learner.home / "mine/pack.toml").read_bytes() == manifest
    again = learner.run("pack", "new", "three", within="mine")
    assert "coach pack lint three --pack .\n" in again.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Book Shelf"], 'Error: "Book Shelf" is no id.\nUse small letters, digits and hyphens: book-shelf\n'),
        (["../x"], 'Error: "../x" is no id.\nUse small letters, digits and hyphens: x\n'),
        (["x"], "Error: There is no pack here.\nName a folder for a new one, as in: --pack my-pack\n"),
        (["one", "--pack", "mine"], 'Error: The pack "mine" already has "one".\nChoose another id.\n'),
        (["x", "--pack", "mine/pack.toml"], "pack.toml is a file; nothing was written.\nChoose a folder.\n"),
    ],
)
def test_what_cannot_be_written_is_refused(learner: Learner, words: list[str], message: str) -> None:
    learner.run("pack", "new", "one", "--pack", "mine")
    before = sorted(learner.home.rglob("*"))
    done = learner.run("pack", "new", *words)
    assert done.returncode == EXIT_USAGE
    assert message in done.stderr
    assert sorted(learner.home.rglob("*")) == before


def test_nothing_that_exists_is_replaced(learner: Learner) -> None:
    (learner.home / "mine/graders").mkdir(parents=True)
    grader = learner.home / "mine/graders/test_one.py"
    grader.write_text("mine", encoding="utf-8")
    done = learner.run("pack", "new", "one", "--pack", "mine")
    assert done.returncode == EXIT_USAGE
    assert "already holds graders/test_one.py; nothing was written" in done.stderr
    assert grader.read_text(encoding="utf-8") == "mine"
    assert not (learner.home / "mine/pack.toml").exists()


@pytest.mark.network
def test_a_new_exercise_is_proved_as_it_stands(learner: Learner) -> None:
    learner.run("pack", "new", "book-shelf", "--pack", "mine")
    done = learner.run("pack", "verify", "--pack", "mine")
    assert done.returncode == EXIT_PASSED, done.stdout + done.stderr
    assert "book-shelf: proved (4 checks, 6 faults, 18 gradings" in done.stdout


def test_inside_a_pack_every_command_works_on_that_pack(learner: Learner) -> None:
    learner.run("pack", "new", "one", "--pack", "mine")
    for within in ("mine", "mine/exercises/one"):
        done = learner.run("pack", "lint", within=within)
        assert done.stdout == "mine: 1 exercise, nothing to mend. Next: coach pack verify\n"
    done = learner.run("pack", "render", "one", "../solution", "--stack", "custom", "--reference", within="mine")
    assert done.returncode == EXIT_PASSED, done.stderr
    assert (learner.home / "solution/server.py").is_file()
    done = learner.run("pack", "verify", "two", within="mine")
    assert 'no exercise "two" in the pack "mine"' in done.stdout + done.stderr
    outside = learner.run("pack", "lint")
    assert outside.stdout.startswith("coach: "), outside.stdout


def test_a_learners_workspace_is_no_place_for_a_pack(learner: Learner) -> None:
    learner.run("start", "phase-2-notes", "work", "--stack", "custom")
    before = sorted(learner.home.rglob("*"))
    for target in ("work", "work/my-pack"):
        done = learner.run("pack", "new", "one", "--pack", target)
        assert done.returncode == EXIT_USAGE
        assert f"lies inside the workspace {learner.home / 'work'}, where a learner solves" in done.stderr
    assert sorted(learner.home.rglob("*")) == before


def test_a_reference_and_a_fault_are_two_trees(learner: Learner) -> None:
    words = ("--stack", "express", "--reference", "--fault", "stores-nothing")
    done = learner.run("pack", "render", "phase-2-notes", "tree", *words)
    assert done.returncode == EXIT_USAGE
    assert "--reference and --fault name two trees" in done.stderr
    assert not (learner.home / "tree").exists()
