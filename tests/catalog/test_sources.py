"""Packs come from folders and git repositories; what they hold is copied and never run, and secrets stay secret."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from coach.catalog import sources
from coach.catalog.packs import Pack
from coach.catalog.registry import Entry
from coach.catalog.sources import Source, fetch, parse_source, without_credentials
from coach.errors import CoachError, ContentError, InputError, PrerequisiteError
from tests.catalog.conftest import write

Git = Callable[..., str]


@pytest.fixture
def git(root: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Make the small pack a repository with one commit, tagged v1; run git in it."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)

    def git(*words: str) -> str:
        who = ("-c", "user.name=Author", "-c", "user.email=author@example.org", "-c", "init.defaultBranch=main")
        done = subprocess.run(["git", *who, *words], cwd=root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    git("tag", "v1")
    return git


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    folder = tmp_path / "workshop"
    folder.mkdir()
    return folder


def get(text: str, workshop: Path) -> tuple[Entry, Pack]:
    return fetch(parse_source(text), workshop)


# ── what a person types ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "url", "wanted"),
    [
        ("https://host.example/org/pack.git", "https://host.example/org/pack.git", ""),
        ("https://host.example/org/pack.git@v1", "https://host.example/org/pack.git", "v1"),
        ("https://me:secret@host.example/org/pack@feature/x", "https://me:secret@host.example/org/pack", "feature/x"),
        ("https://me:secret@host.example/org/pack", "https://me:secret@host.example/org/pack", ""),
        ("https://host.example/@scope/pack", "https://host.example/@scope/pack", ""),
        ("https://host.example", "https://host.example", ""),
        ("git@host.example:org/pack.git", "git@host.example:org/pack.git", ""),
        ("git@host.example:org/pack.git@0123abc", "git@host.example:org/pack.git", "0123abc"),
        ("ssh://git@host.example:2222/org/pack@v1", "ssh://git@host.example:2222/org/pack", "v1"),
        ("file:///srv/packs/one@v1", "file:///srv/packs/one", "v1"),
        ("HTTPS://host.example/org/pack", "HTTPS://host.example/org/pack", ""),
    ],
)
def test_a_url_and_its_revision_are_told_apart(text: str, url: str, wanted: str) -> None:
    assert parse_source(text) == Source(url=url, wanted=wanted)


def test_a_folder_is_a_folder_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pack", "pack@v1", "host:pack"):
        (tmp_path / name).mkdir()
        assert parse_source(name) == Source(folder=tmp_path / name)


def test_a_folder_with_a_revision_is_a_repository_on_disk(tmp_path: Path) -> None:
    (tmp_path / "my päck").mkdir()
    assert parse_source(f"{tmp_path}/my päck@v1") == Source(url=(tmp_path / "my päck").as_uri(), wanted="v1")


@pytest.mark.parametrize(
    "text",
    [
        "--upload-pack=touch x",
        "-h",
        "ext::sh -c touch% x",
        "fd::3",
        "no-such-folder",
        "",
        "x" * 5000,
        "nul\0byte",
        "/no/such@v1",
    ],
)
def test_what_is_neither_folder_nor_url_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_source(text)
    assert "Name a folder that holds pack.toml" in caught.value.hint


@pytest.mark.parametrize("scheme", ["http", "ftp", "ext", "javascript"])
def test_only_four_protocols_are_used(scheme: str) -> None:
    with pytest.raises(InputError, match=f"by https, ssh, file, git and not by {scheme}") as caught:
        parse_source(f"{scheme}://me:secret@host.example/pack")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("page", ["tree/main/course", "-/tree/v1/course", "blob/main/pack.toml", "src/branch/main/x"])
def test_a_page_about_a_folder_is_no_repository(page: str) -> None:
    with pytest.raises(InputError, match="is a page about a folder or a file") as caught:
        parse_source(f"https://host.example/org/pack/{page}")
    assert "pack.toml at the top" in caught.value.hint


@pytest.mark.parametrize("revision", ["-f", "--", "a b", "a..b", "v1^{/x}", "HEAD~1", "", ":/x", "@{-1}"])
def test_an_expression_is_no_revision(revision: str) -> None:
    with pytest.raises(InputError, match="is no revision"):
        parse_source(f"https://host.example/org/pack@{revision}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@host.example/p", "https://host.example/p"),
        ("https://token@host.example/p?key=secret#x", "https://host.example/p"),
        ("ssh://git:secret@host.example/p", "ssh://git@host.example/p"),
        ("git@host.example:p", "git@host.example:p"),
        ("file:///srv/p", "file:///srv/p"),
    ],
)
def test_credentials_are_not_shown(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


# ── folders ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_is_copied_without_what_a_run_leaves_beside_it(pack: Pack, workshop: Path) -> None:
    write(pack.root / "graders/__pycache__/x.pyc", "left by a run")
    write(pack.root / "notes.txt", "not the pack's")
    entry, copy = get(str(pack.root), workshop)
    assert (entry.id, entry.kind, entry.origin, entry.version) == ("small", "folder", str(pack.root), "3.1.4")
    assert entry.hash == pack.whole_hash() == copy.whole_hash()
    names = {str(path.relative_to(copy.root)) for path in copy.root.rglob("*") if path.is_file()}
    assert names == {
        "pack.toml",
        "graders/test_all.py",
        "exercises/phase-1-posts/exercise.toml",
        "exercises/phase-1-posts/instructions.md",
    }


def test_the_hash_of_a_pack_follows_every_file_of_it(pack: Pack) -> None:
    seen = {pack.whole_hash()}
    for name in ("pack.toml", "graders/test_all.py", "graders/data.json", "templates/exercise/x.md", "exercises/x"):
        file = pack.root / name
        write(file, (file.read_text() if file.exists() else "") + "# more\n")
        seen.add(pack.whole_hash())
    assert len(seen) == 6


def test_a_folder_without_a_manifest_is_no_pack(workshop: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty is not a pack: it has no pack\.toml"):
        get(str(tmp_path / "empty"), workshop)


def test_a_broken_exercise_and_a_missing_grader_are_named_where_they_are(pack: Pack, workshop: Path) -> None:
    (pack.root / "graders/test_all.py").unlink()
    with pytest.raises(ContentError) as caught:
        get(str(pack.root), workshop)
    assert caught.value.message.startswith(f"{pack.root}/exercises/phase-1-posts/exercise.toml: grader")


def test_a_newer_format_says_what_to_upgrade(pack: Pack, workshop: Path) -> None:
    write(pack.root / "pack.toml", 'format = 2\nid = "small"\nflavour = "new"\n')
    with pytest.raises(ContentError, match="has format 2; this coach reads formats up to 1") as caught:
        get(str(pack.root), workshop)
    assert "Upgrade coach" in caught.value.hint


@pytest.mark.parametrize("name", ["../escapes", "Small", "a/b", ""])
def test_an_id_that_is_no_name_is_refused(pack: Pack, workshop: Path, name: str) -> None:
    write(pack.root / "pack.toml", f'format = 1\nid = "{name}"\ntitle = ""\nsummary = ""\nversion = "1"\n')
    with pytest.raises(ContentError, match=r"pack\.toml: .*\bid\b"):
        get(str(pack.root), workshop)


@pytest.mark.parametrize("place", ["exercises/phase-1-posts/starter", "graders/secret", "templates", "pack.toml"])
def test_links_are_refused(pack: Pack, workshop: Path, tmp_path: Path, place: str) -> None:
    (pack.root / place).unlink(missing_ok=True)
    (pack.root / place).symlink_to(pack.root.parent if place != "pack.toml" else write_elsewhere(tmp_path))
    with pytest.raises(ContentError, match="is a link; a pack holds files and folders"):
        get(str(pack.root), workshop)


def write_elsewhere(folder: Path) -> Path:
    write(folder / "elsewhere.toml", 'format = 1\nid = "small"\ntitle = ""\nsummary = ""\nversion = "1"\n')
    return folder / "elsewhere.toml"


def test_a_pipe_is_refused_and_not_read(pack: Pack, workshop: Path) -> None:
    os.mkfifo(pack.root / "graders/pipe")
    with pytest.raises(ContentError, match="neither a file nor a folder"):
        get(str(pack.root), workshop)


def test_a_full_disk_is_said(pack: Pack, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(PrerequisiteError, match=r"could not be written: No space left on device") as caught:
        get(str(pack.root), workshop)
    assert "Free some space" in caught.value.hint
    assert "COACH_HOME" in caught.value.hint


# ── git ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_branch_a_tag_and_a_commit_can_be_asked_for(git: Git, root: Path, pack: Pack, tmp_path: Path) -> None:
    first, old = git("rev-parse", "HEAD"), pack.whole_hash()
    git("checkout", "--quiet", "-b", "feature/x")
    write(root / "graders/test_all.py", '"""Other checks."""\n')
    git("commit", "--quiet", "-am", "two")
    second, new = git("rev-parse", "HEAD"), pack.whole_hash()
    wanted = {"v1": (first, old), first: (first, old), first[:10]: (first, old)}
    wanted |= {"main": (first, old), "feature/x": (second, new), "origin/feature/x": (second, new)}
    for place, (revision, expected) in enumerate(wanted.items()):
        workshop = tmp_path / str(place)
        workshop.mkdir()
        entry, copy = get(f"{root}@{revision}", workshop)
        assert (entry.commit, entry.hash, entry.wanted, copy.revision) == (*expected, revision, expected[0])
        assert (entry.kind, entry.origin) == ("git", root.as_uri())


def test_without_a_revision_the_newest_commit_comes(git: Git, root: Path, workshop: Path) -> None:
    write(root / "graders/test_all.py", "not committed")
    entry, copy = get(root.as_uri(), workshop)
    assert entry.commit == git("rev-parse", "HEAD")
    assert "Checks" in (copy.root / "graders/test_all.py").read_text()
    assert not (copy.root / ".git").exists()


def test_a_path_with_spaces_and_umlauts_is_cloned(git: Git, root: Path, tmp_path: Path, workshop: Path) -> None:
    moved = root.rename(tmp_path / "ein Päck 100%")
    assert get(f"{moved}@v1", workshop)[0].id == "small"


def test_an_unknown_revision_is_named(git: Git, root: Path, workshop: Path) -> None:
    with pytest.raises(InputError, match='has no revision "v2"'):
        get(f"{root}@v2", workshop)


def test_a_repository_without_commits_is_named(tmp_path: Path, workshop: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "new")], check=True, capture_output=True)
    with pytest.raises(InputError, match="has no commits yet"):
        get((tmp_path / "new").as_uri(), workshop)


def test_a_repository_that_is_no_pack_is_named_by_its_address(git: Git, root: Path, workshop: Path) -> None:
    git("rm", "--quiet", "pack.toml")
    git("commit", "--quiet", "-m", "no pack")
    with pytest.raises(InputError) as caught:
        get(root.as_uri(), workshop)
    assert caught.value.message == f"{root.as_uri()} is not a pack: it has no pack.toml at the top."


def test_a_pack_in_a_subfolder_of_a_repository_is_named(git: Git, root: Path, workshop: Path) -> None:
    (root / "course").mkdir()
    git("mv", "pack.toml", "exercises", "graders", "course")
    git("commit", "--quiet", "-m", "two")
    with pytest.raises(
        InputError, match=r"not a pack: it has no pack\.toml at the top, but one in course/\."
    ) as caught:
        get(root.as_uri(), workshop)
    assert "a repository of its own" in caught.value.hint


def test_a_clone_that_fails_quotes_git_and_no_secret(tmp_path: Path, workshop: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"git could not fetch file:///no/such/pack: fatal: .+") as caught:
        get("file:///no/such/pack", workshop)
    assert "address" in caught.value.hint
    with pytest.raises(PrerequisiteError) as caught:
        get("https://me:secret@127.0.0.1:1/pack", workshop)
    assert "https://127.0.0.1:1/pack" in caught.value.message
    assert "secret" not in caught.value.message + caught.value.hint
    assert "me:" not in caught.value.message


def test_a_missing_git_is_named(monkeypatch: pytest.MonkeyPatch, workshop: Path) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(PrerequisiteError, match="git is not installed") as caught:
        get("https://host.example/pack", workshop)
    assert "coach pack add PATH" in caught.value.hint


def test_a_git_that_never_ends_is_ended(git: Git, root: Path, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 0.0)
    with pytest.raises(PrerequisiteError, match="git was not done after"):
        get(root.as_uri(), workshop)


def test_a_checkout_that_fails_quotes_git(git: Git, root: Path, workshop: Path) -> None:
    blob = git("rev-parse", "HEAD:graders/test_all.py")
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(CoachError, match=r"git could not"):
        get(f"{root}@v1", workshop)


def test_nothing_that_a_repository_brings_is_run(git: Git, root: Path, workshop: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for name in ("post-checkout", "post-merge"):
        write(root / f".git/hooks/{name}", f"#!/bin/sh\ntouch {mark}\n")
        (root / f".git/hooks/{name}").chmod(0o755)
    write(root / "graders/conftest.py", f"open({str(mark)!r}, 'w')\n")
    write(root / ".gitattributes", "* filter=evil\n")
    write(root / ".gitmodules", f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {mark}"\n')
    git("add", ".")
    git("commit", "--quiet", "-m", "evil")
    get(root.as_uri(), workshop)
    assert not mark.exists()


def test_it_works_inside_a_hook_of_another_repository(
    git: Git, root: Path, workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/index"))
    assert get(f"{root}@v1", workshop)[0].id == "small"
    assert not (tmp_path / "other").exists()
