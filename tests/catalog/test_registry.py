"""Packs that were added stay what they were, whatever happens to where they came from and whoever works beside us."""

import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from coach.catalog.packs import Pack, open_pack
from coach.catalog.registry import Entry, Registry
from coach.catalog.sources import fetch, parse_source
from coach.errors import InputError, PrerequisiteError
from tests.catalog.conftest import PACK, write


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home")


def add(registry: Registry, folder: Path) -> Entry:
    with registry.workshop() as workshop:
        entry, pack = fetch(parse_source(str(folder)), workshop)
        registry.add(entry, pack.root)
    return entry


def copies(registry: Registry) -> list[str]:
    return sorted(path.name for path in registry.contents.iterdir())


def test_nothing_is_made_by_looking(registry: Registry, tmp_path: Path) -> None:
    assert registry.entries() == ()
    with pytest.raises(InputError, match='No pack "small" was added'):
        registry.remove("small")
    assert not (tmp_path / "home").exists()


def test_a_pack_is_found_again(registry: Registry, pack: Pack) -> None:
    entry = add(registry, pack.root)
    assert registry.entries() == (entry,)
    found = registry.open("small")
    assert found.manifest == pack.manifest
    assert found.whole_hash() == pack.whole_hash()
    assert copies(registry) == [f"small-{entry.hash[:16]}"]


def test_what_is_edited_or_deleted_at_the_source_changes_nothing(registry: Registry, pack: Pack) -> None:
    entry = add(registry, pack.root)
    write(pack.root / "graders/test_all.py", '"""Other checks."""\n')
    assert registry.open("small").whole_hash() == entry.hash
    shutil.rmtree(pack.root)
    assert registry.open("small").whole_hash() == entry.hash


def test_copies_cannot_be_edited_by_mistake(registry: Registry, pack: Pack) -> None:
    add(registry, pack.root)
    for path in registry.open("small").root.rglob("*"):
        assert path.is_dir() or not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_content_that_is_not_what_was_added_names_both_hashes(registry: Registry, pack: Pack) -> None:
    entry = add(registry, pack.root)
    grader = registry.root(entry) / "graders/test_all.py"
    grader.chmod(0o644)
    write(grader, "def test_nothing(): pass\n")
    with pytest.raises(PrerequisiteError, match="is not what was added") as caught:
        registry.open("small")
    assert entry.hash in caught.value.message
    assert open_pack(registry.root(entry)).whole_hash() in caught.value.message
    assert caught.value.hint == f"Add it again: coach pack add {pack.root}"
    add(registry, pack.root)
    assert registry.open("small").whole_hash() == entry.hash


def test_a_file_more_is_noticed_too(registry: Registry, pack: Pack) -> None:
    entry = add(registry, pack.root)
    write(registry.root(entry) / "graders/conftest.py", "")
    with pytest.raises(PrerequisiteError, match="is not what was added"):
        registry.open("small")


def test_content_that_is_gone_is_said(registry: Registry, pack: Pack) -> None:
    shutil.rmtree(registry.root(add(registry, pack.root)))
    with pytest.raises(PrerequisiteError, match='content of the pack "small" is gone') as caught:
        registry.open("small")
    assert caught.value.hint == f"Add it again: coach pack add {pack.root}"
    add(registry, pack.root)
    assert registry.open("small").manifest.id == "small"


def test_a_pack_that_is_added_again_replaces_the_old_one(registry: Registry, pack: Pack) -> None:
    old = add(registry, pack.root)
    write(pack.root / "graders/test_all.py", '"""Other checks."""\n')
    new = add(registry, pack.root)
    assert old.hash != new.hash
    assert registry.entries() == (new,)
    assert copies(registry) == [f"small-{new.hash[:16]}"]


