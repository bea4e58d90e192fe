"""docs/exercise-toml.md names every key, default and part that coach reads, and its examples can be read."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jinja2 import Environment

from coach.errors import ContentError
from coach.model import Edit, Exercise, Fault, Faults, Limits, Route
from coach.plain import read_toml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "exercise-toml.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def read(example: str, kind: Any, folder: Path) -> Any:
    path = folder / "example.toml"
    path.write_text(example, encoding="utf-8")
    return read_toml(path, kind, ContentError)


def names(*kinds: type[msgspec.Struct]) -> list[str]:
    return [field.name for kind in kinds for field in msgspec.structs.fields(kind)]


def test_the_examples_are_right_and_hold_every_key(tmp_path: Path) -> None:
    exercise, faults = EXAMPLES
    read(exercise, Exercise, tmp_path)
    read(faults, Faults, tmp_path)
    for name in names(Exercise, Route, Limits):
        assert re.search(rf"^\[*{name}\b", exercise, re.MULTILINE), f"{name} is not in the example"
    for name in names(Fault, Edit):
        assert re.search(rf"^\[*(fault\.)?{name}\b", faults, re.MULTILINE), f"{name} is not in the example"


def test_the_limits_of_the_example_are_the_defaults(tmp_path: Path) -> None:
    assert read(EXAMPLES[0], Exercise, tmp_path).limits == Limits()


@pytest.mark.parametrize("field", msgspec.structs.fields(Exercise), ids=lambda field: field.name)
def test_the_page_says_which_keys_must_be_there(field: msgspec.structs.FieldInfo) -> None:
    [row] = [line for line in PAGE.splitlines() if re.match(rf"\| [^|]*`{field.name}`[^|]*\| (yes|no) \|", line)]
    assert f"| {'yes' if field.required else 'no'} |" in row


def test_every_part_of_the_conventions_is_listed() -> None:
    source = (ROOT / "templates" / "exercise" / "conventions.md").read_text(encoding="utf-8")
    rules = vars(Environment(autoescape=True).from_string(source).make_module({"parts": []}))["rules"]
    section = PAGE.partition("## instructions.md")[2].partition("## reference/")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(rules)
