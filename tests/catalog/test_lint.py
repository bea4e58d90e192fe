"""Every rule finds what it is for, and says where and what to do; what is right is left alone."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from coach.catalog.lint import Finding, lint
from coach.catalog.packs import builtin_pack, open_pack
from coach.cli.pack.lint import lint_pack
from coach.cli.pack.new import new
from coach.errors import InputError
from tests.catalog.conftest import write

EXERCISE = "exercises/book-shelf/"
MANIFEST = EXERCISE + "exercise.toml"
INSTRUCTIONS = EXERCISE + "instructions.md"
HINTS = EXERCISE + "hints.md"
FAULTS = EXERCISE + "faults.toml"
CUSTOM = EXERCISE + "reference/custom/coach.toml"
GRADER = "graders/test_book_shelf.py"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lint") / "shelves"
    made = CliRunner().invoke(new, ["book-shelf", "--pack", str(root)], catch_exceptions=False)
    assert made.exit_code == 0
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A pack with one exercise that breaks no rule."""
    return Path(shutil.copytree(pristine, tmp_path / "shelves"))


def findings(root: Path, *names: str) -> list[Finding]:
    return lint(open_pack(root), names)[1]


def change(root: Path, file: str, old: str, new: str) -> None:
    """Replace `old` in a file wherever it stands; it must stand there. An empty `old` appends."""
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new) if old else text + new, encoding="utf-8")


def shown(root: Path, found: Finding) -> str:
    return f"{found.file.relative_to(root).as_posix()}:{found.line}: {found.message}"


def test_a_new_exercise_and_the_builtin_ones_break_no_rule(root: Path) -> None:
    assert lint(open_pack(root)) == (1, [])
    assert findings(builtin_pack().root) == []


class Mistake(NamedTuple):
    """A change of one file, and what lint says: a part of the message, of the remedy, and of the line it points at."""

    file: str
    old: str
    new: str
    message: str
    hint: str
    line: str = ""
    found_in: str = ""
    """The file that the finding names, where it is not the one that was changed."""


