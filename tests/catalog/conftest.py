"""A small pack on disk that holds every kind of route, to read and to render."""

from collections.abc import Callable
from pathlib import Path

import pytest

from coach.catalog.packs import Pack, open_pack

PACK = """\
format = 1
id = "small"
title = "A small pack"
summary = "For tests."
version = "3.1.4"
"""

HEAD = """\
format = 1
id = "{id}"
title = "Posts"
kind = "task"
summary = "Posts & \\"comments\\"."
minutes = 30
grader = "test_all.py"
stacks = ["express", "fastapi", "flask", "custom"]
"""

ROUTES = """
[[routes]]
method = "GET"
path = "/"
task = 1
summary = "Say hello"
answers = [200]

[[routes]]
method = "GET"
path = "/posts/{postId}"
task = 2
summary = "Read a post"
answers = [200, 404]

[[routes]]
method = "POST"
path = "/posts"
task = 1
summary = "Write a post"
body = '{"title": "Hi"}'
answers = [201, 400, 422]

[[routes]]
method = "POST"
path = "/posts/{postId}/publish"
task = 2
summary = "Publish a post"
answers = [204]

[[routes]]
method = "POST"
path = "/posts/{postId}/blog-comments"
task = 3
summary = "Comment on a post"
body = '{"text": "Nice"}'
answers = [201]

[[routes]]
method = "DELETE"
path = "/posts/{postId}/blog-comments/{id}"
task = 3
summary = "Delete a comment | only one's own"
answers = [204, 404]

[[routes]]
method = "HEAD"
path = "/ping"
task = 4
summary = "Be there"
answers = [200]

[[routes]]
method = "GET"
path = "/cities/{name}"
task = 4
summary = "Read about a city"
answers = [200]

[env]
JWT_SECRET = { random = 32 }
BCRYPT_COST = "4"
"""

INSTRUCTIONS = """\
# {{ exercise.title }}

{% include "routes.md" %}

## 1. Say hello

Answer `GET /`.

```sh
## 9. not a heading
```

## 2. Read & publish

A post.

{% set parts = ["missing", "json"] %}
{% include "conventions.md" %}

## How it is graded

By requests.
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


AddExercise = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "pack"
    write(root / "pack.toml", PACK)
    write(root / "graders/test_all.py", '"""Checks."""\n')
    return root


@pytest.fixture
def add(root: Path) -> AddExercise:
    """Write an exercise; `more` is TOML that goes before its routes."""

    def add(name: str, more: str = "", routes: str = ROUTES) -> Path:
        folder = root / "exercises" / name
        write(folder / "exercise.toml", HEAD.format(id=name) + more + routes)
        write(folder / "instructions.md", INSTRUCTIONS)
        return folder

    return add


@pytest.fixture
def pack(root: Path, add: AddExercise) -> Pack:
    """A pack with the one exercise `phase-1-posts`."""
    add("phase-1-posts")
    return open_pack(root)
