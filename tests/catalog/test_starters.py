"""Starters are rendered for every stack and any routes, and are written whole or not at all."""

import errno
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coach.catalog.packs import Pack, builtin_pack, open_pack
from coach.catalog.starters import reference_tree, render_starter, write_tree
from coach.errors import ContentError, InputError, PrerequisiteError
from coach.model import WorkspaceConfig
from tests.catalog.conftest import AddExercise, write

STACKS = ["express", "fastapi", "flask", "custom"]
EVERYWHERE = {
    ".dockerignore",
    ".env.example",
    ".gitignore",
    "Dockerfile",
    "coach.toml",
    "instructions.md",
    "requests.http",
}


def render(pack: Pack, stack: str) -> dict[str, str]:
    tree = render_starter(pack, pack.exercise("phase-1-posts"), pack.stack(stack))
    return {name: content.decode() for name, content in tree.items()}


@pytest.mark.parametrize(
    ("stack", "own"),
    [
        ("express", {"package.json", "src/app.js", "src/routes.js", "src/server.js"}),
        ("fastapi", {"requirements.txt", "app/__init__.py", "app/main.py", "app/routes.py"}),
        ("flask", {"requirements.txt", "app/__init__.py", "app/main.py", "app/routes.py"}),
        ("custom", {"contract.md"}),
    ],
)
def test_a_starter_holds_these_files(pack: Pack, stack: str, own: set[str]) -> None:
    assert set(render(pack, stack)) == EVERYWHERE | own


@pytest.mark.parametrize("stack", STACKS)
def test_coach_toml_says_what_the_stack_needs(pack: Pack, stack: str) -> None:
    config = msgspec.convert(tomllib.loads(render(pack, stack)["coach.toml"]), WorkspaceConfig)
    chosen = pack.stack(stack)
    assert config == WorkspaceConfig(
        format=1,
        exercise="phase-1-posts",
        pack="small",
        revision="3.1.4",
        stack=stack,
        install=chosen.install,
        start=chosen.start,
    )


def test_express_has_a_handler_for_each_route(pack: Pack) -> None:
    routes = render(pack, "express")["src/routes.js"]
    assert routes.count("res.status(501)") == 8
    assert (
        "\n\n// TODO task 3: Delete a comment | only one's own\n"
        'routes.delete("/posts/:postId/blog-comments/:id", (req, res) => {\n'
        '  res.status(501).json({ error: "TODO task 3" });\n'
        "});\n"
    ) in routes
    assert json.loads(render(pack, "express")["package.json"])["description"] == 'Posts & "comments".'


def test_fastapi_has_a_handler_for_each_route(pack: Pack) -> None:
    routes = render(pack, "fastapi")["app/routes.py"]
    assert routes.count("raise HTTPException(501") == 8
    assert '@router.get("/")\ndef get_root():\n' in routes
    assert (
        '@router.post("/posts/{post_id}/blog-comments")\n'
        "def post_posts_by_post_id_blog_comments(post_id: str, body: dict):\n"
    ) in routes
    assert '@router.head("/ping")\n' in routes


def test_flask_has_a_handler_for_each_route(pack: Pack) -> None:
    routes = render(pack, "flask")["app/routes.py"]
    assert routes.count("abort(501") == 8
    assert (
        '@routes.post("/posts")\n'
        "def post_posts():\n"
        "    body = request.get_json()\n"
        "    # TODO task 1: Write a post\n"
        '    abort(501, "TODO task 1")\n'
    ) in routes
    assert '@routes.delete("/posts/<post_id>/blog-comments/<id>")\n' in routes
    assert '@routes.route("/ping", methods=["HEAD"])\n' in routes


def test_flask_imports_only_what_it_uses(pack: Pack, add: AddExercise) -> None:
    add("phase-1-posts", routes='[[routes]]\nmethod = "GET"\npath = "/"\ntask = 1\nsummary = "Hello"\n')
    assert "from flask import Blueprint, abort\n" in render(pack, "flask")["app/routes.py"]


