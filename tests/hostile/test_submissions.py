"""Every hostile submission gets the verdict that its row names, in time, and leaves nothing behind."""

import json
import re
import sys
from typing import Any

import docker
import pytest

from tests.hostile.cases import CASES, PASSED, Case
from tests.hostile.running import ORDINARY, Place, fill_for, grade, left_in, needs_ordinary_account

CONTAINED = [case for case in CASES if case.container is not None]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
MEBIBYTE = 1 << 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_submission_gets_its_verdict_and_leaves_nothing_behind(case: Case, place: Place) -> None:
    if case.linux and not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    check(case, place)


@pytest.mark.docker
@pytest.mark.parametrize("case", [case.in_container() for case in CONTAINED], ids=lambda case: case.name)
def test_a_hostile_submission_gets_its_verdict_in_a_container(
    case: Case, place: Place, docker_engine: docker.DockerClient
) -> None:
    check(case, place, "--container")
    assert left_in(docker_engine, place) == set()


def check(case: Case, place: Place, *options: str) -> None:
    """Grade a case and compare all that its row says."""
    fill_for(place, case)
    before = place.files()

    result = grade(place, *options)
    left = place.leftovers()

    assert left == []
    assert result.exit_code == case.exit_code, result.output
    assert result.cause == case.cause
    assert result.verdicts() == case.verdicts()
    assert [notice["code"] for notice in result.report["notices"]] == list(case.notices)
    assert result.seconds < case.seconds
    after = place.files()
    assert set(after) - set(before) == set(case.writes)
    assert {name: after.get(name) for name in before} == before
    assert CONTROL.search(result.output) is None
    assert "Traceback" not in result.output or "Traceback" in log_of(result.report)
    assert len(json.dumps(result.report)) < MEBIBYTE


def log_of(report: dict[str, Any]) -> str:
    """Return all of the program's log that a report shows."""
    return "\n".join(
        [*(report["cause"] or {"log": ()})["log"], *(line for one in report["checks"] for line in one["log"])]
    )


def test_the_correct_server_passes(place: Place) -> None:
    place.fill("python3 echo_server.py")
    assert grade(place).exit_code == PASSED
    assert place.leftovers() == []


@needs_ordinary_account
def test_the_submission_sees_nothing_of_coach(place: Place) -> None:
    place.fill("exec python3 reaches_for_the_grader.py", "reaches_for_the_grader.py")
    person = {"GITHUB_TOKEN": "secret-1", "COACH_HOME": "secret-2", "PYTHONPATH": str(place.home), "DEBUG": "secret-3"}

    grade(place, program=(*ORDINARY, sys.executable, "-m", "coach"), env=place.environment(person))

    seen = json.loads((place.workspace / "seen.json").read_text())
    declared = {"GREETING", "PORT", "DATA_DIR", "HOME", "TMPDIR", "PATH", "PYTHONUNBUFFERED"}
    assert declared <= set(seen["environment"])
    assert not set(person) & set(seen["environment"])
    assert [list(environment) for environment in seen["above"]] == [["unreadable"], ["unreadable"]]
    assert "secret" not in json.dumps(seen)
    assert str(place.home) not in json.dumps(seen)
    assert seen["modules"] == []
    assert all(str(place.root) in file or file.startswith(("/dev/null", "pipe:", "/proc/")) for file in seen["files"])


def test_what_the_submission_prints_moves_neither_terminal_nor_ci(place: Place) -> None:
    name = "prints_commands_for_terminals_and_ci"
    place.fill(f"python3 {name}.py", f"{name}.py")

    result = grade(place, env=place.environment({"GITHUB_ACTIONS": "true", "CI": "true", "FORCE_COLOR": ""}))

    assert CONTROL.search(result.output) is None
    assert "injected by the submission" in result.output
    assert not any(line.lstrip().startswith(("::", "##[")) for line in result.output.splitlines())
