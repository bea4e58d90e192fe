"""A program that listens where coach does not call is noticed, after a patience that depends on where."""

import pytest

from coach.processes import Listener
from coach.runtime import elsewhere
from coach.runtime.elsewhere import LOOK_EVERY, OTHER_HOST_PATIENCE, PATIENCE, Elsewhere

PORT = 41873


class Watched:
    """A program whose listeners the test sets, and a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.found: list[Listener] = []
        self.looks = 0
        monkeypatch.setattr(elsewhere, "time", self)
        self.elsewhere = Elsewhere(self.listens, PORT)

    def monotonic(self) -> float:
        return self.now

    def listens(self) -> list[Listener]:
        self.looks += 1
        return self.found

    def told_after(self, *, at_most: float) -> float | None:
        """Move the clock until it is told; return the seconds that took, or None."""
        began = self.now
        while self.now - began <= at_most:
            if self.elsewhere.for_too_long():
                return self.now - began
            self.now += 0.05
        return None


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


@pytest.mark.parametrize(
    ("listener", "patience"),
    [(Listener("127.0.0.1", 3000, 1), PATIENCE), (Listener("::1", PORT, 1), OTHER_HOST_PATIENCE)],
)
def test_it_is_told_when_its_patience_is_over(listener: Listener, patience: float, watched: Watched) -> None:
    watched.found = [listener]
    told = watched.told_after(at_most=20)
    assert told is not None
    assert patience <= told <= patience + 2 * LOOK_EVERY


def test_a_program_that_listens_nowhere_is_not_told(watched: Watched) -> None:
    assert watched.told_after(at_most=60) is None


def test_patience_begins_anew_when_the_program_stops_listening(watched: Watched) -> None:
    watched.found = [Listener("127.0.0.1", 3000, 1)]
    assert watched.told_after(at_most=PATIENCE - 1) is None
    watched.found = []
    assert watched.told_after(at_most=1) is None
    watched.found = [Listener("127.0.0.1", 3000, 1)]
    assert watched.told_after(at_most=PATIENCE - 1) is None


def test_looking_costs_little(watched: Watched) -> None:
    watched.told_after(at_most=10)
    assert 30 <= watched.looks <= 10 / LOOK_EVERY
