"""A rule for `expect(reply)`: a misspelt method would be found only when somebody grades."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from coach.catalog.lint.subject import Finding, Subject
from coach.errors import nearest

OURS = Path(__file__).parents[2] / "grading" / "expect.py"
"""Read and not imported: grading lies above the catalog, and brings an HTTP client with it."""


def expectations_exist(subject: Subject) -> Iterator[Finding]:
    """What is asked of `expect(…)` is one of its methods."""
    for node in ast.walk(subject.code):
        if isinstance(node, ast.Attribute) and _is_expectation(node.value) and node.attr not in _methods():
            message = f'expect(…) has no method "{node.attr}".'
            yield Finding(subject.grader, message, nearest(node.attr, _methods()), node.end_lineno or node.lineno)


def _is_expectation(value: ast.expr) -> bool:
    """Tell whether an expression is `expect(…)`, or a method of it that gives the expectation back."""
    if not isinstance(value, ast.Call):
        return False
    if isinstance(value.func, ast.Attribute):
        return _methods().get(value.func.attr) == "Expectation" and _is_expectation(value.func.value)
    return isinstance(value.func, ast.Name) and value.func.id == "expect"


@cache
def _methods() -> dict[str, str]:
    """Return the methods of an expectation with the types that they return, as their source names them."""
    code = ast.parse(OURS.read_text(encoding="utf-8"))
    classes = [node for node in code.body if isinstance(node, ast.ClassDef) and node.name == "Expectation"]
    functions = [node for found in classes for node in found.body if isinstance(node, ast.FunctionDef)]
    return {
        node.name: ast.unparse(node.returns) if node.returns is not None else ""
        for node in functions
        if not node.name.startswith("_")
    }
