"""What all tests share."""

import pytest

from tests.workspaces import Workspaces


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--record`, with which golden files are written instead of compared."""
    parser.addoption("--record", action="store_true", help="write the golden files anew")


@pytest.fixture(scope="session")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> Workspaces:
    """Workspaces with their dependencies installed, each stack once for the whole run."""
    return Workspaces(tmp_path_factory.mktemp("prepared"))
