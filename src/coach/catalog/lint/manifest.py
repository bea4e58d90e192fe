"""Rules for `exercise.toml`: what it names exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from coach.catalog.lint.subject import Finding, Subject, line_of
from coach.errors import ContentError, InputError, nearest
from coach.model import Exercise, Route, WorkspaceConfig
from coach.plain import read_toml

STATUSES = range(200, 600)
"""The codes of final answers (RFC 9110, section 15): those below 200 come before one."""
WITHOUT_REFERENCE = frozenset({"custom", "flask"})
"""Stacks that show of a grader what others show too, so that not every exercise needs a reference for them."""
_PARAMETER = re.compile(r"\{\w+\}")


def prerequisites_exist(subject: Subject) -> Iterator[Finding]:
    """Every exercise in `requires` exists, and none requires itself by a detour."""
    exercise = subject.exercise
    for name in exercise.requires:
        line = line_of(subject.manifest, f'"{name}"')
        if name not in subject.known:
            hint = nearest(name, subject.known.keys() - {exercise.id})
            yield Finding(subject.manifest, f'requires "{name}", which does not exist.', hint, line)
    chain = _circle(exercise.id, subject.known, (exercise.id,))
    if chain:
        line = line_of(subject.manifest, "requires")
        yield Finding(subject.manifest, f"requires itself: {' → '.join(chain)}.", "Take one out of requires.", line)


def stacks_exist(subject: Subject) -> Iterator[Finding]:
    """Every stack has a template, and is named once."""
    stacks = subject.exercise.stacks
    line = line_of(subject.manifest, "stacks")
    if not stacks:
        yield Finding(subject.manifest, "offers no stack.", 'Name at least one, such as "express".', line)
    for name in dict.fromkeys(stacks):
        if stacks.count(name) > 1:
            yield Finding(subject.manifest, f'names the stack "{name}" twice.', "Take one out.", line)
        try:
            subject.pack.stack(name)
        except InputError as error:
            yield Finding(subject.manifest, error.message, error.hint, line)


def dependencies_are_for_offered_stacks(subject: Subject) -> Iterator[Finding]:
    """Dependencies are those of stacks that learners can pick; rendering a starter finds those without a version."""
    for name in sorted(name for name in subject.exercise.dependencies if not subject.offers(name)):
        hint = nearest(name, subject.starters)
        line = line_of(subject.manifest, name, "=", "[")
        yield Finding(subject.manifest, f'has dependencies for "{name}", which it does not offer.', hint, line)


def routes_are_whole(subject: Subject) -> Iterator[Finding]:
    """Every route stands once, belongs to a task and says what it answers; its example of a body is JSON."""
    seen: dict[tuple[str, str], str] = {}
    for index, route in enumerate(subject.exercise.routes):
        name = f"{route.method} {route.path}"
        for message, hint in (*_repeats(name, route, seen), *_flaws(name, route, subject.task_numbers)):
            yield Finding(subject.manifest, message, hint, subject.route_line(index))


def _repeats(name: str, route: Route, seen: dict[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    """Say which route above is the same one, and note this one in `seen`."""
    key = (route.method, _PARAMETER.sub("{}", route.path))
    if seen.get(key) == name:
        yield f"has the route {name} twice.", "Take one out."
    elif key in seen:
        message = f"has the routes {seen[key]} and {name}, which differ only in the name of a parameter."
        yield message, "No request can tell them apart: take one out."
    seen[key] = name


def _flaws(name: str, route: Route, task_numbers: set[int]) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a route for itself."""
    if route.task not in task_numbers:
        message = f"the route {name} belongs to task {route.task}, which instructions.md does not have."
        yield message, "Give it the number of a task."
    if not route.answers:
        yield f"the route {name} does not say what it answers.", "Add the status codes: answers = [200, 404]"
    for code in route.answers:
        if code not in STATUSES:
            message = f"the route {name} answers {code}, which no answer can have."
            yield message, f"Status codes are numbers from {STATUSES[0]} to {STATUSES[-1]}."
    try:
        json.loads(route.body or "null")
    except ValueError as exc:
        yield f"the body of the route {name} is not JSON: {exc}.", "It is an example that learners send: mend it."


def references_exist(subject: Subject) -> Iterator[Finding]:
    """Every stack has a reference but those that may go without; one for `custom` is a workspace of this exercise."""
    for stack in dict.fromkeys(subject.exercise.stacks):
        if stack not in WITHOUT_REFERENCE and stack in subject.starters and not subject.references[stack]:
            folder = subject.folder / "reference" / stack
            hint = f"Write the files that make the {stack} starter pass, or take {stack} out of stacks."
            yield Finding(folder, "is missing: without a reference nothing shows that this stack can pass.", hint)
    stacks = subject.exercise.stacks
    if stacks and not (set(stacks) - WITHOUT_REFERENCE or any(subject.references.values())):
        folder = subject.folder / "reference" / stacks[0]
        hint = "Write a whole project that passes, with its coach.toml, in a language of your choice."
        yield Finding(folder, "is missing: an exercise needs one reference at least.", hint)
    if not (subject.folder / "reference" / "custom").is_dir():
        return
    path = subject.custom
    config = read_toml(path, WorkspaceConfig, ContentError)
    wanted = {"exercise": subject.exercise.id, "pack": subject.pack.manifest.id, "stack": "custom"}
    for key, value in wanted.items():
        found = getattr(config, key)
        if found != value:
            yield Finding(path, f'{key} is "{found}".', f'Change it to "{value}".', line_of(path, key, "="))


def _circle(name: str, known: Mapping[str, Exercise], above: tuple[str, ...]) -> tuple[str, ...]:
    """Return the way from the first exercise of `above` back to itself, or nothing."""
    for required in known[name].requires if name in known else ():
        if required == above[0]:
            return (*above, required)
        if required not in above and (found := _circle(required, known, (*above, required))):
            return found
    return ()
