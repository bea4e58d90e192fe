"""The fixtures that every grader has. pytest hands them to checks by name."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import pytest

from coach.errors import CheckFailed
from coach.grading.client import Api
from coach.grading.run import Run
from coach.grading.server import Server
from coach.processes import poll

T = TypeVar("T")
RUN = pytest.StashKey[Run]()


@pytest.fixture
def coach_run(pytestconfig: pytest.Config) -> Run:
    """Give the other fixtures the state of this run; graders do not use it."""
    return pytestconfig.stash[RUN]


@pytest.fixture
def new_client(coach_run: Run) -> Iterator[Callable[[], Api]]:
    """Make a further client, with connections and cookies of its own."""
    made: list[Api] = []

    def make() -> Api:
        made.append(Api(coach_run.wire))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def api(new_client: Callable[[], Api]) -> Api:
    """The client of this check, bound to the learner's server and its `base_path`."""
    return new_client()


@pytest.fixture
def server(coach_run: Run) -> Server:
    """The learner's server: restart it, stop it, read its log."""
    return Server(coach_run)


@pytest.fixture
def env(coach_run: Run) -> Mapping[str, str]:
    """The environment variables that the exercise declares, with the values of this run."""
    return coach_run.env


@pytest.fixture
def rng(coach_run: Run, request: pytest.FixtureRequest) -> random.Random:
    """Random numbers from the run's seed, the same for this check whichever others run."""
    return random.Random(f"{coach_run.seed}:{request.node.name}")  # noqa: S311 - test data, no secret


@pytest.fixture
def unique(rng: random.Random) -> Callable[[str], str]:
    """Make a text that no other check and no earlier run has used: `unique("milk")` gives `milk-5b1f0c7e`."""

    def make(prefix: str) -> str:
        return f"{prefix}-{rng.getrandbits(32):08x}"

    return make


@pytest.fixture
def simultaneously() -> Callable[[int, Callable[[int], T]], list[T]]:
    """Run `call(0)` to `call(n - 1)` in threads that all start at one moment; return their results in order."""

    def run(n: int, call: Callable[[int], T]) -> list[T]:
        barrier = threading.Barrier(n)
        results: dict[int, T] = {}
        errors: list[BaseException] = []

        def work(index: int) -> None:
            try:
                barrier.wait()
                results[index] = call(index)
            except BaseException as exc:  # noqa: BLE001 - raised again below, in the check's own thread
                errors.append(exc)

        threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return [results[index] for index in range(n)]

    return run


@pytest.fixture
def eventually(coach_run: Run) -> Callable[[Callable[[], Any], float], Any]:
    """Call until the result is true and no expectation fails, at most `within` seconds; return the last result."""

    def wait(call: Callable[[], T], within: float = 2.0) -> T | None:
        last: list[CheckFailed] = []

        def attempt() -> T | None:
            last.clear()
            try:
                return call()
            except CheckFailed as exc:
                last.append(exc)
                return None

        found = poll(attempt, min(within, coach_run.wire.budget.left()), every=0.02)
        if last:
            raise last[0]
        return found

    return wait
