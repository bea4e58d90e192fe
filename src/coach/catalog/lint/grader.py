"""Rules for graders: every check is complete, and asserts nothing that the instructions do not say."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from coach.catalog.lint.manifest import STATUSES
from coach.catalog.lint.subject import Finding, Subject, line_of, parse
from coach.errors import nearest

_EXPECT = "Read replies through expect: expect(reply).body() fails as the learner's, not as the grader's."


def every_test_is_a_check(subject: Subject) -> Iterator[Finding]:
    """Each function `test_…` is a check that pytest will run, and each check is named so, once."""
    checks = {check.name for check in subject.checks}
    seen: set[str] = set()
    for node in subject.code.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test"):
            hint = "Write def instead of async def."
            yield Finding(subject.grader, f"{node.name} is asynchronous; it would not run.", hint, node.lineno)
        if not isinstance(node, ast.FunctionDef):
            continue
        if node.name in seen:
            hint = "Rename one: Python keeps only the last."
            yield Finding(subject.grader, f"there are two functions {node.name}.", hint, node.lineno)
        seen.add(node.name)
        if node.name.startswith("test") and node.name not in checks:
            hint = "Write @check(task=…) above it, or rename it if it is none."
            yield Finding(subject.grader, f"{node.name} is not marked with @check.", hint, node.lineno)
        if node.name in checks and not node.name.startswith("test_"):
            yield Finding(subject.grader, f"{node.name} would not run.", f"Name it test_{node.name}.", node.lineno)
        if node.name in checks and len(node.decorator_list) > 1:
            hint = "Leave @check alone; several cases go into a loop, or into checks of their own."
            yield Finding(subject.grader, f"{node.name} has a second decorator.", hint, node.lineno)


def checks_are_complete(subject: Subject) -> Iterator[Finding]:
    """Every check has a title of its own, the number of a task, and points; every task has a check."""
    titles: dict[str, str] = {}
    for check in subject.checks:
        if not check.title:
            hint = "Its docstring is the title that learners read: write one."
            yield Finding(subject.grader, f"{check.name} has no docstring.", hint, check.line)
        elif check.title in titles:
            message = f"{check.name} has the title of {titles[check.title]}."
            yield Finding(subject.grader, message, "Say what this one finds out.", check.line)
        titles.setdefault(check.title, check.name)
        if check.task not in subject.task_numbers:
            message = f"{check.name} belongs to no task: instructions.md has no task {check.task}."
            if not check.task:
                message = f"{check.name} does not say which task it belongs to."
            yield Finding(subject.grader, message, "Write the number into @check(task=…).", check.line)
        if check.points < 1:
            yield Finding(subject.grader, f"{check.name} gives no points.", "Write points=1 or more.", check.line)
    for task in subject.tasks:
        if task.number not in {check.task for check in subject.checks}:
            line = line_of(subject.instructions, f"## {task.number}.")
            hint = f"Write one: @check(task={task.number})"
            yield Finding(subject.instructions, f"task {task.number} has no check.", hint, line)


def needs_exist(subject: Subject) -> Iterator[Finding]:
    """`needs=` takes checks that stand above, as functions."""
    above: list[str] = []
    for node in subject.code.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for value in _needs(node):
            if not isinstance(value, ast.Name):
                name = str(value.value) if isinstance(value, ast.Constant) else "test_…"
                hint = f"Write the function itself: needs={name}"
                yield Finding(subject.grader, f"{node.name}: needs= takes no name in quotes.", hint, value.lineno)
            elif value.id not in above:
                hint = nearest(value.id, above) or "Write that check first."
                message = f"{node.name} needs {value.id}, which is no check above it."
                yield Finding(subject.grader, message, hint, value.lineno)
        if node.name in {check.name for check in subject.checks}:
            above.append(node.name)


def statuses_are_promised(subject: Subject) -> Iterator[Finding]:
    """Every status that a check asserts is in the instructions, and every answer of a route is asserted."""
    promised = set(re.findall(r"\b[1-5]\d\d\b", subject.text))
    told: set[int] = set()
    for code, line in _statuses(subject.code):
        if str(code) not in promised and code not in told:
            told.add(code)
            hint = f"Say in instructions.md when {code} is right, or do not ask for it."
            yield Finding(subject.grader, f"asserts the status {code}, which the instructions do not name.", hint, line)
    shared = subject.pack.root / "graders" / "conftest.py"
    trees = [subject.code, *([parse(shared)] if shared.is_file() else [])]
    numbers = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    for index, route in enumerate(subject.exercise.routes):
        for code in route.answers:
            if code not in numbers and code in STATUSES:
                message = f"{route.method} {route.path} answers {code}, but no check asks for {code}."
                hint = "What the instructions promise is checked: add a check, or take the code out."
                yield Finding(subject.manifest, message, hint, subject.route_line(index))


def graders_import_little(subject: Subject) -> Iterator[Finding]:
    """A grader imports coach.grading, pytest and the standard library, and reads replies through `expect`."""
    yield from rules_for_code(subject.grader, subject.code)


def rules_for_code(path: Path, code: ast.Module) -> Iterator[Finding]:
    """Apply the rules for everything below `graders/`, shared fixtures included."""
    for node in ast.walk(code):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _imports(path, node)
        elif isinstance(node, ast.Call):
            yield from _readings(path, node)
            yield from _pauses(path, node)


def _imports(path: Path, node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."]
    for module in modules:
        top = module.split(".")[0]
        if module in ("coach.grading", "pytest") or top in sys.stdlib_module_names:
            continue
        if top == "coach":
            yield Finding(path, f"imports {module}.", "All that a grader needs is in coach.grading.", node.lineno)
        else:
            hint = "Use coach.grading, pytest and the standard library: nothing else is there when a learner grades."
            yield Finding(path, f"imports {module}.", hint, node.lineno)


def _readings(path: Path, call: ast.Call) -> Iterator[Finding]:
    """Find replies that are parsed past `expect`: `reply.json()` and `json.loads(reply.content)`."""
    if not isinstance(call.func, ast.Attribute):
        return
    if call.func.attr == "json" and not call.args:
        yield Finding(path, ".json() reads a reply past expect.", _EXPECT, call.lineno)
    reads = [node for value in call.args for node in ast.walk(value) if isinstance(node, ast.Attribute)]
    if call.func.attr == "loads" and any(node.attr == "content" for node in reads):
        yield Finding(path, ".content is parsed past expect.", _EXPECT, call.lineno)


def _pauses(path: Path, call: ast.Call) -> Iterator[Finding]:
    """Find fixed pauses: too long for most servers, too short for some."""
    if ast.unparse(call.func) in ("time.sleep", "sleep"):
        hint = "Wait with eventually(call, within): it goes on as soon as it can."
        yield Finding(path, "pauses for a fixed time.", hint, call.lineno)


def _needs(node: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield what stands in `needs=` of a check."""
    for mark in node.decorator_list:
        for word in mark.keywords if isinstance(mark, ast.Call) else ():
            if word.arg == "needs":
                yield from word.value.elts if isinstance(word.value, (ast.Tuple, ast.List)) else [word.value]


def _statuses(code: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield each status code that is asserted, with its line: in `.status(…)`, or compared with `reply.status`."""
    constants = {
        target.id: node.value
        for node in code.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(code):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "status":
            values = node.args
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "status":
            values = node.comparators
        for value in values:
            inner = value.value if isinstance(value, ast.Starred) else value
            meant = constants.get(inner.id, inner) if isinstance(inner, ast.Name) else inner
            for part in meant.elts if isinstance(meant, (ast.Tuple, ast.List, ast.Set)) else [meant]:
                if isinstance(part, ast.Constant) and isinstance(part.value, int):
                    yield part.value, value.lineno
