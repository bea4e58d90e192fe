"""A workspace is found from any folder inside it."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from coach.errors import InputError
from coach.workspace import find_workspace

CONFIG = 'format = 1\nexercise = "phase-2-notes"\nstack = "express"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "Übung 1"
    (folder / "src" / "routes").mkdir(parents=True)
    (folder / "coach.toml").write_text(CONFIG)
    return folder


@pytest.mark.parametrize("inside", [".", "src", "src/routes"])
def test_a_workspace_is_found_from_any_folder_inside(inside: str, root: Path) -> None:
    workspace = find_workspace(root / inside)
    assert workspace.root == root
    assert workspace.config.exercise == "phase-2-notes"


def test_a_workspace_is_found_from_the_current_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "src")
    assert find_workspace(Path()).root == root


def test_a_workspace_is_found_through_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root / "src")
    assert find_workspace(tmp_path / "link").root == root


def test_the_innermost_workspace_counts(root: Path) -> None:
    (root / "src" / "coach.toml").write_text(CONFIG.replace("express", "flask"))
    assert find_workspace(root / "src" / "routes").config.stack == "flask"


@pytest.mark.parametrize("name", ["nothing", "coach.toml"])
def test_what_is_no_folder_is_named(name: str, root: Path) -> None:
    with pytest.raises(InputError, match=f"{name} is not a folder") as caught:
        find_workspace(root / name)
    assert caught.value.hint


def test_a_folder_outside_of_any_workspace_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_workspace(tmp_path)
    assert caught.value.message.startswith(f"There is no coach.toml in {tmp_path} or above it")
    assert "coach start" in caught.value.hint


def test_a_broken_coach_toml_is_named(root: Path) -> None:
    (root / "coach.toml").write_text("format = 1\n[")
    with pytest.raises(InputError, match=r"coach\.toml is not valid TOML"):
        find_workspace(root)


def test_links_that_lead_in_a_circle_are_named(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    with pytest.raises(InputError):
        find_workspace(tmp_path / "one")


def test_a_folder_that_may_not_be_looked_into_is_named() -> None:
    """Tried as another account where the tests run as root, who may look into everything."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from coach.errors import InputError; from coach.workspace import find_workspace\n"
        "os.geteuid() or os.setuid(65534)\n"
        "try: find_workspace(Path(sys.argv[1]))\n"
        "except InputError as error: print(error.message)\n"
    )
    with tempfile.TemporaryDirectory() as root:
        secret = Path(root, "secret")
        (secret / "inner").mkdir(parents=True)
        Path(root).chmod(0o755)
        secret.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", code, secret / "inner"], capture_output=True, text=True, check=False
        )
        secret.chmod(0o700)
    assert done.stderr == ""
    assert done.stdout == f"{secret / 'inner'} cannot be looked into: Permission denied.\n"
