"""What the tests of hostile submissions share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.running import Place

collect_ignore = ["pack", "servers"]
"""What coach is tried on, not tests."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder of its own for one run; processes that a failed test has left are ended."""
    made = Place(tmp_path)
    yield made
    made.end_leftovers()
