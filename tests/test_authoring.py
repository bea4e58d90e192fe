"""docs/authoring.md does what it says: its commands are typed, its snippets are put into the files that they name."""

import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.learner import Learner

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: a `console` to type, lines to add at the end of a file, or a `diff` of one."""

    language: str
    file: str
    text: str


def blocks() -> list[Block]:
    return [Block(*found) for found in FENCE.findall((DOCS / "authoring.md").read_text(encoding="utf-8"))]


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console with the lines that it shows."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, [line.strip() for line in shown if line.strip() not in ("", "…")]


def is_shown(wanted: str, line: str) -> bool:
    """Tell whether a line is as the page has it, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in wanted.split("…"))
    return re.fullmatch(pattern, line.strip()) is not None


def type_in(learner: Learner, text: str) -> None:
    for command, shown in commands(text):
        done = learner.run(*shlex.split(command)[1:], stderr=subprocess.STDOUT)
        assert command.startswith("coach ")
        assert done.returncode in (0, 1), f"{command}\n{done.stdout}"
        lines = iter(done.stdout.splitlines())
        for wanted in shown:
            assert any(is_shown(wanted, line) for line in lines), f"{command} does not show: {wanted}\n{done.stdout}"


def put(path: Path, block: Block) -> None:
    """Change a file as a block says."""
    text = path.read_text(encoding="utf-8")
    if block.language != "diff":
        path.write_text(text + block.text, encoding="utf-8")
        return
    lines = block.text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def is_quoted(block: Block) -> bool:
    """Tell whether a block quotes a file of the pack that comes with coach, rather than changing the new one."""
    return bool(block.file) and (DOCS.parent / block.file).is_file()


def test_what_the_page_quotes_stands_there() -> None:
    quoted = [block for block in blocks() if is_quoted(block)]
    assert quoted
    for block in quoted:
        assert block.text in (DOCS.parent / block.file).read_text(encoding="utf-8"), block.file


@pytest.mark.network
def test_the_page_leads_from_nothing_to_a_proved_exercise(learner: Learner) -> None:
    for block in blocks():
        if block.language == "console":
            type_in(learner, block.text)
        elif not is_quoted(block):
            assert block.file, f"this block names no file:\n{block.text}"
            put(learner.home / block.file, block)
    assert {block.language for block in blocks()} >= {"console", "toml", "diff", "python", "js"}


def test_the_reference_of_the_grader_api_is_current() -> None:
    page = runpy.run_path(str(DOCS / "grader_api.py"))["page"]()
    assert page == (DOCS / "grader-api.md").read_text(encoding="utf-8"), "run: python docs/grader_api.py"
