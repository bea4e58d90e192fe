"""Instructions are rendered with their shared parts, and split into tasks and hints."""

import pytest

from coach.catalog.graders import read_checks
from coach.catalog.instructions import hints, render_instructions, task_titles, tasks
from coach.catalog.packs import Pack, builtin_pack
from coach.errors import ContentError
from coach.model import Task
from tests.catalog.conftest import write

HINTS = """\
# Hints

For authors.

## 1. Say hello

A nudge
in two lines.

- A step
  further
- Another

## 2. Read

1. One
"""


def test_the_table_of_routes_comes_from_the_manifest(pack: Pack) -> None:
    text = render_instructions(pack, pack.exercise("phase-1-posts"))
    assert text.startswith("# Posts\n\n| Route | Task | What it does | Answers |\n|---|---|---|---|\n")
    assert "| `POST /posts` | 1 | Write a post | 201, 400, 422 |\n" in text
    assert (
        "| `DELETE /posts/{postId}/blog-comments/{id}` | 3 | Delete a comment \\| only one's own | 204, 404 |\n" in text
    )


def test_only_the_conventions_that_the_exercise_picks_are_shown(pack: Pack) -> None:
    text = render_instructions(pack, pack.exercise("phase-1-posts"))
    section = text[text.index("## Conventions") : text.index("## How it is graded")]
    rules = [line for line in section.splitlines() if line.startswith("- ")]
    assert rules == [
        "- An unknown id or route is answered with 404.",
        "- Bodies are JSON in both directions, with `Content-Type: application/json`.",
    ]


def test_tasks_are_the_numbered_sections(pack: Pack) -> None:
    text = render_instructions(pack, pack.exercise("phase-1-posts"))
    assert tasks(text) == (
        Task(1, "Say hello", "Answer `GET /`.\n\n```sh\n## 9. not a heading\n```"),
        Task(2, "Read & publish", "A post."),
    )


def test_each_paragraph_and_each_list_item_is_a_hint(pack: Pack) -> None:
    exercise = pack.exercise("phase-1-posts")
    assert hints(pack, exercise) == {}
    write(pack.folder(exercise) / "hints.md", HINTS)
    assert hints(pack, exercise) == {1: ["A nudge in two lines.", "A step further", "Another"], 2: ["One"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# A\n\n{{ exercise.titel }}\n", r"instructions\.md, line 3: .*titel"),
        ("# A\n{% include 'conventions.md' %}\n", r"instructions\.md, line 2: does not set parts"),
        ("{% set parts = ['jsn'] %}{% include 'conventions.md' %}\n", r'instructions\.md, line 1: "jsn" is no part of'),
        ("# A\n{% if %}\n", r"instructions\.md, line 2: Expected an expression"),
        ("{% include 'convention.md' %}", r'The template "convention\.md" does not exist in .*phase-1-posts'),
    ],
)
def test_a_wrong_template_is_named_with_its_line(pack: Pack, text: str, message: str) -> None:
    exercise = pack.exercise("phase-1-posts")
    write(pack.folder(exercise) / "instructions.md", text)
    with pytest.raises(ContentError, match=message):
        render_instructions(pack, exercise)


def test_missing_instructions_are_named(pack: Pack) -> None:
    exercise = pack.exercise("phase-1-posts")
    (pack.folder(exercise) / "instructions.md").unlink()
    with pytest.raises(ContentError, match=r"instructions\.md does not exist"):
        render_instructions(pack, exercise)


def test_a_wrong_part_lists_those_that_there_are(pack: Pack) -> None:
    exercise = pack.exercise("phase-1-posts")
    write(pack.folder(exercise) / "instructions.md", "# A\n{% set parts = ['jsn'] %}\n{% include 'conventions.md' %}\n")
    with pytest.raises(ContentError, match=r"instructions\.md, line 2") as caught:
        render_instructions(pack, exercise)
    assert caught.value.hint.startswith("Parts: port, json, errors, ids,")


def test_files_that_were_saved_on_windows_are_read(pack: Pack) -> None:
    exercise = pack.exercise("phase-1-posts")
    write(pack.folder(exercise) / "instructions.md", "\ufeff## 1. Read\nX\n")
    write(pack.folder(exercise) / "hints.md", "\ufeff## 1. Read\n- Look\n")
    write(pack.grader(exercise), '\ufeff@check(task=1)\ndef test_x(api):\n    """X"""\n')
    assert [task.number for task in tasks(render_instructions(pack, exercise))] == [1]
    assert task_titles(pack, exercise) == {1: "Read"}
    assert hints(pack, exercise) == {1: ["Look"]}
    assert [check.title for check in read_checks(pack.grader(exercise))] == ["X"]


def test_tasks_hints_and_routes_of_the_builtin_exercises_agree() -> None:
    pack = builtin_pack()
    for exercise in pack.exercises():
        found = tasks(render_instructions(pack, exercise))
        assert [task.number for task in found] == list(range(1, len(found) + 1)), exercise.id
        assert all(task.text for task in found), exercise.id
        assert {route.task for route in exercise.routes} <= {task.number for task in found}, exercise.id
        assert list(hints(pack, exercise)) == [task.number for task in found], exercise.id
