"""Rules for what learners read: instructions and hints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from coach.catalog.instructions import hints, nearly_tasks, tasks
from coach.catalog.lint.subject import Finding, Subject, line_of
from coach.errors import nearest
from coach.model import Task

SHORTEST_CODE = 20
"""Characters from which a line in a hint is taken for code of the reference: shorter ones are names and usual calls."""

_MENTION = re.compile(r"\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\s+(/[^\s`'\"|<>)\]]*)")
_COMMENT = re.compile(r"(#|//|/?\*|\"\"\"|''')")
_PARAMETER = re.compile(r"\{\w+\}|:\w+")
_SPAN = re.compile(r"`([^`]+)`")


def tasks_are_numbered(subject: Subject) -> Iterator[Finding]:
    """Tasks are `## 1.`, `## 2.` and so on, each says something, and a section tells how they are graded."""
    numbers = [task.number for task in subject.tasks]
    misspelt = nearly_tasks(subject.text)
    yield from _not_quite_tasks(subject.instructions, misspelt)
    if misspelt:
        pass  # with them the numbers may be right
    elif not numbers:
        yield Finding(subject.instructions, "has no task.", "Give each requirement a heading: ## 1. Create a note")
    elif numbers != list(range(1, len(numbers) + 1)):
        found = ", ".join(map(str, numbers))
        yield Finding(subject.instructions, f"has the tasks {found}.", "Number them 1, 2, 3 and so on, in their order.")
    for task in subject.tasks:
        if not task.text:
            line = line_of(subject.instructions, f"## {task.number}.")
            yield Finding(subject.instructions, f"task {task.number} has no text.", "Say what is required.", line)
    if not re.search(r"(?m)^## How it is graded\s*$", subject.text):
        hint = "Say what coach does to the learner's server."
        yield Finding(subject.instructions, 'has no section "## How it is graded".', hint)


def every_task_has_a_hint(subject: Subject) -> Iterator[Finding]:
    """hints.md has the headings of the tasks, each with at least one hint."""
    if not subject.hints.is_file():
        return
    found = hints(subject.pack, subject.exercise)
    text = subject.hints.read_text(encoding="utf-8-sig")
    titles = {task.number: task.title for task in tasks(text)}
    misspelt = nearly_tasks(text)
    yield from _not_quite_tasks(subject.hints, misspelt)
    for task in subject.tasks:
        heading = f"## {task.number}. {task.title}"
        if task.number in {other.number for other in misspelt.values()}:
            continue
        if not found.get(task.number):
            yield Finding(subject.hints, f"task {task.number} has no hint.", f"Write one below: {heading}")
        elif titles[task.number] != task.title:
            line = line_of(subject.hints, f"## {task.number}.")
            yield Finding(subject.hints, "the heading differs from that of the task.", f"Write: {heading}", line)
    for number in sorted(titles.keys() - subject.task_numbers):
        line = line_of(subject.hints, f"## {number}.")
        yield Finding(subject.hints, f"there is no task {number}.", "Number hints as the tasks are.", line)


def _not_quite_tasks(path: Path, misspelt: Mapping[str, Task]) -> Iterator[Finding]:
    for heading, task in misspelt.items():
        message = f'"{heading}" is not read as the heading of a task.'
        yield Finding(path, message, f"Write: ## {task.number}. {task.title}", line_of(path, heading))


def hints_hold_no_code(subject: Subject) -> Iterator[Finding]:
    """A hint names the idea: it has no block of code, and no line that stands in a reference."""
    if not subject.hints.is_file():
        return
    text = subject.hints.read_text(encoding="utf-8")
    remedy = "Name the idea, or the function to look up, and leave the code to the learner."
    fenced = re.search(r"(?m)^\s*(```|~~~)", text)
    if fenced:
        line = text.count("\n", 0, fenced.end()) + 1
        yield Finding(subject.hints, "holds a block of code.", remedy, line)
    sources = {
        f"{stack}/{name}": [_squeeze(line) for line in path.read_text("utf-8", "replace").splitlines()]
        for stack, files in subject.references.items()
        for name, path in files.items()
    }
    squeezed = _squeeze(text)
    spans = [(span, _squeeze(span)) for span in _SPAN.findall(text)]
    for name, lines in sources.items():
        code = [each for each in lines if len(each) >= SHORTEST_CODE and not _COMMENT.match(each)]
        for copied in dict.fromkeys(code):
            if copied in squeezed:
                number = line_of(subject.hints, copied)
                yield Finding(subject.hints, f"holds a line of reference/{name}: {copied}", remedy, number)
        for span, wanted in spans:
            if len(wanted) >= SHORTEST_CODE and wanted not in code and any(wanted in each for each in code):
                number = line_of(subject.hints, span)
                yield Finding(subject.hints, f"holds code of reference/{name}: {span}", remedy, number)


def routes_are_described(subject: Subject) -> Iterator[Finding]:
    """Every route of exercise.toml is in the instructions, and every route that they name is in exercise.toml."""
    mentioned = list(dict.fromkeys(_mentions(subject.text)))
    routes = {f"{route.method} {route.path}": route for route in subject.exercise.routes}
    for name, route in routes.items():
        if (route.method, route.path) not in mentioned:
            hint = 'The line {% include "routes.md" %} gives the table of all routes.'
            yield Finding(subject.instructions, f"does not name the route {name}.", hint)
    for method, path in mentioned:
        if not any(method == route.method and _is_like(path, route.path) for route in routes.values()):
            hint = (
                f"Add it to exercise.toml, or write it as one of its routes. {nearest(f'{method} {path}', routes)} "
                "The address of another server is written in full: GET $UPSTREAM_URL/…"
            )
            line = _line_that_mentions(subject.instructions, method, path)
            yield Finding(subject.instructions, f"names {method} {path}, which is no route.", hint, line)


def _line_that_mentions(path: Path, method: str, route: str) -> int:
    """Return the first line of a file that names a request, 0 where an included text does."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return next((number for number, line in enumerate(lines, 1) if (method, route) in _mentions(line)), 0)


def _mentions(text: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of each request that a text names, without its query string."""
    for method, path in _MENTION.findall(text):
        bare = path.split("?")[0].rstrip(".,;:!*_")
        yield method, bare or "/"


def _is_like(path: str, pattern: str) -> bool:
    """Tell whether a path is that of a route, with any value or name for a parameter."""
    fixed = (re.escape(part) for part in _PARAMETER.split(pattern))
    return re.fullmatch("[^/]+".join(fixed), path) is not None


def _squeeze(text: str) -> str:
    return " ".join(text.split())
