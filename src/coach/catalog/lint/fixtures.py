"""Rules for what checks and fixtures ask for: a misspelt fixture would be found only when somebody grades."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from coach.catalog.lint.subject import Finding, Subject, parse
from coach.errors import nearest

OURS = Path(__file__).parents[2] / "grading" / "fixtures.py"
"""Read and not imported: grading lies above the catalog, and brings an HTTP client with it."""
OF_PYTEST = frozenset({"monkeypatch", "pytestconfig", "recwarn", "request", "tmp_path", "tmp_path_factory"})
OF_PYTEST |= {"cache", "capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "capteesys", "doctest_namespace"}
OF_PYTEST |= {"record_property", "record_testsuite_property", "record_xml_attribute", "subtests", "tmpdir"}


def fixtures_exist(subject: Subject) -> Iterator[Finding]:
    """What checks and the grader's own fixtures ask for is given by coach, by pytest, or in `graders/`."""
    shared = subject.pack.root / "graders" / "conftest.py"
    services = {name for need in subject.exercise.services for name in need.any_of}
    known = {*services, *(defined(parse(shared)).values() if shared.is_file() else ())}
    checks = {check.name for check in subject.checks}
    yield from unknown_fixtures(subject.grader, subject.code, known, checks)


def unknown_fixtures(
    path: Path, code: ast.Module, known: Collection[str] = (), checks: Collection[str] = ()
) -> Iterator[Finding]:
    """Find arguments that no fixture gives, of fixtures and of the functions in `checks`."""
    given = defined(code)
    everything = {*known, *given.values(), *OF_PYTEST, *_ours()}
    for node in code.body:
        if isinstance(node, ast.FunctionDef) and (node.name in given or node.name in checks):
            positional = node.args.args[: len(node.args.args) - len(node.args.defaults)]
            for argument in positional:
                if argument.arg not in everything:
                    message = f'{node.name} asks for "{argument.arg}", which is no fixture.'
                    hint = nearest(argument.arg, everything - OF_PYTEST)
                    yield Finding(path, message, hint, argument.lineno)


def defined(code: ast.Module) -> dict[str, str]:
    """Return the functions of a module that are fixtures, with the names under which checks ask for them."""
    found: dict[str, str] = {}
    for node in code.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            called = mark.func if isinstance(mark, ast.Call) else mark
            if ast.unparse(called) in ("pytest.fixture", "fixture"):
                found[node.name] = _named(mark) or node.name
    return found


def _named(mark: ast.expr) -> str:
    """Return the name that `@pytest.fixture(name=…)` gives, if it gives one."""
    words = mark.keywords if isinstance(mark, ast.Call) else []
    names = [word.value for word in words if word.arg == "name"]
    return next((str(name.value) for name in names if isinstance(name, ast.Constant)), "")


@cache
def _ours() -> frozenset[str]:
    """Return the fixtures that every grader has."""
    return frozenset(defined(ast.parse(OURS.read_text(encoding="utf-8"))).values())