SECOND_ROUTE = '\n[[routes]]\nmethod = "GET"\npath = "/items/{id}"\ntask = 3\nsummary = "Again"\nanswers = [200]\n'
LATE = '\n\n@check(task=3)\ndef test_late(api: Api) -> None:\n    """Late"""\n'
READS = "def test_reads_an_item"
ROUTE = 'path = "/items/{id}"'
MISTAKES = (
    Mistake(MANIFEST, "\nstacks", '\nrequires = ["book"]\nstacks', 'requires "book", which', "", "requires"),
    Mistake(MANIFEST, "\nstacks", '\nrequires = ["book-shelf"]\nstacks', "requires itself", "Take one", "requires"),
    Mistake(MANIFEST, 'kind = "task"', 'kind = "proj"', '"kind" must be one of', "", "kind ="),
    Mistake(FAULTS, 'why = "Looks', 'reason = "Looks', 'unknown key "reason"', "why", "reason"),
    Mistake(MANIFEST, '"custom"]', '"flaks"]', 'There is no stack "flaks".', '"flask"', "stacks"),
    Mistake(MANIFEST, '"custom"]', '"express"]', 'names the stack "express" twice.', "Take one", "stacks"),
    Mistake(MANIFEST, '["express", "fastapi", "custom"]', "[]", "offers no stack.", "at least one", "stacks"),
    Mistake(MANIFEST, "", '[dependencies]\nflask = ["x"]\n', 'dependencies for "flask"', "", 'flask = ["x"]'),
    Mistake(MANIFEST, "", '[dependencies]\nexpress = ["expres"]\n', 'names "expres"', '"express"', '["expres"]'),
    Mistake(MANIFEST, "task = 3", "task = 4", "GET /items/{id} belongs to task 4", "the number", ROUTE),
    Mistake(MANIFEST, "answers = [200, 404]\n", "", "GET /items/{id} does not say", "Add the status", ROUTE),
    Mistake(MANIFEST, "[200, 404]", "[200, 403, 404]", "but no check asks for 403", "add a check", ROUTE),
    Mistake(MANIFEST, "", SECOND_ROUTE, "has the route GET /items/{id} twice.", "Take one out.", ROUTE),
    Mistake(
        MANIFEST, '\'{"name": "Lamp"}\'', "'{name: 1}'", "the body of the route POST /items is not", "mend", "/items"
    ),
    Mistake(MANIFEST, "[200, 404]", "[200, 404, 4040]", "answers 4040, which no answer", "from 200 to 599", ROUTE),
    Mistake(
        MANIFEST, "", SECOND_ROUTE.replace("{id}", "{name}"), "and GET /items/{name}, which differ", "take", "{name}"
    ),
    Mistake(
        INSTRUCTIONS, "## 3. Read", "## 3 Read", '"## 3 Read an item" is not read as', "## 3. Read an item", "## 3"
    ),
    Mistake(HINTS, "## 3. Read", "## 3) Read", '"## 3) Read an item" is not read as', "## 3. Read an item", "## 3"),
    Mistake(
        INSTRUCTIONS,
        "Task 2 is",
        "`GET /items` is no `/items`. Task 2 is",
        "names GET /items, which",
        "",
        "GET /items`",
    ),
    Mistake(INSTRUCTIONS, '"ids"', '"id"', '"id" is no part of the conventions.', "Parts: port, json,", '"id"'),
    Mistake(INSTRUCTIONS, "## 3. Read", "## 4. Read", "has the tasks 1, 2, 4.", "Number them"),
    Mistake(INSTRUCTIONS, "## How it is graded", "## The end", "has no section", "Say what coach"),
    Mistake(INSTRUCTIONS, "", "\n## 4. More\n", "task 4 has no text.", "Say what is required.", "## 4."),
    Mistake(INSTRUCTIONS, "", "\n## 4. More\nX.\n", "task 4 has no check.", "@check(task=4)", "## 4."),
    Mistake(
        INSTRUCTIONS, "back by", "back with `PUT /items/7`,", "names PUT /items/7, which is no route", "in full", "PUT"
    ),
    Mistake(
        INSTRUCTIONS, "back by", "by `GET /item/7?a=b`,", "names GET /item/7, which", "GET /items/{id}", "GET /item/7"
    ),
    Mistake(HINTS, "## 2. Refuse", "## 4. Refuse", "task 2 has no hint.", "## 2. Refuse what is not an item"),
    Mistake(HINTS, "## 2. Refuse", "## 4. Refuse", "there is no task 4.", "Number hints", "## 4."),
    Mistake(HINTS, "## 2. Refuse", "## 2. Reject", "the heading differs", "Write: ## 2. Refuse what", "## 2. Reject"),
    Mistake(HINTS, "", "\n```js\nlet x;\n```\n", "holds a block of code.", "Name the idea", "```js"),
    Mistake(HINTS, "", "- items.set(item.id, item);\n", "a line of reference/express", "Name", "items.set(item.id"),
    Mistake(HINTS, "", "- Try `items.get(req.params.id)`.\n", "code of reference/express", "Name", "items.get("),
    Mistake(GRADER, "def at(item", "def at item", "cannot be read", "Mend that line.", "def at item"),
    Mistake(GRADER, "", "\n\ndef test_more(api): ...\n", "test_more is not marked", "rename it", "def test_more"),
    Mistake(GRADER, "", "\n\nasync def test_more(api): ...\n", "test_more is asynch", "def instead", "async def"),
    Mistake(GRADER, READS, "def reads_an_item", "reads_an_item would not run.", "test_", "def reads_an"),
    Mistake(GRADER, "@check(task=3, po", "@skip\n@check(task=3, po", "has a second decorator", "Leave", READS),
    Mistake(GRADER, "", LATE.replace('"""Late"""', "..."), "test_late has no docstring.", "title", "def test_late"),
    Mistake(GRADER, "", LATE * 2, "there are two functions test_late.", "Python keeps only", "def test_late"),
    Mistake(GRADER, "", LATE + LATE.replace("_late", "_later"), "the title of test_late", "Say what", "def test_later"),
    Mistake(GRADER, "task=3, points=2", "task=7, points=2", "instructions.md has no task 7", "@check", READS),
    Mistake(GRADER, "task=3, points=2", "points=2", "does not say which task", "@check", READS),
    Mistake(GRADER, "task=3, points=2", "task=3, points=0", "gives no points.", "points=1", READS),
    Mistake(
        GRADER, "needs=test_reads_an_item", "needs=test_reads", "needs test_reads, which", "test_reads_an", "needs="
    ),
    Mistake(
        GRADER, "needs=test_reads_an_item", 'needs="test_reads"', "no name in quotes", "needs=test_reads", "needs="
    ),
    Mistake(GRADER, READS + "(api", READS + "(apy", 'asks for "apy", which is no fixture', '"api"', READS),
    Mistake(GRADER, "def item(unique", "def item(uniqe", 'item asks for "uniqe", which', '"unique"', "def item"),
    Mistake(
        GRADER, "    first, second", "    time.sleep(1)\n    first, second", "pauses for", "eventually", "time.sleep"
    ),
    Mistake(GRADER, ".status(404)", ".stats(404)", 'expect(…) has no method "stats"', '"status"', ".stats(404)"),
    Mistake(GRADER, ".status(404).error()", ".status(404).eror()", 'no method "eror"', '"error"', ".eror()"),
    Mistake(GRADER, ".status(404)", ".status(410)", "asserts the status 410", "do not ask", ".status(410)"),
    Mistake(GRADER, "from typing", "import httpx\nfrom typing", "imports httpx.", "pytest", "import httpx"),
    Mistake(GRADER, "from coach.grading", "from coach.grading.client", "imports coach.", "All that", ".client import"),
    Mistake(GRADER, "dict(created.body())", "created.json()", ".json() reads", "expect(reply)", "created.json()"),
    Mistake(GRADER, "dict(created.body())", "json.loads(x.content)", ".content is", ".body()", "json.loads("),
    Mistake(
        FAULTS, '"stores-nothing"', '"answers-200-to-a-create"', "two faults have the name", "Rename", "answers-200"
    ),
    Mistake(FAULTS, '["test_refuses_a_bad_name"]', "[]", '"accepts-an-empty-name" fails no', "Name", '"accepts-an-'),
    Mistake(FAULTS, '["test_refuses_a_bad_name"]', "[]", "no fault fails test_refuses", "", "def test_refuses", GRADER),
    Mistake(FAULTS, '["test_creates_an_item"]', '["test_create"]', 'fails "test_create", wh', '"test_', '"answers-200'),
    Mistake(FAULTS, "", '[[fault]]\nname = "x"\nwhy = "y"\nfails = []\nedit = []\n', "has no edit", "", '"x"'),
    Mistake(FAULTS, 'stack = "express"', 'stack = "expres"', 'for the stack "expres"', '"express"', '"answers-200'),
    Mistake(FAULTS, '"src/routes.js"', '"src/route.js"', 'edits "src/route.js"', "Name a file", '"answers-200'),
    Mistake(FAULTS, ", min_length=1", ", min_length=2", "find matches 0 times", "Copy", '"accepts-an-empty-name"'),
    Mistake(FAULTS, '"id: randomUUID()"', '"item"', "find matches", "lines around", '"gives-one-id-twice"'),
    Mistake(FAULTS, '"id: name"', '"id: randomUUID()"', "an edit that changes nothing", "", '"gives-one-id-twice"'),
    Mistake(CUSTOM, '"book-shelf"', '"shelf"', 'exercise is "shelf"', '"book-shelf"', "exercise ="),
    Mistake(CUSTOM, "format = 1", "format = 2", "has format 2", "Upgrade"),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.message)
