"""Typed structures to and from plain data: TOML that people write, JSON that coach writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from coach.errors import CoachError, nearest
from coach.model import BASE_PATH, FORMAT, GRADER, MEMORY, NAME, Report

TOML_LIMIT = 1 << 20
"""Bytes that a file of settings may have."""

T = TypeVar("T")


def read_toml(path: Path, kind: type[T], error: type[CoachError]) -> T:
    """Read a TOML file as `kind`.

    Raises:
        CoachError: of the class `error`, when the file cannot be read, is not TOML, has a newer format, an unknown key
            or a wrong value; the message names file and key.
    """
    import tomllib  # noqa: PLC0415 - `coach --help` reads no TOML

    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or a device would be read for ever
            raise error(f"{path} is not a file.", "Put a text file in its place.")
        if path.exists() and path.stat().st_size > TOML_LIMIT:
            raise error(f"{path} has more than {TOML_LIMIT >> 20} MiB.", "Keep what the program needs in other files.")
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows begin files with a BOM
    except FileNotFoundError:
        raise error(f"{path} does not exist.") from None
    except OSError as exc:
        raise error(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise error(f"{path} is not UTF-8 text.", "Save the file as UTF-8.") from exc
    except tomllib.TOMLDecodeError as exc:
        raise error(f"{path} is not valid TOML: {exc}.", "Mend that line; https://toml.io shows the syntax.") from exc
    except RecursionError:
        raise error(f"{path} is nested too deeply to be read.") from None
    check_format(data, str(path), error)
    return from_plain(data, kind, str(path), error)


def check_format(data: dict[str, Any], where: str, error: type[CoachError]) -> None:
    """Refuse what has no `format`, or a newer one than this coach knows; `from_plain` looks at its type."""
    if "format" not in data:
        raise error(f'{where} has no "format" key.', f"Add the line: format = {FORMAT}")
    found = data["format"]
    if isinstance(found, int) and found > FORMAT:
        raise error(
            f"{where} has format {found}; this coach reads formats up to {FORMAT}.",
            "Upgrade coach: pip install --upgrade coach",
        )


def from_plain(data: Any, kind: type[T], where: str, error: type[CoachError]) -> T:
    """Convert plain data to `kind`; `where` names its origin in messages."""
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as exc:
        problem, _, at = str(exc).partition(" - at `$")
        way = [key or index for key, index in _STEP.findall(at)]
        expected = _type_at(kind, way)
        unknown = re.fullmatch(r"Object contains unknown field `(.+)`", problem)
        hint = nearest(unknown[1], _keys(expected)) if unknown else ""
        raise error(f"{where}: {_in_words(problem, at, _label(data, way), expected)}.", hint) from exc


_STEP = re.compile(r"\.([\w-]+)|\[(\d+|\.\.\.)\]")
"""One step of msgspec's way to a value: a key, or the place in a list; `...` stands for any key of a table."""
_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


_FORMS = {
    BASE_PATH: 'must begin with a slash and end with none, such as "/api/v1"',
    NAME: "must be small letters and digits, in words joined by hyphens",
    MEMORY: 'must be a whole number with KiB, MiB or GiB, such as "512MiB"',
    GRADER: 'must be a file name such as "test_phase_2_notes.py"',
}


def _in_words(problem: str, at: str, label: str, expected: Any) -> str:
    """Say what msgspec found wrong in the words of whoever wrote the file; `label` tells one table of a list."""
    key = at.rstrip("`").removeprefix(".").replace("[...]", "")
    inside = f' in "{key}"{label}' if key else ""
    name = (f'a value of "{key}"' if "[...]" in at else f'"{key}"') + label
    if found := re.fullmatch(r"Object missing required field `(.+)`", problem):
        return f'the key "{found[1]}" is missing{inside}'
    if found := re.fullmatch(r"Object contains unknown field `(.+)`", problem):
        return f'unknown key "{found[1]}"{inside}'
    if found := re.fullmatch(r"Expected `(.+)`, got `(.+)`", problem):
        return f"{name} must be {_kind(found[1])}, not {_kind(found[2])}"
    if found := re.fullmatch(r"Expected `.+` matching regex '(.+)'", problem):
        pattern = found[1].replace("\\\\", "\\")
        return f"{name} {_FORMS.get(pattern, 'does not have the right form')}"
    if found := re.fullmatch(r"Invalid enum value '(.*)'", problem):
        values = getattr(expected, "values", ())
        return f'{name} must be one of {", ".join(map(str, values))}, not "{found[1]}"'
    return f"{name}: {problem}".replace("`", '"')


def _kind(name: str) -> str:
    return " or ".join(_KINDS.get(one, one) for one in name.split(" | "))


def _type_at(kind: Any, way: list[str]) -> Any:
    """Return what msgspec expects where a way through `kind` leads, or None where it is lost."""
    found: Any = msgspec.inspect.type_info(kind)
    for step in way:
        options = getattr(found, "types", (found,))
        inner = [getattr(each, name) for each in options for name in ("item_type", "value_type") if hasattr(each, name)]
        inner += [field.type for each in options for field in getattr(each, "fields", ()) if field.encode_name == step]
        if not inner:
            return None
        found = inner[0]
    return found


def _keys(expected: Any) -> set[str]:
    """Return the keys of the table that is expected."""
    options = getattr(expected, "types", (expected,))
    return {field.encode_name for each in options for field in getattr(each, "fields", ())}


def _label(data: Any, way: list[str]) -> str:
    """Say which table of a list a way leads through, as its author knows it: ` (forgets-on-restart)`."""
    label = ""
    for step in way:
        try:
            data = data[int(step)] if isinstance(data, list) else data[step]
        except (KeyError, ValueError, TypeError):
            break
        if step.isdecimal() and isinstance(data, dict):
            names = [data.get(key) for key in ("name", "method", "path")]
            label = " ".join(name for name in names if isinstance(name, str)) or label
    return f" ({label})" if label else ""


def to_json(value: Struct) -> str:
    """Write a structure as indented JSON text with a final newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def report_from_json(text: str | bytes) -> Report:
    """Read a report back.

    Raises:
        CoachError: when the text is not a report, or one of a newer coach.
    """
    where = "The report"
    try:
        data = msgspec.json.decode(text, type=dict)
    except msgspec.DecodeError as exc:
        raise CoachError(f"{where} cannot be read: {exc}.") from exc
    check_format(data, where, CoachError)
    return from_plain(data, Report, where, CoachError)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report."""
    schema = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "coach report", **schema}
