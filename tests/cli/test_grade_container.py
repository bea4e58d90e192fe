"""`coach grade --container`: the same verdict as without, and what it says where there is no engine."""

import json
from pathlib import Path
from typing import Any

import pytest

from coach.errors import EXIT_FAILED, EXIT_NOT_GRADED, EXIT_PASSED
from tests.learner import Learner
from tests.workspaces import Workspaces


def verdict(learner: Learner, *options: str) -> tuple[int, dict[str, Any], dict[str, tuple[str, str, str]]]:
    """Grade, and return the exit code, the score, and what was said of each check."""
    done = learner.run("grade", "notes", "--seed", "7", "--json", "-", *options)
    report = json.loads(done.stdout)
    checks = {check["name"]: (check["outcome"], check["code"], check["blocked_by"]) for check in report["checks"]}
    return done.returncode, report["score"], checks


@pytest.mark.docker
@pytest.mark.network
@pytest.mark.parametrize("stack", ["express", "fastapi", "flask"])
def test_a_reference_passes_in_a_container(stack: str, workspaces: Workspaces, learner: Learner) -> None:
    workspaces.reference(learner.home / "notes", stack)
    code, score, _ = verdict(learner, "--container")
    assert code == EXIT_PASSED
    assert score["points"] == score["of"] > 0


@pytest.mark.docker
@pytest.mark.network
@pytest.mark.parametrize(
    ("fault", "stack"),
    [
        ("", "express"),
        ("saves-when-it-is-stopped", "express"),
    ],
)
def test_a_submission_that_fails_does_so_alike_in_a_container(
    fault: str, stack: str, workspaces: Workspaces, learner: Learner
) -> None:
    folder = learner.home / "notes"
    if fault:
        workspaces.fault(folder, fault, stack)
    else:
        workspaces.starter(folder, stack)
    contained = verdict(learner, "--container")
    assert contained[0] == EXIT_FAILED
    assert contained == verdict(learner)


def test_without_an_engine_coach_says_what_to_do(workspaces: Workspaces, learner: Learner, tmp_path: Path) -> None:
    workspaces.reference(learner.home / "notes", "custom")
    done = learner.run("grade", "notes", "--container", env={"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"})
    assert done.returncode == EXIT_NOT_GRADED
    assert "The Docker engine does not run" in done.stderr
    assert "Without --container" in done.stderr
    assert "Traceback" not in done.stderr
