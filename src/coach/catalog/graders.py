"""What a grader's source says of its checks, read without importing it."""

from __future__ import annotations

import ast
from pathlib import Path

from msgspec import Struct

from coach.errors import ContentError


class CheckSource(Struct, frozen=True):
    """One check as its source has it."""

    name: str
    title: str
    line: int
    task: int
    points: int
    needs: tuple[str, ...]
    arguments: tuple[str, ...]
    """The fixtures that it asks for."""


def read_checks(grader: Path) -> tuple[CheckSource, ...]:
    """Return the checks of a grader in the order of the file.

    Raises:
        ContentError: when the file is not Python.
    """
    try:
        tree = ast.parse(grader.read_text(encoding="utf-8-sig"), str(grader))
    except (SyntaxError, UnicodeDecodeError, OSError) as exc:
        line = f":{exc.lineno}" if isinstance(exc, SyntaxError) else ""
        raise ContentError(f"{grader}{line} cannot be read: {exc}.", "Mend that line.") from exc
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            options = next((_options(mark) for mark in node.decorator_list if _is_check(mark)), None)
            if options is not None:
                found.append(_check(node, options))
    return tuple(found)


def _is_check(mark: ast.expr) -> bool:
    return isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "check"


def _options(mark: ast.expr) -> dict[str, ast.expr]:
    return {word.arg: word.value for word in mark.keywords if word.arg} if isinstance(mark, ast.Call) else {}


def _check(node: ast.FunctionDef, options: dict[str, ast.expr]) -> CheckSource:
    needs = options.get("needs")
    names = needs.elts if isinstance(needs, (ast.Tuple, ast.List)) else [needs] if needs is not None else []
    return CheckSource(
        name=node.name,
        title=" ".join((ast.get_docstring(node) or "").split()),
        line=node.lineno,
        task=_number(options.get("task"), 0),
        points=_number(options.get("points"), 1),
        needs=tuple(name.id for name in names if isinstance(name, ast.Name)),
        arguments=tuple(argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)),
    )


def _number(value: ast.expr | None, default: int) -> int:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, int) else default
