"""Packs are found, read in the order of learning, and refused with file and key."""

import shutil
from pathlib import Path

import pytest

from coach.catalog import packs
from coach.catalog.packs import Pack, builtin_pack, open_pack
from coach.errors import ContentError, InputError, PrerequisiteError
from tests.catalog.conftest import PACK, AddExercise, write


def test_the_builtin_pack_holds_the_notes_exercise() -> None:
    pack = builtin_pack()
    assert pack.manifest.id == "coach"
    assert pack.exercise("phase-2-notes").kind == "mini-project"
    assert [stack.id for stack in pack.stacks()] == ["custom", "express", "fastapi", "flask"]


def test_the_builtin_pack_is_found_inside_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "coach/pack/pack.toml", PACK)
    monkeypatch.setattr(packs, "__file__", str(tmp_path / "coach/catalog/packs.py"))
    assert builtin_pack().root == (tmp_path / "coach/pack").resolve()


def test_an_installation_without_exercises_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "__file__", str(tmp_path / "src/coach/catalog/packs.py"))
    with pytest.raises(PrerequisiteError, match="exercises are missing") as caught:
        builtin_pack()
    assert caught.value.hint == "Install coach again."


def test_a_folder_without_a_manifest_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a pack: it has no pack\.toml"):
        open_pack(tmp_path)


def test_exercises_come_by_phase_and_what_is_required_comes_first(root: Path, add: AddExercise) -> None:
    add("skill-caching")
    add("phase-10-last")
    add("phase-2-notes", 'requires = ["phase-2-routes", "not-written-yet"]\n')
    add("phase-2-routes", 'requires = ["phase-2-zero"]\n')
    add("phase-2-zero")
    add("bonus-docs")
    (root / "exercises/roadmaps").mkdir()
    assert [exercise.id for exercise in open_pack(root).exercises()] == [
        "phase-2-zero",
        "phase-2-routes",
        "phase-2-notes",
        "phase-10-last",
        "bonus-docs",
        "skill-caching",
    ]


def test_exercises_that_require_each_other_are_refused(root: Path, add: AddExercise) -> None:
    add("one-a", 'requires = ["one-b"]\n')
    add("one-b", 'requires = ["one-a"]\n')
    with pytest.raises(ContentError, match="one-a → one-b → one-a"):
        open_pack(root).exercises()


def test_an_unknown_exercise_names_the_nearest(pack: Pack) -> None:
    with pytest.raises(InputError, match='no exercise "phase-1-post" in the pack "small"') as caught:
        pack.exercise("phase-1-post")
    assert caught.value.hint == 'Did you mean "phase-1-posts"?'


def test_a_path_is_no_exercise_id(pack: Pack) -> None:
    with pytest.raises(InputError):
        pack.exercise("../exercises/phase-1-posts")


def test_an_unknown_stack_names_the_nearest(pack: Pack) -> None:
    with pytest.raises(InputError, match='no stack "expres"') as caught:
        pack.stack("expres")
    assert caught.value.hint == 'Did you mean "express"?'


def test_a_stack_of_the_pack_comes_before_one_of_coach(pack: Pack) -> None:
    write(pack.root / "templates/stacks/flask/stack.toml", 'format = 1\nid = "flask"\ntitle = "Ours"\n')
    assert pack.stack("flask").title == "Ours"
    assert pack.stack("express").title == "Node.js with Express"
    assert [stack.id for stack in pack.stacks()] == ["custom", "express", "fastapi", "flask"]


def test_a_broken_manifest_names_file_and_key(pack: Pack, add: AddExercise) -> None:
    add("phase-1-posts", "minuts = 3\n")
    with pytest.raises(ContentError, match=r'phase-1-posts/exercise\.toml: .*unknown key "minuts"') as caught:
        pack.exercises()
    assert caught.value.hint == 'Did you mean "minutes"?'


def test_an_exercise_is_named_as_its_folder(pack: Pack) -> None:
    (pack.root / "exercises/phase-1-posts").rename(pack.root / "exercises/other")
    with pytest.raises(ContentError, match='id is "phase-1-posts" but the folder is "other"'):
        pack.exercises()


def test_a_stack_is_named_as_its_folder(pack: Pack) -> None:
    write(pack.root / "templates/stacks/ours/stack.toml", 'format = 1\nid = "theirs"\ntitle = "Ours"\n')
    with pytest.raises(ContentError, match='id is "theirs" but the folder is "ours"'):
        pack.stack("ours")


def test_a_missing_grader_is_named(pack: Pack) -> None:
    exercise = pack.exercise("phase-1-posts")
    assert pack.grader(exercise).is_file()
    pack.grader(exercise).unlink()
    with pytest.raises(ContentError, match=r'exercise\.toml: grader "test_all\.py" does not exist'):
        pack.grader(exercise)


def test_the_hash_follows_what_grades_and_nothing_else(pack: Pack, tmp_path: Path) -> None:
    exercise = pack.exercise("phase-1-posts")
    before = pack.content_hash(exercise)

    write(pack.folder(exercise) / "reference/express/node_modules/express/index.js", "left by a run")
    write(pack.root / "graders/__pycache__/test_all.pyc", "left by a run")
    write(pack.root / "graders/test_other.py", "another exercise's")
    assert pack.content_hash(exercise) == before
    moved = shutil.copytree(pack.root, tmp_path / "elsewhere")
    assert open_pack(moved).content_hash(exercise) == before

    seen = {before}
    for path in ("pack.toml", "graders/test_all.py", "graders/conftest.py", "exercises/phase-1-posts/faults.toml"):
        file = pack.root / path
        write(file, (file.read_text() if file.exists() else "") + "# more\n")
        seen.add(pack.content_hash(exercise))
    (pack.folder(exercise) / "faults.toml").rename(pack.folder(exercise) / "hints.md")
    seen.add(pack.content_hash(exercise))
    assert len(seen) == 6


def test_a_reference_names_pack_version_and_hash(pack: Pack) -> None:
    exercise = pack.exercise("phase-1-posts")
    reference = pack.reference(exercise)
    assert (reference.id, reference.revision) == ("small", "3.1.4")
    assert reference.hash == pack.content_hash(exercise)