@pytest.mark.parametrize("stack", ["fastapi", "flask"])
def test_python_starters_are_formatted(pack: Pack, stack: str, tmp_path: Path) -> None:
    write_tree(render_starter(pack, pack.exercise("phase-1-posts"), pack.stack(stack)), tmp_path / "w")
    ruff = [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--line-length", "120", str(tmp_path / "w")]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_requests_come_in_task_order_and_pass_ids_on(pack: Pack) -> None:
    text = render(pack, "custom")["requests.http"]
    titles = [line[4:] for line in text.splitlines() if line.startswith("###")]
    assert [title[:6] for title in titles[:-2]] == [f"Task {n}" for n in (1, 1, 2, 2, 3, 4, 4)]
    assert titles[-2:] == [
        "Task 3: Delete a comment | only one's own",
        "Task 1: Write a post, with a body that is not JSON",
    ]
    assert "@baseUrl = http://localhost:3000\n@name = 1\n" in text
    assert "GET {{baseUrl}}/cities/{{name}}\n" in text
    assert (
        "### Task 3: Comment on a post\n"
        "# @name post_posts_by_post_id_blog_comments\n"
        "POST {{baseUrl}}/posts/{{post_posts.response.body.$.id}}/blog-comments\n"
        "Content-Type: application/json\n"
        "\n"
        '{"text": "Nice"}\n'
        "\n"
        "### Task 4: Be there\n"
    ) in text
    assert (
        "### Task 3: Delete a comment | only one's own\n"
        "DELETE {{baseUrl}}/posts/{{post_posts.response.body.$.id}}"
        "/blog-comments/{{post_posts_by_post_id_blog_comments.response.body.$.id}}\n"
    ) in text


def test_a_route_with_an_example_query_is_asked_without_and_with_it(pack: Pack, add: AddExercise) -> None:
    route = '[[routes]]\nmethod = "GET"\npath = "/posts"\ntask = 1\nsummary = "List"\nquery = "q=a%20b&page=2"\n'
    add("phase-1-posts", routes=route)
    assert render(pack, "custom")["requests.http"].endswith(
        "\n### Task 1: List\nGET {{baseUrl}}/posts\n"
        "\n### Task 1: List, with parameters\nGET {{baseUrl}}/posts?q=a%20b&page=2\n"
    )


@pytest.mark.parametrize(
    ("stack", "file", "lines"),
    [
        (
            "express",
            "src/routes.js",
            """
// Files that must survive a restart belong in the folder process.env.DATA_DIR.
// These tasks have no route of their own:
// - 2. Read & publish
import """,
        ),
        (
            "fastapi",
            "app/routes.py",
            """

Files that must survive a restart belong in the folder os.environ["DATA_DIR"].
These tasks have no route of their own:
- 2. Read & publish
\"""
""",
        ),
    ],
)
def test_routes_begin_with_what_no_route_shows(pack: Pack, add: AddExercise, stack: str, file: str, lines: str) -> None:
    assert "no route of their own" not in render(pack, stack)[file]
    assert "DATA_DIR" not in render(pack, stack)[file]
    folder = add("phase-1-posts", routes='[[routes]]\nmethod = "GET"\npath = "/"\ntask = 1\nsummary = "Hello"\n')
    write(folder / "instructions.md", "# Posts\n\n## 1. Hello\n\nA.\n\n## 2. Read & publish\n\nFrom DATA_DIR.\n")
    assert lines in render(pack, stack)[file]


def test_a_value_with_a_space_can_be_read_by_a_shell(pack: Pack, add: AddExercise) -> None:
    add("phase-1-posts", routes='routes = []\n[env]\nGREETING = "Good morning"\n')
    assert "\nGREETING='Good morning'\n" in render(pack, "express")[".env.example"]


def test_the_environment_of_the_exercise_is_shown(pack: Pack) -> None:
    text = render(pack, "custom")[".env.example"]
    assert "\nPORT=3000\n" in text
    assert text.endswith("\n# Any 32 random characters.\nJWT_SECRET=change-me\n\nBCRYPT_COST=4\n")
    assert "`DATA_DIR`, `JWT_SECRET`, `BCRYPT_COST` and nothing else" in render(pack, "custom")["contract.md"]


@pytest.mark.parametrize("stack", STACKS)
def test_texts_end_with_one_newline_and_have_no_trailing_space(pack: Pack, stack: str) -> None:
    for name, text in render(pack, stack).items():
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), name
        assert not [line for line in text.splitlines() if line != line.rstrip()], name
        assert "\n\n\n\n" not in text, name


