"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from coach.processes import descendants, kill_all, poll
from coach.runtime.supervisor import become_subreaper
from tests.docker_engine import docker_engine, engine_for_marked_tests  # noqa: F401 - fixtures
from tests.learner import Learner
from tests.workspaces import Workspaces

# The same examples in every run, and none kept on disk: a test that fails once fails again.
settings.register_profile("coach", derandomize=True, database=None, deadline=None)
settings.load_profile("coach")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--record`, with which golden files are written instead of compared."""
    parser.addoption("--record", action="store_true", help="write the golden files anew")


@pytest.fixture(scope="session")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> Workspaces:
    """Workspaces with their dependencies installed, each stack once for the whole run."""
    return Workspaces(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def learner(tmp_path: Path) -> Learner:
    """A person at a terminal, in a home of their own."""
    return Learner(tmp_path / "home")


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves a process behind; whatever escapes its parent becomes a child of this process."""
    become_subreaper()
    before = {process.pid for process in descendants(os.getpid())}

    def left() -> list[psutil.Process]:
        return [process for process in descendants(os.getpid()) if process.pid not in before]

    yield
    poll(lambda: not left(), 2)
    found = [str(process) for process in left()]
    kill_all(left)
    assert found == []