def test_a_mistake_is_found(root: Path, mistake: Mistake) -> None:
    change(root, mistake.file, mistake.old, mistake.new)
    all_found = findings(root)
    matching = [found for found in all_found if mistake.message in found.message and mistake.hint in found.hint]
    assert matching, all_found
    found = matching[0]
    assert found.file == root / (mistake.found_in or mistake.file)
    lines = ["", *found.file.read_text(encoding="utf-8").splitlines()]
    assert mistake.line in lines[found.line]
    assert bool(mistake.line) == bool(found.line)


def test_a_missing_key_of_a_fault_leads_to_that_fault(root: Path) -> None:
    lines = (root / FAULTS).read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line == 'name = "stores-nothing"')
    assert lines[at + 1].startswith("why")
    write(root / FAULTS, "\n".join([*lines[: at + 1], *lines[at + 2 :]]))
    [found] = findings(root)
    assert (found.line, found.message.partition(" is missing")[2]) == (at + 1, ' in "fault[3]" (stores-nothing).')


def test_a_pack_without_exercises_says_how_to_begin(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root / "exercises")
    shutil.rmtree(root / "graders")
    monkeypatch.chdir(root)
    done = CliRunner().invoke(lint_pack, [], standalone_mode=False)
    assert (done.return_value, done.output) == (0, "shelves has no exercise yet. Next: coach pack new ID\n")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (INSTRUCTIONS, "## 3. Read", "## 3 Read"),
        (HINTS, "## 3. Read", "## 3 Read"),
        (MANIFEST, '"express"', '"expres"'),
        (MANIFEST, '{"name": "Lamp"}', "Lamp"),
        (MANIFEST, "[200, 404]", "[200, 404, 999]"),
        (INSTRUCTIONS, '"ids"', '"id"'),
    ],
)
def test_one_mistake_is_one_finding(root: Path, file: str, old: str, new: str) -> None:
    change(root, file, old, new)
    assert len(findings(root)) == 1, [shown(root, found) for found in findings(root)]