def test_dependencies_of_the_exercise_get_the_versions_of_the_stack(root: Path, pack: Pack, add: AddExercise) -> None:
    templates = root / "templates/stacks/express"
    write(templates / "stack.toml", 'format = 1\nid = "express"\ntitle = "X"\n[packages]\nexpress = "5"\npg = "8"\n')
    write(
        templates / "list.j2",
        "{% for name, version in dependencies('express').items() %}{{ name }}@{{ version }} {% endfor %}",
    )
    add("phase-1-posts", routes='routes = []\n[dependencies]\nexpress = ["pg"]\n')
    assert render(pack, "express")["list"] == "express@5 pg@8 "

    add("phase-1-posts", routes='routes = []\n[dependencies]\nexpress = ["pgg"]\n')
    with pytest.raises(ContentError, match=r'exercise\.toml: dependencies\.express names "pgg"') as caught:
        render(pack, "express")
    assert caught.value.hint == 'Did you mean "pg"?'


def test_a_stack_that_the_exercise_does_not_offer_is_refused(pack: Pack) -> None:
    exercise = msgspec.structs.replace(pack.exercise("phase-1-posts"), stacks=("flask",))
    with pytest.raises(InputError, match='"phase-1-posts" has no starter for the stack "express"') as caught:
        render_starter(pack, exercise, pack.stack("express"))
    assert caught.value.hint == "Known: flask."


def test_given_code_replaces_and_joins_the_rendered_files(pack: Pack) -> None:
    folder = pack.folder(pack.exercise("phase-1-posts"))
    write(folder / "starter/express/src/routes.js", "given\n")
    write(folder / "starter/express/src/more/given.js", "too\n")
    write(folder / "starter/express/node_modules/x.js", "left by a run\n")
    tree = render(pack, "express")
    assert (tree["src/routes.js"], tree["src/more/given.js"]) == ("given\n", "too\n")
    assert "src/app.js" in tree
    assert "node_modules/x.js" not in tree
    assert list(tree) == sorted(tree)


def test_a_reference_lies_over_the_starter_and_a_custom_one_stands_alone(pack: Pack) -> None:
    exercise = pack.exercise("phase-1-posts")
    write(pack.folder(exercise) / "reference/flask/app/routes.py", "solved\n")
    write(pack.folder(exercise) / "reference/custom/server.py", "all\n")
    tree = reference_tree(pack, exercise, "flask")
    assert tree["app/routes.py"] == b"solved\n"
    assert tree["app/main.py"].startswith(b'"""The application')
    assert reference_tree(pack, exercise, "custom") == {"server.py": b"all\n"}
    with pytest.raises(InputError, match='no reference for the stack "flusk"') as caught:
        reference_tree(pack, exercise, "flusk")
    assert caught.value.hint == 'Did you mean "flask"?'


def test_every_builtin_starter_and_reference_renders() -> None:
    pack = builtin_pack()
    for exercise in pack.exercises():
        for stack in exercise.stacks:
            assert set(render_starter(pack, exercise, pack.stack(stack))) > EVERYWHERE
        for folder in (pack.folder(exercise) / "reference").iterdir():
            assert "coach.toml" in reference_tree(pack, exercise, folder.name), (exercise.id, folder.name)


