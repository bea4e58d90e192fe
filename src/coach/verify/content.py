"""What a proof is about: an exercise with all that it refers to, and what of it is to be shown."""

from __future__ import annotations

from msgspec import Struct

from coach.catalog.graders import CheckSource
from coach.catalog.packs import Pack
from coach.model import Case, Exercise, Fault


class Plan(Struct, frozen=True):
    """What to prove of an exercise: on all its stacks or one, with so many runs of each reference.

    A `sample` grades each fault on one of its stacks, which its name decides; that is for changes that are not the
    exercise's own.
    """

    stack: str = ""
    sample: bool = False
    repeat: int = 1
    force: bool = False


class Content(Struct, frozen=True):
    """An exercise with what its proof refers to."""

    pack: Pack
    exercise: Exercise
    faults: tuple[Fault, ...]
    checks: tuple[CheckSource, ...]

    def file(self, case: Case) -> str:
        """Name the file or folder to change when a case does not come out as it must."""
        folder = f"exercises/{self.exercise.id}"
        if case.kind == "starter":
            own = self.pack.folder(self.exercise) / "starter" / case.stack
            return f"{folder}/starter/{case.stack}" if own.is_dir() else f"templates/stacks/{case.stack}"
        return f"{folder}/faults.toml" if case.kind == "fault" else f"{folder}/reference/{case.stack}"

    def check_line(self, name: str) -> str:
        """Name the grader's file, and the line of a check where it is known."""
        line = next((f":{check.line}" for check in self.checks if check.name == name), "")
        return f"graders/{self.exercise.grader}{line}"
