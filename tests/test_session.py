"""One grading run, from the workspace to the report, and what is left of it however it ends."""

import errno
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from coach import session as module
from coach.errors import PrerequisiteError, TamperedError
from coach.model import Score
from coach.plain import to_json
from coach.processes import poll
from coach.session import SEEDS
from tests.samples import SCHEMA
from tests.sessions import GRADER, Place

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_report_tells_all_about_a_run(place: Place) -> None:
    session = place.grade(seed=5)

    report = session.graded
    assert session.outcomes() == {"answers": "passed", "shows_its_data": "failed"}
    assert (report.exercise, report.title, report.stack, report.seed) == ("one", "One", "custom", 5)
    assert (report.mode, report.network, report.cause, report.notices) == ("process", "open", None, ())
    assert (report.pack.id, report.pack.revision) == ("small", "3.1.4")
    assert len(report.pack.hash) == 64
    assert report.score == Score(points=2, of=3)
    assert report.checks[1].task_title == "Refuse"
    assert datetime.fromisoformat(report.started_at).tzinfo is not None
    phases = report.phases_ms
    assert min(phases.boot, phases.checks, phases.teardown) > 0
    assert phases.services == 0
    assert session.told == (
        "phase prepare",
        "phase boot",
        "phase checks",
        "check test_answers",
        "check test_shows_its_data",
        "phase teardown",
    )
    assert session.left == ()
    jsonschema.validate(json.loads(to_json(report)), json.loads(SCHEMA.read_text(encoding="utf-8")))


def shown(place: Place, seed: int) -> str:
    return place.grade(only=["shows_its_data"], seed=seed).graded.checks[0].message


def test_a_seed_gives_the_same_data_and_secrets_again(place: Place) -> None:
    first = shown(place, seed=7)
    plain, secret, _ = first.split()
    assert plain == "text"
    assert len(secret) == 16
    assert set(secret) <= set("0123456789abcdef")
    assert shown(place, seed=7) == first
    assert shown(place, seed=8).split()[1] != secret


def test_without_a_seed_one_is_drawn_and_told(place: Place) -> None:
    report = place.grade(only=["shows_its_data"]).graded
    assert 0 <= report.seed < SEEDS
    assert report.checks[0].message == shown(place, seed=report.seed)


def test_the_lines_of_an_installation_are_told(place: Place) -> None:
    place.configure(install="echo one; echo two")
    session = place.grade(only=["answers"])
    assert session.told[:4] == ("phase prepare", "progress one", "progress two", "phase boot")


def test_routes_may_live_below_a_base_path(place: Place) -> None:
    place.configure(base_path="/api/v1")
    grader = GRADER.replace('    expect(api.get("/"))', '    api.get("/print?x")\n    expect(api.get("/"))')
    (place.pack / "graders/test_one.py").write_text(grader)
    exchanges = place.grade(only=["answers"]).graded.checks[0].exchanges
    assert [exchange.request.path for exchange in exchanges] == ["/api/v1/print?x", "/api/v1/"]


def test_another_revision_of_the_pack_is_told(place: Place) -> None:
    place.configure(pack="small", revision="2.0.0")
    [notice] = place.grade(only=["answers"]).graded.notices
    assert notice.code == "pack-revision"
    assert "2.0.0" in notice.message
    assert "3.1.4" in notice.message


@pytest.mark.parametrize("revision", ["", "3.1.4"])
def test_the_same_revision_of_the_pack_needs_no_word(revision: str, place: Place) -> None:
    place.configure(pack="small", revision=revision)
    assert place.grade(only=["answers"]).graded.notices == ()


# ── what prevents grading ────────────────────────────────────────────────────────────────────────────────────────────

CAUSES: dict[str, dict[str, str]] = {
    "boot-crashed": {"start": "echo oops; exit 3"},
    "start-command-missing": {"start": "  "},
    "install-failed": {"install": "echo no such package; exit 1"},
}


@pytest.mark.parametrize("code", CAUSES)
def test_what_the_submission_prevents_is_the_cause_and_blocks_every_check(code: str, place: Place) -> None:
    place.configure(**CAUSES[code])
    session = place.grade()
    report = session.graded
    assert report.cause is not None
    assert report.cause.code == code
    assert report.cause.remedy
    assert session.outcomes() == {"answers": f"blocked {code}", "shows_its_data": f"blocked {code}"}
    assert report.score == Score(points=0, of=3)
    assert session.told[-3:] == ("check test_answers", "check test_shows_its_data", "phase teardown")
    assert session.left == ()


