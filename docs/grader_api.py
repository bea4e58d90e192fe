"""Writes grader-api.md, the reference of what a grader can use, from the docstrings: python docs/grader_api.py."""

from __future__ import annotations

import dataclasses
import inspect
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _pytest.fixtures import FixtureFunctionDefinition

import coach.grading
from coach.grading import fixtures

PAGE = Path(__file__).with_name("grader-api.md")
ORDER = ("check", "expect", "Expectation", "Api", "Reply", "Server", "LogView", "Start", "TERM", "KILL", "CheckFailed")
"""The order for a reader; a name that is not listed comes at the end."""
NOT_FOR_GRADERS = {"coach_run"}
HEAD = """\
# The grader's API

Made from the docstrings by `python docs/grader_api.py`; [authoring.md](authoring.md) shows it at work. A grader imports
`coach.grading`, pytest and the standard library, and nothing else.
"""


def page() -> str:
    """Return the whole page."""
    names = sorted(coach.grading.__all__, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    parts = [HEAD, "## Fixtures", "A check gets what it names among its arguments; the types are for its annotations."]
    for name, fixture in vars(fixtures).items():
        if isinstance(fixture, FixtureFunctionDefinition) and name not in NOT_FOR_GRADERS:
            parts += [f"### `{name}: {_given(fixture)}`", *_text(fixture)]
    parts.append("## `from coach.grading import …`")
    for name in names:
        parts += _entry(name, getattr(coach.grading, name))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _entry(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, signal.Signals):
        yield f"### `{name}`"
        yield f"The signal {value.name}."
        return
    if not inspect.isclass(value):
        yield f"### `{name}{_arguments(value)}`"
        yield from _text(value)
        return
    yield f"### `{name}`"
    yield from _text(value)
    fields = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    if fields:
        yield "Fields: " + ", ".join(f"`{field}`" for field in fields) + "."
    for method, member in vars(value).items():
        if method.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        arguments = "" if isinstance(member, property) else _arguments(member)
        yield f"#### `.{method}{arguments}`"
        yield from _text(member)


def _given(fixture: Any) -> str:
    """Return the type of what a fixture gives, as a check annotates it."""
    found = str(inspect.signature(inspect.unwrap(fixture)).return_annotation)
    return found.removeprefix("Iterator[").removesuffix("]") if found.startswith("Iterator[") else found


def _arguments(function: Any) -> str:
    """Return what a function takes, without types: the text says what they are."""
    signature = inspect.signature(function)
    shown = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    text = str(signature.replace(parameters=shown, return_annotation=inspect.Signature.empty))
    return text.replace(repr(coach.grading.TERM), "TERM")


def _text(value: Any) -> Iterator[str]:
    """Yield the paragraphs of a docstring, what it raises as a list."""
    text, _, raises = (inspect.getdoc(value) or "").partition("\nRaises:\n")
    yield text
    if raises:
        yield "Raises " + " ".join(raises.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