def test_a_finding_about_a_route_points_at_that_route(root: Path) -> None:
    change(root, MANIFEST, "", SECOND_ROUTE.replace("GET", "PUT").replace("200", "203"))
    lines = (root / MANIFEST).read_text(encoding="utf-8").splitlines()
    [line] = {found.line for found in findings(root) if "PUT /items/{id}" in found.message and found.line}
    assert lines[line - 1] == ROUTE
    assert "PUT" in lines[line - 2]


def test_fixtures_of_coach_of_pytest_and_of_the_pack_are_known(root: Path) -> None:
    write(root / "graders/conftest.py", "import pytest\n\n\n@pytest.fixture(name='lamp')\ndef _lamp(rng, lmp): ...\n")
    change(root, GRADER, READS + "(api: Api", READS + "(lamp, server, tmp_path, api: Api")
    [found] = findings(root)
    assert shown(root, found) == 'graders/conftest.py:5: _lamp asks for "lmp", which is no fixture.'


def test_a_route_that_the_instructions_leave_out_is_found(root: Path) -> None:
    change(root, INSTRUCTIONS, '{% include "routes.md" %}', "")
    change(root, INSTRUCTIONS, "`GET /items/{id}` answers", "`GET /items/:id` answers")
    assert [found.message for found in findings(root)] == ["does not name the route GET /items/{id}."]


def test_constants_and_comparisons_count_as_asserted_statuses(root: Path) -> None:
    change(root, GRADER, ".status(404)", ".status(*GONE)")
    change(root, GRADER, "Item = dict", "GONE = (404, 410)\nItem = dict")
    change(root, GRADER, "", "\n\ndef is_kept(reply):\n    return reply.status == 418 or reply.status in (200, 451)\n")
    messages = [found.message for found in findings(root)]
    assert messages == [f"asserts the status {code}, which the instructions do not name." for code in (410, 418, 451)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (EXERCISE + "notes.txt", "is not read by anything."),
        (EXERCISE + "solution/express/x.js", "is not read by anything."),
        (EXERCISE + "reference/expres/x.js", "belongs to no stack that exercise.toml offers."),
        (EXERCISE + "starter/express/src/routes.js~", "looks like something that an editor or a run has left."),
        ("exercises/empty/instructions.md", "is no exercise: it has no exercise.toml."),
        ("graders/test_nothing.py", "grades no exercise."),
    ],
)
def test_an_unexpected_file_is_found(root: Path, name: str, message: str) -> None:
    write(root / name, "TODO\n")
    assert message in [found.message for found in findings(root)]


@pytest.mark.parametrize("name", [".DS_Store", "__pycache__/x.pyc", "starter/express/README.md"])
def test_what_is_expected_or_no_content_is_left_alone(root: Path, name: str) -> None:
    write(root / EXERCISE / name, "x\n")
    assert findings(root) == []


@pytest.mark.parametrize("name", [INSTRUCTIONS, HINTS, FAULTS, GRADER])
def test_a_missing_file_is_told_once(root: Path, name: str) -> None:
    (root / name).unlink()
    about = [found for found in findings(root) if found.file == root / name]
    assert len(about) == 1
    assert "does not exist" in about[0].message


@pytest.mark.parametrize("stack", ["express", "fastapi"])
def test_a_missing_reference_is_found_and_nothing_that_follows_from_it(root: Path, stack: str) -> None:
    shutil.rmtree(root / EXERCISE / "reference" / stack)
    [found] = findings(root)
    assert found.file == root / EXERCISE / "reference" / stack
    assert "without a reference nothing shows that this stack can pass" in found.message


def test_some_stacks_may_go_without_a_reference_but_not_all_at_once(root: Path) -> None:
    shutil.rmtree(root / EXERCISE / "reference/custom")
    assert findings(root) == []
    change(root, MANIFEST, '"fastapi",', '"fastapi", "flask",')
    assert findings(root) == []
    change(root, MANIFEST, '["express", "fastapi", "flask", "custom"]', '["custom"]')
    assert "is missing: an exercise needs one reference at least." in [found.message for found in findings(root)]