ERRORS: dict[str, tuple[Callable[[Place], object], dict[str, Any], str]] = {
    "a tool": (
        lambda place: place.configure(install="no-such-installer"),
        {},
        "PrerequisiteError: The install command is not found: no-such-installer",
    ),
    "a check": (lambda place: None, {"only": ["answer"]}, 'InputError: There is no check "answer".'),
    "an exercise": (
        lambda place: place.configure(exercise="on"),
        {},
        'InputError: There is no exercise "on" in the pack "small".',
    ),
    "a stack": (lambda place: place.configure(stack="expres"), {}, 'InputError: There is no stack "expres".'),
    "the grader": (
        lambda place: (place.pack / "graders/test_one.py").write_text("import nothing_of_the_kind\n"),
        {},
        "ContentError: test_one.py cannot be imported: ModuleNotFoundError: No module named 'nothing_of_the_kind'",
    ),
    "the grader's file": (
        lambda place: (place.pack / "graders/test_one.py").unlink(),
        {},
        'ContentError: {pack}/exercises/one/exercise.toml: grader "test_one.py" does not exist.',
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_not_the_submissions_is_an_error_and_nothing_is_left(name: str, place: Place) -> None:
    prepare, options, error = ERRORS[name]
    prepare(place)
    session = place.grade(**options)
    assert session.error == error.format(pack=place.pack)
    assert session.hint
    assert session.report is None
    assert session.left == ()


def test_a_bug_in_the_grader_costs_nothing_and_nothing_is_left(place: Place) -> None:
    (place.pack / "graders/test_one.py").write_text(GRADER.replace("    assert False, f", "    1 / 0, f"))
    session = place.grade()
    assert session.outcomes() == {"answers": "passed", "shows_its_data": "error grader-broke"}
    assert session.graded.score == Score(points=2, of=2)
    assert session.left == ()


def test_ctrl_c_ends_everything(place: Place) -> None:
    grader = GRADER.replace('expect(api.get("/")).status(200)', 'api.get("/print?begun"); api.get("/hang")')
    (place.pack / "graders/test_one.py").write_text(grader)
    process = place.spawn()

    def begun() -> bool:
        return any("begun" in path.read_text() for path in place.temporary.glob("*/server.log"))

    assert poll(begun, 20)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert place.left() == []


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**options: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(PrerequisiteError, match="No space left on device") as caught, module._scratch():
        pytest.fail("there is no scratch folder")
    assert "TMPDIR" in caught.value.hint


def test_folders_without_rights_are_removed_with_the_scratch_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with module._scratch() as scratch:
        (scratch / "data").mkdir()
        (scratch / "data" / "file").touch()
        (scratch / "data").chmod(0)
    assert list(tmp_path.iterdir()) == []


# ── learner's code stays out ─────────────────────────────────────────────────────────────────────────────────────────


def test_modules_of_the_workspace_are_not_imported_into_coach(place: Place) -> None:
    for name in ("httpx", "httpcore", "pytest", "_pytest", "pluggy", "jinja2", "certifi"):
        (place.workspace / f"{name}.py").write_text("raise SystemExit('the learner was here')\n")
    session = place.grade(env={"PYTHONPATH": str(place.workspace)}, only=["answers"])
    assert session.outcomes() == {"answers": "passed"}


def test_code_of_the_workspace_that_ran_before_coach_is_tampering(place: Place) -> None:
    (place.workspace / "sitecustomize.py").write_text("")
    session = place.grade(env={"PYTHONPATH": str(place.workspace)})
    assert session.error.startswith(f"TamperedError: Python has run {place.workspace}/sitecustomize.py inside coach")
    assert "PYTHONPATH" in session.hint


@pytest.mark.parametrize("name", ["sitecustomize", "usercustomize"])
def test_code_of_others_that_ran_before_coach_is_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ModuleType(name)
    found.__file__ = str(tmp_path / "workspace" / "lib" / f"{name}.py")
    monkeypatch.setitem(sys.modules, name, found)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module._refuse_learner_code_here(tmp_path / "other")
    with pytest.raises(TamperedError):
        module._refuse_learner_code_here(tmp_path / "workspace")


@pytest.mark.parametrize(
    ("folder", "learners"),
    [
        ("/work", True),
        ("/work/lib", True),
        ("/work/.venv/lib/python3.11/site-packages", False),
        ("/work/coach/src", False),
        ("/workshop", False),
        ("/", False),
        ("/usr/lib/python3.11", False),
    ],
)
def test_folders_of_the_workspace_are_told_from_those_of_coach(folder: str, learners: bool) -> None:
    beside = (Path("/work/.venv"), Path("/work/coach/src"))
    assert module._is_learners(Path(folder), Path("/work"), beside) is learners
