"""Rules for the files of a pack: all that belong there, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from coach.catalog.lint.subject import Finding, Subject
from coach.catalog.packs import NOT_CONTENT, Pack, files_below
from coach.errors import nearest
from coach.model import Exercise

REQUIRED = {
    "instructions.md": "Write what the learner builds, as numbered tasks: ## 1. …",
    "hints.md": "Write hints below the headings of the tasks: ## 1. …",
    "faults.toml": "Write wrong solutions, so that every check is shown to find one.",
}
FILES = {"exercise.toml", *REQUIRED}
FOLDERS = {"starter", "reference"}
LEFTOVER = re.compile(r".*(~|\.(orig|rej|bak|swp|pyc|log|sqlite3?)(-wal|-shm)?)")
"""What editors, merges and runs leave behind."""


def required_files_exist(subject: Subject) -> Iterator[Finding]:
    """An exercise has instructions, hints, faults and a grader."""
    for name, hint in REQUIRED.items():
        if not (subject.folder / name).is_file():
            yield Finding(subject.folder / name, "does not exist.", hint)
    if not subject.grader.is_file():
        message = "does not exist, although exercise.toml names it as the grader."
        yield Finding(subject.grader, message, "Write its checks.")


def files_are_text(subject: Subject) -> Iterator[Finding]:
    """What coach reads is UTF-8; no other rule can say anything where it is not."""
    for path in (*(subject.folder / name for name in REQUIRED), subject.grader):
        try:
            if path.is_file():
                path.read_text(encoding="utf-8")
        except UnicodeDecodeError as exc:
            message = f"is not UTF-8: byte {exc.start} cannot be decoded."
            yield Finding(path, message, "Save the file as UTF-8.", broken=True)


def no_unexpected_files(subject: Subject) -> Iterator[Finding]:
    """An exercise's folder holds what coach reads, and nothing else."""
    for path in sorted(subject.folder.iterdir()):
        if path.name in NOT_CONTENT:
            continue
        known = FOLDERS if path.is_dir() else FILES
        if path.name not in known:
            yield Finding(path, "is not read by anything.", f"Remove or rename it. {nearest(path.name, known)}".strip())
    for parent in sorted(FOLDERS):
        for path in sorted((subject.folder / parent).glob("*")):
            if not subject.offers(path.name) and path.name not in NOT_CONTENT:
                hint = nearest(path.name, subject.starters)
                yield Finding(path, "belongs to no stack that exercise.toml offers.", f"Rename it. {hint}".strip())
    for name, path in files_below(subject.folder):
        if LEFTOVER.fullmatch(name):
            yield Finding(path, "looks like something that an editor or a run has left.", "Remove it.")


def starters_say_what_is_to_do(subject: Subject) -> Iterator[Finding]:
    """A starter holds a TODO; with `custom` learners write everything."""
    for stack, tree in subject.starters.items():
        if stack != "custom" and not any(b"TODO" in content for content in tree.values()):
            path = subject.folder / "starter" / stack
            hint = "Write TODO where the learner's work begins."
            yield Finding(path, f"the starter for {stack} has no TODO.", hint)


def folders_are_exercises(pack: Pack) -> Iterator[Finding]:
    """Every folder of exercises is one."""
    for path in sorted((pack.root / "exercises").glob("*")):
        if path.name != "roadmaps" and path.name not in NOT_CONTENT and not (path / "exercise.toml").is_file():
            yield Finding(path, "is no exercise: it has no exercise.toml.", "Write one, or remove it.")


def graders_are_used(pack: Pack, exercises: Iterable[Exercise]) -> Iterator[Finding]:
    """Every grader grades an exercise."""
    graders = {exercise.grader for exercise in exercises} | {"conftest.py"}
    for path in sorted((pack.root / "graders").glob("*")):
        if path.name not in graders and path.name not in NOT_CONTENT:
            yield Finding(path, "grades no exercise.", "Name it as grader in an exercise.toml, or remove it.")
