"""Reads a reply and says, where it is not as promised, what was expected and what came."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from coach.errors import CheckFailed
from coach.grading.client import Reply
from coach.grading.difference import excerpt, first_difference, missing_from, show

DEPTH = 100
"""Levels of nesting that a body may have: comparing and showing it goes one call deeper for each."""
DIGITS = 1000
"""Digits that a number may have."""
JsonType = type | tuple[type, ...]
_KINDS: dict[type, str] = {
    bool: "true or false",
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "a whole number",
    float: "a number",
}


def expect(reply: Reply) -> Expectation:
    """Begin to read a reply: `expect(api.get("/notes")).status(200).field("items", list)`."""
    return Expectation(reply)


class Expectation:
    """A reply being read. Every method raises CheckFailed when the reply is not so, with its `hint` for the learner."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def status(self, *codes: int, hint: str = "") -> Expectation:
        """Expect one of these status codes; a redirect is named, never followed."""
        found = self._reply.status
        if found in codes:
            return self
        location = self._reply.headers.get("location")
        got = phrase(found) + (f", a redirect to {excerpt(location)}" if location else "")
        wanted = " or ".join(phrase(code) for code in codes)
        raise CheckFailed(f"The status is {found}.", expected=wanted, got=got, hint=hint)

    def header(self, name: str, value: str | None = None, *, hint: str = "") -> Expectation:
        """Expect a header, with this value if one is given (case and parameters such as `; charset=…` do not count)."""
        found = self._reply.headers.get(name)
        if found is None:
            raise CheckFailed(
                f"The header {name} is missing.", expected=f"{name}: {value or '…'}", got="none", hint=hint
            )
        if value is not None and found.split(";")[0].strip().lower() != value.lower():
            raise CheckFailed(
                f"The header {name} is not as expected.",
                expected=f"{name}: {value}",
                got=f"{name}: {excerpt(found)}",
                hint=hint,
            )
        return self

    def body(self, *, hint: str = "") -> Any:
        """Return the parsed JSON body (RFC 8259), whatever its type."""
        return parse(self._reply, hint)

    def text(self, *, hint: str = "") -> str:
        """Return the body as text; it must be UTF-8."""
        try:
            return self._reply.content.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise CheckFailed(
                f"The body is not UTF-8: byte {exc.start} cannot be decoded.",
                expected="text in UTF-8",
                got=excerpt(repr(self._reply.content[exc.start : exc.start + 20])),
                hint=hint,
            ) from exc

    def json(self, value: Any, *, hint: str = "") -> Expectation:
        """Expect the body to equal a JSON value; the order of object members does not count."""
        return self._compare(first_difference(value, self.body(hint=hint)), hint)

    def json_includes(self, value: Mapping[str, Any], *, hint: str = "") -> Expectation:
        """Expect the body to hold all of these fields with these values; more fields are fine.

        So it is for objects within these; elements of a list must be equal, and as many.
        """
        body = self.body(hint=hint)
        if not isinstance(body, dict):
            raise CheckFailed("The body is not a JSON object.", expected="an object", got=show(body), hint=hint)
        return self._compare(missing_from(value, body), hint)

    def field(self, path: str, kind: JsonType | None = None, *, hint: str = "") -> Any:
        """Return the field at a dotted path (`address.city`, `items.0.id`), which must be of the JSON type `kind`.

        Kinds are `str`, `int`, `float` (any number), `bool`, `list`, `dict`, `type(None)`, or a tuple of them. `int`
        refuses `true` and `1.0`, `float` refuses `true`.
        """
        value = self.body(hint=hint)
        for part in path.split("."):
            try:
                value = value[int(part)] if isinstance(value, list) else value[part]
            except (KeyError, IndexError, TypeError, ValueError):
                raise CheckFailed(
                    f'The body has no field "{path}".', expected=f'"{path}"', got=show(self.body()), hint=hint
                ) from None
        kinds = kind if isinstance(kind, tuple) else (kind,) if kind else ()
        if kinds and not any(_is(value, one) for one in kinds):
            wanted = " or ".join(_KINDS.get(one, "null") for one in kinds)
            raise CheckFailed(f'The field "{path}" has the wrong type.', expected=wanted, got=show(value), hint=hint)
        return value

    def error(self, *, hint: str = "") -> Expectation:
        """Expect the error shape: a JSON object whose `error` is a non-empty string."""
        body = self.body(hint=hint)
        found = body.get("error") if isinstance(body, dict) else None
        if not isinstance(found, str) or not found.strip():
            raise CheckFailed(
                "The body is not an error object.",
                expected='{"error": "what went wrong"}',
                got=show(body),
                hint=hint,
            )
        return self

    def empty(self, *, hint: str = "") -> Expectation:
        """Expect no body at all."""
        if self._reply.content:
            raise CheckFailed("The answer has a body.", expected="no body", got=self._reply.preview(), hint=hint)
        return self

    def _compare(self, difference: tuple[str, str, str] | None, hint: str) -> Expectation:
        if difference is None:
            return self
        path, expected, got = difference
        message = f'The field "{path}" is not as expected.' if path else "The body is not as expected."
        raise CheckFailed(message, expected=expected, got=got, hint=hint)


def phrase(status: int) -> str:
    """Return a status code with its name (RFC 9110, section 15)."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def parse(reply: Reply, hint: str = "") -> Any:
    """Parse a reply's body as JSON.

    Raises:
        CheckFailed: with code `not-json`, saying what came instead.
    """
    content_type = reply.headers.get("content-type", "no content type").split(";")[0].strip().lower()
    try:
        value = json.loads(
            reply.content.decode("utf-8"), parse_constant=_refuse_constant, parse_int=_refuse_huge_number
        )
    except UnicodeDecodeError as exc:
        problem = f"The body is not UTF-8: byte {exc.start} cannot be decoded."
    except RecursionError:
        problem = "The body is nested too deeply to be read."
    except ValueError as exc:
        if not reply.content:
            problem = "The body is empty, where JSON was due."
        elif content_type == "text/html":
            problem = "The answer is an HTML page, where JSON was due."
        else:
            problem = f"The body is not JSON: {exc}."
    else:
        if not _is_deeper(value, DEPTH):
            return value
        raise CheckFailed(
            f"The body is nested more than {DEPTH} levels deep.",
            expected="arrays and objects that a person can follow",
            got=reply.preview(),
            hint=hint,
        )
    got = f"{content_type}: {reply.preview()}" if reply.content else "an empty body"
    raise CheckFailed(problem, expected="a JSON body", got=got, hint=hint, code="not-json")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value (RFC 8259, section 6)")


def _refuse_huge_number(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number has {len(digits):,} digits")
    return int(digits)


def _is_deeper(value: Any, limit: int) -> bool:
    """Tell whether arrays and objects are nested deeper than `limit`."""
    level = [value]
    for _ in range(limit):
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(each, (dict, list)) for each in level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, (int, float))
    return isinstance(value, kind)
