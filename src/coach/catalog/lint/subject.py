"""What rules are given, one exercise with all that belongs to it, and what they yield."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from coach.catalog.faults import faults
from coach.catalog.graders import CheckSource, read_checks
from coach.catalog.instructions import nearly_tasks, render_instructions, tasks
from coach.catalog.packs import Pack, files_below
from coach.catalog.starters import render_starter
from coach.errors import CoachError
from coach.model import Exercise, Fault, Task

_LINE = re.compile(r"(?:, line |:)(\d+)")
_NAME = re.compile(r'(?:unknown key|names|have the name) "([^"]+)"|in "fault\[[^"]+" \(([^)]+)\)')
_KEY = re.compile(r': "(\w+)" must ')
"""What a message says of the text to look for: a name, or the key at the beginning of its line."""


class Finding(Struct, frozen=True):
    """A rule that does not hold: where, what, and what to do about it."""

    file: Path
    message: str
    hint: str = ""
    line: int = 0
    """From 1; 0 where no line says it better than the file's name."""
    broken: bool = False
    """The file cannot be read, so that rules about it were left out."""


@dataclass(frozen=True)
class Subject:
    """One exercise as rules see it; a file is read when the first rule asks for it."""

    pack: Pack
    exercise: Exercise
    known: Mapping[str, Exercise]
    """All exercises of the pack that can be read, and those that come with coach."""

    @cached_property
    def folder(self) -> Path:
        """The folder of the exercise."""
        return self.pack.folder(self.exercise)

    @cached_property
    def manifest(self) -> Path:
        """The exercise's `exercise.toml`."""
        return self.folder / "exercise.toml"

    @cached_property
    def instructions(self) -> Path:
        """The exercise's `instructions.md`, as its author wrote it."""
        return self.folder / "instructions.md"

    @cached_property
    def hints(self) -> Path:
        """The exercise's `hints.md`."""
        return self.folder / "hints.md"

    @cached_property
    def custom(self) -> Path:
        """The `coach.toml` of the reference for `custom`, which may not exist."""
        return self.folder / "reference" / "custom" / "coach.toml"

    @cached_property
    def text(self) -> str:
        """The instructions as learners read them."""
        return render_instructions(self.pack, self.exercise)

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The numbered tasks of the instructions."""
        return tasks(self.text)

    @cached_property
    def task_numbers(self) -> set[int]:
        """The numbers of the tasks, also of those whose heading is not quite one: that is said once."""
        return {task.number for task in (*self.tasks, *nearly_tasks(self.text).values())}

    @cached_property
    def grader(self) -> Path:
        """The file of the checks."""
        return self.pack.root / "graders" / self.exercise.grader

    @cached_property
    def checks(self) -> tuple[CheckSource, ...]:
        """The checks in the order of the file."""
        return read_checks(self.grader)

    @cached_property
    def code(self) -> ast.Module:
        """The grader as a syntax tree."""
        return parse(self.grader)

    @cached_property
    def fault_list(self) -> tuple[Fault, ...]:
        """The faults in the order of the file."""
        return faults(self.pack, self.exercise)

    @cached_property
    def starters(self) -> dict[str, dict[str, bytes]]:
        """The rendered starter of each stack that exists."""
        return {
            stack.id: render_starter(self.pack, self.exercise, stack)
            for stack in self.pack.stacks()
            if stack.id in self.exercise.stacks
        }

    @cached_property
    def unknown_stacks(self) -> set[str]:
        """The stacks that `exercise.toml` offers and that do not exist."""
        return set(self.exercise.stacks) - self.starters.keys()

    def offers(self, stack: str) -> bool:
        """Tell whether a stack is offered, or may be the one that is misspelt in `exercise.toml`: that is said once."""
        misspelt = bool(self.unknown_stacks) and stack in {known.id for known in self.pack.stacks()}
        return stack in self.exercise.stacks or misspelt

    @cached_property
    def references(self) -> dict[str, dict[str, Path]]:
        """The files of each stack's reference, by their relative paths."""
        return {stack: dict(files_below(self.folder / "reference" / stack)) for stack in self.exercise.stacks}

    def route_line(self, index: int) -> int:
        """Return the line of the path of the route with this place in `exercise.toml`, from 0."""
        place = -1
        for number, line in enumerate(self.manifest.read_text(encoding="utf-8-sig").splitlines(), 1):
            place += line.strip() == "[[routes]]"
            if place == index and re.match(r"\s*path\s*=", line):
                return number
        return line_of(self.manifest, f'"{self.exercise.routes[index].path}"')

    def reference_file(self, stack: str, name: str) -> str | None:
        """Return a text file of a stack's reference, or None where the reference has no such file."""
        own = self.references.get(stack, {}).get(name)
        if own is not None:
            return own.read_text(encoding="utf-8", errors="replace")
        rendered = {} if stack == "custom" else self.starters.get(stack, {})
        return rendered[name].decode() if name in rendered else None


def parse(path: Path) -> ast.Module:
    """Return a Python file as a syntax tree.

    Raises:
        ContentError: when the file is not Python.
    """
    read_checks(path)  # says what is wrong with it
    return ast.parse(path.read_text(encoding="utf-8-sig"))


def line_of(path: Path, *texts: str) -> int:
    """Return the number of the first line that holds all of the texts, 0 where none does."""
    if not path.is_file():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if all(text in line for text in texts)), 0)


def unreadable(error: CoachError, paths: Iterable[Path], otherwise: Path) -> Finding:
    """Say where a file cannot be read: in the one of `paths` that the message begins with."""
    path = next((path for path in paths if error.message.startswith(str(path))), None)
    if path is None:
        return Finding(file=otherwise, message=error.message, hint=error.hint, broken=True)
    rest = error.message.removeprefix(str(path))
    line, name, key = _LINE.match(rest), _NAME.search(rest), _KEY.match(rest)
    return Finding(
        file=path,
        line=int(line[1]) if line else _line_with(path, name[1] or name[2]) if name else _line_of_key(path, key),
        message=(rest[line.end() :] if line else rest).lstrip(": "),
        hint=error.hint,
        broken=True,
    )


def _line_with(path: Path, name: str) -> int:
    """Return the first line that holds a name in quotes, or else bare."""
    return line_of(path, f'"{name}"') or line_of(path, name)


def _line_of_key(path: Path, key: re.Match[str] | None) -> int:
    """Return the first line that gives a value to the key that was found, 0 where none was."""
    if key is None:
        return 0
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return next((number for number, line in enumerate(lines, 1) if re.match(rf"{key[1]}\s*=", line)), 0)
