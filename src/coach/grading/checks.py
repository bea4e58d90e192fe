"""The `check` decorator, and what it records about a check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from coach.errors import ContentError

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class CheckInfo:
    """What a grader says of a check: its name, the title that learners read, its task, its weight and what it needs."""

    name: str
    title: str
    task: int
    points: int
    needs: tuple[str, ...]


def check(
    *, task: int, points: int = 1, needs: Callable[..., Any] | Iterable[Callable[..., Any]] = ()
) -> Callable[[Function], Function]:
    """Mark a function as a check of the task with this number; its docstring is the title that the learner reads.

    `needs` takes the check (or checks) without which this one makes no sense: it runs after them, and is blocked when
    one of them did not pass. It is order and blocking only: no check may use what another has made.

    Raises:
        ContentError: when the docstring is missing, or a number is below 1.
    """

    def mark(function: Function) -> Function:
        where = f"{inspect.getsourcefile(function)}: {function.__name__}"
        title = " ".join((inspect.getdoc(function) or "").split())
        if not title:
            raise ContentError(
                f"{where} has no docstring.", "Its docstring is the title that learners read: write one."
            )
        if task < 1 or points < 1:
            raise ContentError(f"{where}: task and points are numbers from 1 on.")
        needed = (needs,) if callable(needs) else tuple(needs)
        names = tuple(other.__name__ for other in needed)
        function.__coach_check__ = CheckInfo(function.__name__, title, task, points, names)  # type: ignore[attr-defined]
        return function

    return mark


def info_of(function: Any) -> CheckInfo | None:
    """Return what `check` recorded about a function, if it is a check."""
    found = getattr(function, "__coach_check__", None)
    return found if isinstance(found, CheckInfo) else None


def in_order(checks: Iterable[CheckInfo]) -> list[CheckInfo]:
    """Put every check after those that it needs, and keep the order of the file otherwise.

    Raises:
        ContentError: when a needed check is not in the grader, or needs itself by way of others.
    """
    known = {found.name: found for found in checks}
    ordered: dict[str, CheckInfo] = {}

    def place(found: CheckInfo, above: tuple[str, ...] = ()) -> None:
        if found.name in above:
            raise ContentError(f"{found.name} needs itself.", "Give every check a name of its own.")
        for name in found.needs:
            if name not in known:
                raise ContentError(f"{found.name} needs {name}, which is no check of this grader.")
            place(known[name], (*above, found.name))
        ordered.setdefault(found.name, found)

    for found in known.values():
        place(found)
    return list(ordered.values())
