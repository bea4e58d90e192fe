"""Exercises are found in all packs of a machine, and packs in Python packages, without importing them."""

import sys
from pathlib import Path

import pytest

from coach.catalog.installed import find_exercise, find_pack, installed
from coach.catalog.packs import Pack
from coach.catalog.registry import Registry
from coach.catalog.sources import fetch, parse_source
from coach.errors import ContentError, InputError
from tests.catalog.conftest import PACK, AddExercise, write


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COACH_HOME", str(tmp_path / "coach-home"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed Python packages."""
    folder = tmp_path / "lib/site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


def register(pack: Pack) -> Pack:
    registry = Registry()
    with registry.workshop() as workshop:
        entry, copy = fetch(parse_source(str(pack.root)), workshop)
        registry.add(entry, copy.root)
    return registry.open(entry.id)


def install(site: Path, name: str, value: str, distribution: str = "course_pack") -> Path:
    """Write the metadata of a Python package whose entry point names a pack."""
    write(
        site / f"{distribution}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    )
    write(site / f"{distribution}-1.0.dist-info/entry_points.txt", f"[coach.packs]\n{name} = {value}\n")
    return site / f"{distribution}-1.0.dist-info"


def write_pack(root: Path, name: str = "small") -> Path:
    write(root / "pack.toml", PACK.replace('"small"', f'"{name}"'))
    write(root / "__init__.py", "raise RuntimeError('this pack was imported')\n")
    return root


def test_an_exercise_of_one_pack_needs_no_more_than_its_id(pack: Pack) -> None:
    register(pack)
    assert find_exercise("phase-1-posts")[0].manifest.id == "small"
    assert find_exercise("small/phase-1-posts")[1].id == "phase-1-posts"
    assert find_exercise("phase-2-notes")[0].manifest.id == "coach"
    assert find_exercise("coach/phase-2-notes")[1].id == "phase-2-notes"


def test_an_exercise_of_two_packs_needs_the_name_of_its_pack(pack: Pack, add: AddExercise) -> None:
    add("phase-2-notes")
    register(pack)
    with pytest.raises(InputError, match='"phase-2-notes" is an exercise of 2 packs') as caught:
        find_exercise("phase-2-notes")
    assert caught.value.hint == "Say which you want: coach/phase-2-notes or small/phase-2-notes"
    assert find_exercise("small/phase-2-notes")[1].title == "Posts"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("phase-1-post", 'no exercise "phase-1-post" in any pack', 'Did you mean "phase-1-posts"?'),
        ("small/phase-2-notes", 'no exercise "phase-2-notes" in the pack "small"', "phase-1-posts"),
        ("smal/phase-1-posts", 'no pack "smal" on this machine', 'Did you mean "small"?'),
        ("../phase-1-posts", 'no pack ".." on this machine', "coach pack add"),
        ("/", 'no pack "" on this machine', "coach pack add"),
        ("", 'no exercise "" in any pack', ""),
    ],
)
def test_an_unknown_name_gets_the_nearest(pack: Pack, name: str, message: str, hint: str) -> None:
    register(pack)
    with pytest.raises(InputError) as caught:
        find_exercise(name)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_without_other_packs_an_unknown_exercise_is_one_of_coach() -> None:
    with pytest.raises(InputError, match='no exercise "phase-2-note" in the pack "coach"'):
        find_exercise("phase-2-note")


def test_a_pack_can_be_asked_for_in_a_revision(pack: Pack) -> None:
    register(pack)
    assert find_pack("small", "3.1.4").manifest.id == "small"
    with pytest.raises(InputError, match=r'pack "small" is here in the revision 3\.1\.4, not in 3\.2'):
        find_pack("small", "3.2")


def test_a_python_package_can_be_a_pack_and_is_not_imported(site: Path) -> None:
    install(site, "small", "course_pack")
    write_pack(site / "course_pack")
    found = next(pack for pack in installed() if pack.id == "small")
    assert (found.kind, found.origin) == ("package", "the Python package course_pack 1.0")
    assert find_pack("small").root == site / "course_pack"
    assert "course_pack" not in sys.modules


def test_a_module_or_a_package_within_one_can_be_named(site: Path) -> None:
    install(site, "small", "course_pack.exercises:anything")
    write_pack(site / "course_pack/exercises")
    write(site / "course_pack/__init__.py", "raise RuntimeError\n")
    assert find_pack("small").root == site / "course_pack/exercises"
    install(site, "other", "single", "single")
    write(site / "single.py", "raise RuntimeError\n")
    write_pack(site, "other")
    assert find_pack("other").root == site


def test_a_package_that_has_no_such_folder_hides_no_other_pack(site: Path, pack: Pack) -> None:
    install(site, "lost", "not_there.at_all")
    register(pack)
    assert find_exercise("phase-1-posts")[0].manifest.id == "small"
    with pytest.raises(ContentError, match=r"course_pack 1\.0 calls something the pack") as caught:
        find_pack("lost")
    assert "coach.packs" in caught.value.hint


def test_an_entry_point_has_the_name_of_its_pack(site: Path) -> None:
    install(site, "course", "course_pack")
    write_pack(site / "course_pack")
    with pytest.raises(
        ContentError, match=r'id is "small" but the Python package course_pack 1\.0 calls the pack "course"'
    ):
        find_pack("course")


def test_two_packs_of_one_id_are_both_named(site: Path, pack: Pack) -> None:
    register(pack)
    install(site, "small", "course_pack")
    write_pack(site / "course_pack")
    with pytest.raises(InputError, match=f'Two packs have the id "small": {pack.root} and the Python package'):
        find_pack("small")


def test_nothing_takes_the_place_of_coachs_own_pack(site: Path) -> None:
    install(site, "coach", "course_pack")
    write_pack(site / "course_pack", "coach")
    assert find_pack("coach").manifest.title != "A small pack"


def test_a_workspace_cannot_pass_for_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path) -> None:
    workspace = tmp_path / "workspace"
    install(workspace, "evil", "evil_pack", "evil_pack")
    write_pack(workspace / "evil_pack", "evil")
    monkeypatch.chdir(workspace)
    monkeypatch.setattr(sys, "path", ["", str(workspace), *sys.path])
    with pytest.raises(InputError, match='no pack "evil"'):
        find_pack("evil")
    # Nor stand in for one that is installed.
    install(site, "small", "course_pack")
    write_pack(site / "course_pack")
    write_pack(workspace / "course_pack")
    assert find_pack("small").root == site / "course_pack"
