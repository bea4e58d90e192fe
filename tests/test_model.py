"""Files are read strictly, every refusal names file and key, and a report survives the way through JSON."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from coach.errors import CoachError, ContentError, InputError
from coach.model import Exercise, Faults, Limits, Outcome, RandomValue, Score, WorkspaceConfig, score
from coach.plain import TOML_LIMIT, read_toml, report_from_json, report_schema, to_json
from tests.samples import SCHEMA, full_report

WORKSPACE = 'format = 1\nexercise = "phase-2-notes"\nstack = "express"\n'
EXERCISE = """\
format = 1
id = "one"
title = "One"
kind = "task"
summary = "A task."
minutes = 5
grader = "test_one.py"
stacks = ["express"]

[[routes]]
method = "GET"
path = "/"
task = 1
summary = "Say hello"
"""


def read(folder: Path, content: str | bytes, kind: type[Any] = WorkspaceConfig) -> Any:
    """Write a file and read it as `kind`."""
    path = folder / "coach.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_toml(path, kind, InputError)


@dataclass(frozen=True)
class Refused:
    """A file that is refused, and words of the message and of the hint."""

    content: str | bytes
    message: str
    hint: str = ""
    kind: type[Any] = WorkspaceConfig


REFUSED = {
    "not TOML": Refused(WORKSPACE + "start = \n", "is not valid TOML: Invalid value (at line 4, column 9)", "Mend"),
    "empty": Refused("", 'has no "format" key', "Add the line: format = 1"),
    "no format": Refused('exercise = "one"\n', 'has no "format" key', "Add the line: format = 1"),
    "newer format": Refused("format = 2\nnew = 1\n", "has format 2; this coach reads formats up to 1", "Upgrade coach"),
    "format as text": Refused('format = "1"\n', '"format" must be a whole number, not a text'),
    "not UTF-8": Refused(b"format = 1\nstart = '\xe4'\n", "is not UTF-8", "Save the file as UTF-8"),
    "UTF-16": Refused(WORKSPACE.encode("utf-16"), "is not UTF-8", "Save the file as UTF-8"),
    "too deep": Refused("a = " + "[" * 5000, "is nested too deeply"),
    "a missing key": Refused("format = 1\n", 'the key "exercise" is missing.'),
    "an unknown key": Refused(WORKSPACE + 'strat = "x"\n', 'unknown key "strat"', 'Did you mean "start"?'),
    "a key like no other": Refused(WORKSPACE + "zzz = 1\n", 'unknown key "zzz"', "Known: base_path, exercise, format"),
    "a wrong type": Refused(WORKSPACE + "start = 3\n", '"start" must be a text, not a whole number'),
    "a wrong type inside a table": Refused(
        WORKSPACE + "[processes]\nworker = 3\n", 'a value of "processes" must be a text, not a whole number'
    ),
    "an unknown word": Refused(
        WORKSPACE + '[providers]\npostgres = "docker"\n',
        'a value of "providers" must be one of container, embedded, native, url, not "docker"',
    ),
    "a base path without a slash": Refused(
        WORKSPACE + 'base_path = "api"\n', '"base_path" must begin with a slash and end with none, such as "/api/v1".'
    ),
    "an unknown key in a list": Refused(
        EXERCISE + 'sumary = "x"\n', 'unknown key "sumary" in "routes[0]"', 'Did you mean "summary"?', Exercise
    ),
    "an unknown key in a table": Refused(
        EXERCISE + "[env]\nKEY = { randm = 3 }\n", 'unknown key "randm"', 'Did you mean "random"?', Exercise
    ),
    "an unknown method": Refused(
        EXERCISE.replace("GET", "GRAB"), '"routes[0].method" (GRAB /) must be one of DELETE, GET, ', "", Exercise
    ),
    "an unknown kind": Refused(
        EXERCISE.replace('"task"', '"proj"'),
        '"kind" must be one of mini-project, project, task, not "proj"',
        "",
        Exercise,
    ),
    "a key that a fault lacks": Refused(
        'format = 1\n[[fault]]\nname = "forgets"\nfails = []\nedit = []\n',
        'the key "why" is missing in "fault[0]" (forgets).',
        "",
        Faults,
    ),
    "a key that an edit lacks": Refused(
        'format = 1\n[[fault]]\nname = "forgets"\nwhy = ""\nfails = []\n[[fault.edit]]\nstack = "express"\n',
        'the key "file" is missing in "fault[0].edit[0]" (forgets).',
        "",
        Faults,
    ),
    "an unknown key beside routes": Refused(
        EXERCISE.replace("[[routes]]", "zzzz = 1\n[[routes]]"),
        'unknown key "zzzz".',
        "Known: dependencies, env, format, grader, id, kind, limits, minutes, requires, routes, services, stacks,",
        Exercise,
    ),
    "an impossible id": Refused(EXERCISE.replace('"one"', '"One!"'), '"id" must be small letters', "", Exercise),
    "an impossible limit": Refused(
        EXERCISE + "[limits]\nboot = 0\n", '"limits.boot": Expected "float" > 0', "", Exercise
    ),
    "memory without a unit": Refused(
        EXERCISE + '[limits]\nmemory = "1GB"\n', '"limits.memory" must be a whole number with KiB', "", Exercise
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_file_and_what_is_wrong(name: str, tmp_path: Path) -> None:
    case = REFUSED[name]

    with pytest.raises(InputError) as caught:
        read(tmp_path, case.content, case.kind)

    assert caught.value.message.startswith(str(tmp_path / "coach.toml"))
    assert case.message in caught.value.message
    assert case.hint in caught.value.hint


def test_a_missing_file_is_named_with_the_error_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"pack\.toml does not exist"):
        read_toml(tmp_path / "pack.toml", WorkspaceConfig, ContentError)


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "coach.toml").mkdir()
    with pytest.raises(InputError, match=r"coach\.toml cannot be read: Is a directory"):
        read_toml(tmp_path / "coach.toml", WorkspaceConfig, InputError)


def test_a_pipe_in_place_of_a_file_is_named_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "coach.toml")
    with pytest.raises(InputError, match=r"coach\.toml is not a file"):
        read_toml(tmp_path / "coach.toml", WorkspaceConfig, InputError)


def test_a_file_that_is_far_too_long_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"coach\.toml has more than \d+ MiB"):
        read(tmp_path, WORKSPACE + "#" * (TOML_LIMIT + 1))


def test_a_workspace_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    config = read(tmp_path, WORKSPACE + 'start = "node server.js"\nbase_path = "/api/v1"\n')
    assert (config.exercise, config.stack, config.start) == ("phase-2-notes", "express", "node server.js")
    assert (config.pack, config.base_path, config.install) == ("coach", "/api/v1", "")


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + WORKSPACE.encode(), WORKSPACE.replace("\n", "\r\n").encode()])
def test_a_file_that_was_saved_on_windows_is_read(content: bytes, tmp_path: Path) -> None:
    assert read(tmp_path, content).stack == "express"


def test_an_exercise_is_read_whole(tmp_path: Path) -> None:
    text = EXERCISE + '[env]\nSECRET = { random = 32 }\nCOST = "4"\n[limits]\nboot = 5\nmemory = "64MiB"\n'
    exercise = read(tmp_path, text, Exercise)
    assert exercise.routes[0].path == "/"
    assert exercise.env == {"SECRET": RandomValue(random=32), "COST": "4"}
    assert exercise.limits == Limits(boot=5.0, check=10.0, run=180.0, memory="64MiB")


@pytest.mark.parametrize(("text", "size"), [("3KiB", 3072), ("2MiB", 2 << 20), ("1GiB", 1 << 30)])
def test_memory_is_counted_in_bytes(text: str, size: int) -> None:
    assert Limits(memory=text).memory_bytes == size


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_blocked_checks_stay_in_the_denominator_and_errors_leave_it() -> None:
    assert score(full_report().checks) == Score(points=2, of=9)
    assert score(()) == Score(points=0, of=0)


def test_outcomes_are_counted() -> None:
    report = full_report()
    kinds: tuple[Outcome, ...] = ("passed", "failed", "blocked", "error")
    assert [report.count(kind) for kind in kinds] == [1, 1, 1, 1]


def test_a_report_survives_the_way_through_json() -> None:
    report = full_report()
    text = to_json(report)
    assert report_from_json(text) == report
    assert report_from_json(text.encode()) == report
    assert text.endswith("}\n")
    assert '\n  "exercise": "phase-2-notes",' in text


def test_a_report_with_keys_of_a_later_coach_is_read() -> None:
    data = msgspec.to_builtins(full_report()) | {"colour": "red"}
    assert report_from_json(json.dumps(data)) == full_report()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[]", "cannot be read: Expected `object`, got `array`"),
        (b"\xff", "cannot be read"),
        ("{}", 'has no "format" key'),
        ('{"format": 1}', 'The report: the key "coach" is missing.'),
        ('{"format": 2}', "has format 2; this coach reads formats up to 1"),
    ],
)
def test_what_is_no_report_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(CoachError) as caught:
        report_from_json(text)
    assert message in caught.value.message


def test_the_schema_beside_the_code_is_up_to_date(request: pytest.FixtureRequest) -> None:
    """`--record` writes it anew."""
    text = json.dumps(report_schema(), indent=2) + "\n"
    if request.config.getoption("--record"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text


def test_reports_keep_the_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(to_json(full_report())), schema)


@pytest.mark.parametrize(
    "change", [{"format": "1"}, {"mode": "vm"}, {"checks": [{"name": "x"}]}, {"cause": "crashed"}, {"seed": None}]
)
def test_the_schema_refuses_what_is_no_report(change: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(to_json(full_report())) | change, schema)