def test_a_pack_that_another_coach_is_grading_with_stays_until_it_is_done(registry: Registry, pack: Pack) -> None:
    old = add(registry, pack.root)
    held = os.open(registry.root(old), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    registry.remove("small")
    assert copies(registry) == [f"small-{old.hash[:16]}"]
    os.close(held)
    new = add(registry, write_pack(pack.root.parent / "other", "other"))
    assert copies(registry) == [f"other-{new.hash[:16]}"]


def write_pack(root: Path, name: str) -> Path:
    write(root / "pack.toml", PACK.replace('"small"', f'"{name}"'))
    return root


def test_opening_a_pack_holds_it(registry: Registry, pack: Pack) -> None:
    root = registry.root(add(registry, pack.root))
    registry.open("small")
    other = os.open(root, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)


def test_two_packs_from_different_places_cannot_share_an_id(registry: Registry, pack: Pack, tmp_path: Path) -> None:
    entry = add(registry, pack.root)
    with pytest.raises(InputError, match=f'There is a pack "small" from {pack.root} already') as caught:
        add(registry, write_pack(tmp_path / "other", "small"))
    assert "coach pack remove small" in caught.value.hint
    assert registry.entries() == (entry,)
    assert copies(registry) == [f"small-{entry.hash[:16]}"]


def test_a_removed_pack_leaves_nothing(registry: Registry, pack: Pack, tmp_path: Path) -> None:
    other = add(registry, write_pack(tmp_path / "other", "other"))
    entry = add(registry, pack.root)
    assert registry.remove("small") == entry
    assert registry.entries() == (other,)
    assert copies(registry) == [f"other-{other.hash[:16]}"]
    with pytest.raises(InputError, match='No pack "othe" was added') as caught:
        registry.remove("othe")
    assert caught.value.hint == 'Did you mean "other"?'


def test_what_an_interrupted_coach_left_is_swept_away(registry: Registry, pack: Pack) -> None:
    write(registry.contents / ".new-left/clone/file", "half a pack")
    entry = add(registry, pack.root)
    assert copies(registry) == [f"small-{entry.hash[:16]}"]


def test_a_pack_that_fails_leaves_nothing(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        add(registry, tmp_path)
    assert registry.entries() == ()
    assert copies(registry) == []


ADD_ONE = """
import sys
from pathlib import Path
from coach.catalog.registry import Registry
from coach.catalog.sources import fetch, parse_source
registry = Registry(Path(sys.argv[1]))
for folder in sys.argv[2:]:
    with registry.workshop() as workshop:
        entry, pack = fetch(parse_source(folder), workshop)
        registry.add(entry, pack.root)
"""


def test_many_coaches_at_once_lose_nothing(tmp_path: Path) -> None:
    folders = [write_pack(tmp_path / f"pack-{number}", f"pack-{number}") for number in range(12)]
    home = str(tmp_path / "home")
    groups = [folders[:6], folders[6:], folders[3:9], folders[::2]]
    running = [subprocess.Popen([sys.executable, "-c", ADD_ONE, home, *map(str, group)]) for group in groups]
    assert [process.wait(60) for process in running] == [0] * len(groups)
    registry = Registry(tmp_path / "home")
    entries = registry.entries()
    assert sorted(entry.id for entry in entries) == sorted(path.name for path in folders)
    assert copies(registry) == sorted(registry.root(entry).name for entry in entries)
    for entry in entries:
        registry.open(entry.id)


ENTRY = json.dumps({"id": "small", "kind": "folder", "origin": "/x", "version": "1", "hash": "0" * 64})


def listing(*entries: str) -> str:
    return f'{{"format": 1, "packs": [{", ".join(entries)}]}}'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("[]", "is not valid JSON"),
        ("{}", 'has no "format" key'),
        ('{"format": 2, "packs": []}', "has format 2; this coach reads formats up to 1"),
        (listing("{}"), "id"),
        (listing(ENTRY, ENTRY), 'names two packs with the id "small"'),
        (listing(ENTRY.replace("small", "../../x")), "id"),
    ],
)
def test_a_broken_list_is_named(registry: Registry, tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path / "home/packs.json", text)
    with pytest.raises(PrerequisiteError) as caught:
        registry.entries()
    assert caught.value.message.startswith(str(tmp_path / "home/packs.json"))
    assert problem in caught.value.message


def test_a_list_that_cannot_be_read_is_named(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "home/packs.json").mkdir(parents=True)
    with pytest.raises(PrerequisiteError, match=r"packs\.json cannot be read: Is a directory"):
        registry.entries()


def test_a_data_folder_that_cannot_be_made_is_named(pack: Pack, tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    registry = Registry(tmp_path / "file")
    assert registry.entries() == ()
    with pytest.raises(PrerequisiteError, match="could not be written: Not a directory") as caught:
        add(registry, pack.root)
    assert "COACH_HOME" in caught.value.hint


def test_a_crash_while_the_list_is_written_keeps_the_old_one(
    registry: Registry, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = add(registry, pack.root)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PrerequisiteError, match="No space left on device"):
        add(registry, write_pack(tmp_path / "other", "other"))
    monkeypatch.undo()
    assert registry.entries() == (entry,)
    add(registry, write_pack(tmp_path / "other", "other"))
    assert [one.id for one in registry.entries()] == ["other", "small"]