def test_a_pack_with_templates_of_its_own_still_gets_the_shared_files(root: Path, pack: Pack) -> None:
    write(
        root / "templates/stacks/ours/stack.toml", 'format = 1\nid = "ours"\ntitle = "Ours"\nstart = "./run \\"x\\""\n'
    )
    write(root / "templates/stacks/ours/code.txt", "{{ not rendered }}\n")
    exercise = msgspec.structs.replace(open_pack(root).exercise("phase-1-posts"), stacks=("ours",))
    tree = render_starter(pack, exercise, pack.stack("ours"))
    assert set(tree) == (EVERYWHERE | {"code.txt"}) - {"Dockerfile"}
    assert tree["code.txt"] == b"{{ not rendered }}\n"
    assert tomllib.loads(tree["coach.toml"].decode())["start"] == './run "x"'


# ── writing ──

TREE = {"a.txt": b"a", "src/b.txt": b"b", "src/c.txt": b"c", "src/deep/d.txt": b"d", "src/deep/e.txt": b"e"}


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_tree_is_written_into_a_new_or_an_existing_folder(tmp_path: Path) -> None:
    write_tree(TREE, tmp_path / "new/höher und/tiefer")
    assert content(tmp_path / "new/höher und/tiefer") == TREE
    write(tmp_path / "old/mine.txt", "mine")
    write_tree(TREE, tmp_path / "old")
    assert content(tmp_path / "old") == {**TREE, "mine.txt": b"mine"}


def test_nothing_is_written_where_a_file_is_in_the_way(tmp_path: Path) -> None:
    for name in ("a.txt", "src/c.txt", "src/deep/d.txt", "src/deep/e.txt"):
        write(tmp_path / "w" / name, "mine")
    before = content(tmp_path / "w")
    with pytest.raises(InputError) as caught:
        write_tree(TREE, tmp_path / "w")
    assert caught.value.message.endswith(
        "w already holds a.txt, src/c.txt, src/deep/d.txt and 1 more; nothing was written."
    )
    assert content(tmp_path / "w") == before


def test_a_file_where_a_folder_is_due_is_in_the_way(tmp_path: Path) -> None:
    write(tmp_path / "w/src", "mine")
    with pytest.raises(InputError, match="already holds src; nothing"):
        write_tree(TREE, tmp_path / "w")
    with pytest.raises(InputError, match="src is a file; nothing"):
        write_tree(TREE, tmp_path / "w/src")
    assert content(tmp_path / "w") == {"src": b"mine"}


def test_a_link_to_nowhere_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"already holds a\.txt"):
        write_tree(TREE, tmp_path)
    assert not (tmp_path / "nowhere").exists()


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    opens = Path.open

    def open_or_fail(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == name:
            raise error
        return opens(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_or_fail)


@pytest.mark.parametrize(
    ("number", "reason", "remedy"),
    [
        (errno.ENOSPC, "No space left on device", "Free some space"),
        (errno.EACCES, "Permission denied", "in which you may write"),
        (errno.ENAMETOOLONG, "File name too long", "Choose another folder"),
    ],
)
def test_what_was_written_is_removed_when_the_machine_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str, remedy: str
) -> None:
    write(tmp_path / "w/src/mine.txt", "mine")
    fail_at(monkeypatch, "e.txt", OSError(number, reason))
    with pytest.raises(PrerequisiteError, match=rf"e\.txt could not be written: {reason}\.") as caught:
        write_tree(TREE, tmp_path / "w")
    assert remedy in caught.value.hint
    assert content(tmp_path / "w") == {"src/mine.txt": b"mine"}
    assert not (tmp_path / "w/src/deep").exists()


def test_a_name_that_the_system_refuses_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="could not be written: File name too long"):
        write_tree(TREE, tmp_path / ("x" * 300))
    write(tmp_path / "file", "mine")
    with pytest.raises(PrerequisiteError, match="could not be written: Not a directory"):
        write_tree(TREE, tmp_path / "file/below")


def test_what_was_written_is_removed_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(monkeypatch, "e.txt", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_tree(TREE, tmp_path / "new/w")
    assert list(tmp_path.iterdir()) == []
