"""What is installed is what is in the repository: a wheel, a source distribution and an editable install all work."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from uv import find_uv_bin

from coach.catalog.packs import builtin_pack, files_below
from coach.catalog.starters import render_starter

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[1]
CONTENT = ("exercises", "graders", "templates")
NEEDED = ("pyproject.toml", "pack.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore", "src", *CONTENT)
JUNK = (
    "exercises/phase-2-notes/reference/express/node_modules/express/index.js",
    "exercises/phase-2-notes/reference/fastapi/.venv/bin/python",
    "exercises/phase-2-notes/.coach/install.log",
    "graders/__pycache__/test_phase_2_notes.cpython-311.pyc",
    "templates/stacks/express/node_modules/express/index.js",
    "src/coach/__pycache__/model.cpython-311.pyc",
)
"""What a run leaves beside the content, planted where a build could pick it up."""


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def uv(*words: str | Path, cwd: Path) -> None:
    """Run uv, without what the surroundings tell it about another environment."""
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    run(find_uv_bin(), *words, cwd=cwd, env=env)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which somebody has already run things."""
    folder = tmp_path_factory.mktemp("checkout")
    skip = shutil.ignore_patterns("node_modules", ".venv", "__pycache__", ".coach")
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=skip)
        else:
            shutil.copy(source, folder / name)
    for name in JUNK:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left by a run")
    return folder


@pytest.fixture(scope="module")
def dist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source distribution, and with the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--out-dir", folder, cwd=checkout)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    [path] = dist.glob("*.whl")
    return path


def environment(folder: Path, requirement: str | Path, *options: str) -> dict[str, str]:
    """Make a virtual environment with coach in it; return the plain environment of somebody who uses it."""
    uv("venv", "--quiet", folder / "venv", cwd=folder)
    uv("pip", "install", "--quiet", "--python", folder / "venv", *options, requirement, cwd=folder)
    (folder / "home").mkdir()
    return {"PATH": f"{folder / 'venv' / 'bin'}:{os.defpath}", "HOME": str(folder / "home"), "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("installed")
    return folder, environment(folder, wheel)


def contents(wheel: Path) -> dict[str, str]:
    """Return the files of a wheel with a hash of each."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def test_the_wheel_holds_all_content_and_nothing_that_a_run_leaves(wheel: Path) -> None:
    found = {name.removeprefix("coach/pack/") for name in contents(wheel) if name.startswith("coach/pack/")}
    wanted = {f"{part}/{name}" for part in CONTENT for name, _ in files_below(ROOT / part)}
    assert found == wanted | {"pack.toml"}


def test_the_wheel_holds_no_leftovers_beside_the_code(wheel: Path) -> None:
    assert [name for name in contents(wheel) if "__pycache__" in name or "node_modules" in name] == []
    assert {"coach/py.typed", "coach/grading/pytest.ini", "coach/reports/report.schema.json"} <= set(contents(wheel))


def test_a_wheel_that_is_built_without_a_source_distribution_is_the_same(
    checkout: Path, wheel: Path, tmp_path: Path
) -> None:
    uv("build", "--wheel", "--out-dir", tmp_path, cwd=checkout)
    [directly] = tmp_path.glob("*.whl")
    assert contents(directly) == contents(wheel)


def test_the_source_distribution_holds_no_leftovers(dist: Path) -> None:
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert [name for name in names for junk in JUNK if name.endswith(junk)] == []


def test_an_installed_coach_starts_and_grades(installed: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    _, env = installed
    assert "phase-2-notes" in run("coach", "list", cwd=tmp_path, env=env)

    run("coach", "start", "phase-2-notes", "--stack", "fastapi", "--no-install", cwd=tmp_path, env=env)
    pack = builtin_pack()
    wanted = render_starter(pack, pack.exercise("phase-2-notes"), pack.stack("fastapi"))
    made = {name: path.read_bytes() for name, path in files_below(tmp_path / "phase-2-notes")}
    assert made == wanted
    assert {".gitignore", ".dockerignore", ".env.example"} <= set(made)

    reference = ("pack", "render", "phase-2-notes", "reference", "--stack", "custom", "--reference")
    run("coach", *reference, cwd=tmp_path, env=env)
    report = json.loads(run("coach", "grade", "reference", "--json", "-", cwd=tmp_path, env=env))
    assert report["score"]["points"] == report["score"]["of"] > 0


def test_an_installed_coach_writes_nothing_into_itself(installed: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, env = installed
    [package] = folder.glob("venv/lib/*/site-packages/coach")
    run("coach", "list", cwd=tmp_path, env=env)
    assert list((package / "pack").rglob("__pycache__")) == []


def test_an_editable_install_finds_its_content(checkout: Path, tmp_path: Path) -> None:
    env = environment(tmp_path, checkout, "--editable")
    assert "phase-2-notes" in run("coach", "list", cwd=tmp_path, env=env)
    run("coach", "start", "phase-2-notes", "--stack", "custom", cwd=tmp_path, env=env)
    assert (tmp_path / "phase-2-notes" / "coach.toml").is_file()
