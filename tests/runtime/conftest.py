"""What the tests of the runner share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coach.runtime.process import ProcessProgram
from tests.runtime.programs import Make, make_spec


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make programs that are closed after the test."""
    made: list[ProcessProgram] = []

    def make(start: str = "", **more: Any) -> ProcessProgram:
        made.append(ProcessProgram(make_spec(tmp_path, start, **more)))
        return made[-1]

    yield make
    for program in made:
        program.close()
