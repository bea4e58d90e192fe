"""What a learner reads about an exercise: instructions, their tasks, and hints.

`instructions.md` is a Jinja2 template that knows `exercise`. It may include, from `templates/exercise/`:

- `{% set parts = ["json", "errors", "missing"] %}{% include "conventions.md" %}` gives the shared rules, as a list of
  only those parts that the exercise grades; the names stand in `templates/exercise/conventions.md`;
- `{% include "routes.md" %}` gives the table of routes from `[[routes]]` of `exercise.toml`, so that the two agree;
- `{% include "getting-started.md" %}` tells how to grade, how to start the server by hand and how to add packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from coach.catalog.packs import Pack
from coach.catalog.templates import render
from coach.errors import ContentError
from coach.model import Exercise, Task

_HEADING = re.compile(r"##\s+(\d+)\.\s+(.+?)\s*#*")
_NEARLY = re.compile(r"##\s*(\d+)\s*[.):]?\s*(\S.*?)\s*#*")
"""A heading that looks like a task's and is none: `## 6 Survive`."""
_ITEM = re.compile(r"([-*+]|\d+[.)])\s+")


def render_instructions(pack: Pack, exercise: Exercise) -> str:
    """Return the text of `instructions.md` as a learner reads it.

    Raises:
        ContentError: when the file is missing or its template is wrong; the message names file and line.
    """
    folder = pack.folder(exercise)
    path = folder / "instructions.md"
    if not path.is_file():
        raise ContentError(f"{path} does not exist.", "Every exercise needs instructions.")

    def refuse_part(part: str | None, rules: Mapping[str, str]) -> None:
        """Say which file names a part of the conventions that does not exist, or includes them and names none."""
        names, hint = f"Parts: {', '.join(rules)}.", ""
        wanted, problem = [f'"{part}"', f"'{part}'"], f'"{part}" is no part of the conventions'
        if part is None:
            wanted, problem = ["conventions.md"], "does not set parts, which conventions.md needs"
            hint = 'Write before it, with those that you want: {% set parts = ["port", "json"] %} '
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        line = next((number for number, text in enumerate(lines, 1) if any(word in text for word in wanted)), 1)
        raise ContentError(f"{path}, line {line}: {problem}.", hint + names)

    folders = [folder, *(root / "exercise" for root in pack.template_roots())]
    return render(folders, "instructions.md", {"exercise": exercise, "refuse_part": refuse_part})


def tasks(text: str) -> tuple[Task, ...]:
    """Return the tasks of rendered instructions: the sections under `## 1. Title`, each up to the next `##`."""
    return tuple(Task(number, title, "\n".join(lines).strip()) for number, title, lines in _sections(text))


def nearly_tasks(text: str) -> dict[str, Task]:
    """Return the headings `## 6 Title` of numbers that no task has, each with the task that it is meant to be."""
    numbers = {number for number, _, _ in _sections(text)}
    found = {line.strip(): _NEARLY.fullmatch(line.strip()) for line in _unfenced(text)}
    return {
        line: Task(int(match[1]), match[2], "")
        for line, match in found.items()
        if match is not None and int(match[1]) not in numbers
    }


def task_titles(pack: Pack, exercise: Exercise) -> dict[int, str]:
    """Return the titles of the tasks by number, as a learner reads them.

    The template is rendered only when a heading needs it: a grading has no 50 ms to spare for that.
    """
    path = pack.folder(exercise) / "instructions.md"
    text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    titles = {number: title for number, title, _ in _sections(text)}
    if not titles or any("{" in title for title in titles.values()):
        titles = {task.number: task.title for task in tasks(render_instructions(pack, exercise))}
    return titles


def hints(pack: Pack, exercise: Exercise) -> dict[int, list[str]]:
    """Return the hints of each task from `hints.md`, each paragraph or list item one step further than the last."""
    path = pack.folder(exercise) / "hints.md"
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8-sig")
    return {number: _steps(lines) for number, _, lines in _sections(text)}


def _sections(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield number, title and lines of each numbered section; a heading inside a code block is none."""
    current: tuple[int, str, list[str]] | None = None
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and re.match(r"##?\s", line):
            if current:
                yield current
            heading = _HEADING.fullmatch(line.strip())
            current = (int(heading[1]), heading[2], []) if heading else None
        elif current:
            current[2].append(line)
    if current:
        yield current


def _unfenced(text: str) -> Iterator[str]:
    """Yield the lines that stand in no code block."""
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced:
            yield line


def _steps(lines: list[str]) -> list[str]:
    """Split a section into paragraphs and list items, each as one line without its bullet."""
    steps: list[list[str]] = [[]]
    for line in lines:
        if not line.strip() or _ITEM.match(line):
            steps.append([])
        steps[-1].append(_ITEM.sub("", line, count=1).strip())
    return [text for step in steps if (text := " ".join(step).strip())]