def test_a_starter_without_a_todo_is_found(root: Path) -> None:
    write(root / EXERCISE / "starter/express/src/routes.js", "export const routes = [];\n")
    write(root / EXERCISE / "starter/express/requests.http", "\n")
    assert [found.message for found in findings(root)] == ["the starter for express has no TODO."]


def test_files_that_cannot_be_read_are_named_and_the_rest_is_looked_at(root: Path) -> None:
    write(root / "exercises/other/exercise.toml", 'format = 1\nid = "other"\ntitel = "x"\n')
    (root / HINTS).write_bytes(b"\xff")
    first, second = findings(root)
    assert (first.file, first.broken, first.message) == (
        root / HINTS,
        True,
        "is not UTF-8: byte 0 cannot be decoded.",
    )
    assert shown(root, second).startswith("exercises/other/exercise.toml:3: ")
    assert '"titel"' in second.message
    assert second.hint == 'Did you mean "title"?'
    assert findings(root, "book-shelf") == [first]


def test_a_broken_template_is_named_with_its_line(root: Path) -> None:
    change(root, INSTRUCTIONS, "Build a server", "{{ exercise.titel }}")
    broken = {shown(root, found) for found in findings(root) if found.broken}
    assert broken == {f"{INSTRUCTIONS}:3: 'coach.model.Exercise object' has no attribute 'titel'."}


def test_shared_fixtures_obey_the_rules_of_graders(root: Path) -> None:
    write(root / "graders/conftest.py", '"""Shared."""\n\nimport requests\n')
    assert [shown(root, found) for found in findings(root)] == ["graders/conftest.py:3: imports requests."]
    write(root / "graders/conftest.py", "def\n")
    assert [shown(root, found).split(" cannot")[0] for found in findings(root)] == ["graders/conftest.py:1:"]


def test_a_status_that_a_shared_fixture_asserts_counts(root: Path) -> None:
    change(root, MANIFEST, "[201, 400, 422]", "[201, 400, 413, 422]")
    assert [found.message for found in findings(root)] == ["POST /items answers 413, but no check asks for 413."]
    write(root / "graders/conftest.py", "TOO_LARGE = 413\n")
    assert findings(root) == []


def test_exercises_that_require_each_other_are_both_named(root: Path) -> None:
    made = CliRunner().invoke(new, ["other", "--pack", str(root)], catch_exceptions=False)
    assert made.exit_code == 0
    change(root, MANIFEST, "\nstacks", '\nrequires = ["other"]\nstacks')
    change(root, "exercises/other/exercise.toml", "\nstacks", '\nrequires = ["book-shelf"]\nstacks')
    assert [found.message for found in findings(root)] == [
        "requires itself: book-shelf → other → book-shelf.",
        "requires itself: other → book-shelf → other.",
    ]


def test_the_builtin_exercises_may_be_required(root: Path) -> None:
    change(root, MANIFEST, "\nstacks", '\nrequires = ["phase-2-notes"]\nstacks')
    assert findings(root) == []


def test_an_unknown_exercise_names_the_nearest(root: Path) -> None:
    with pytest.raises(InputError, match='no exercise "book-shelve"') as caught:
        findings(root, "book-shelve")
    assert caught.value.hint == 'Did you mean "book-shelf"?'


def test_the_command_prints_place_message_and_remedy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    run = CliRunner()
    clean = run.invoke(lint_pack, ["--pack", "."], standalone_mode=False)
    assert (clean.return_value, clean.output) == (
        0,
        "shelves: 1 exercise, nothing to mend. Next: coach pack verify --pack .\n",
    )
    change(root, GRADER, "task=3, points=2", "task=3, points=0")
    found = run.invoke(lint_pack, ["book-shelf", "--pack", "."], standalone_mode=False)
    assert found.return_value == 1
    line = 1 + (root / GRADER).read_text(encoding="utf-8").splitlines().index(f"{READS}(api: Api, item: Item) -> None:")
    assert found.output.splitlines() == [
        f"{GRADER}:{line}: test_reads_an_item gives no points.",
        "  Write points=1 or more.",
        "",
        "shelves: 1 to mend in 1 exercise.",
    ]
    (root / GRADER).write_text("def\n", encoding="utf-8")
    assert run.invoke(lint_pack, ["--pack", "."], standalone_mode=False).return_value == 3
