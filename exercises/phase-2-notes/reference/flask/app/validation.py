"""What clients may send. Whatever breaks a rule is answered with 400 and a sentence that names the field."""

from typing import Any

from flask import abort, request


def read_note(body: Any) -> dict[str, Any]:
    """Return the fields of a new note, defaults filled in."""
    return _checked({"title": None, "content": "", "tags": []} | _known(body))


def read_change(body: Any) -> dict[str, Any]:
    """Return those fields that the client wants to change."""
    return _checked(_known(body))


def read_number(name: str, *, default: int, most: int) -> int:
    """Return a parameter of the query that is a whole number from 1 to `most`."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= most):
        abort(400, f"{name} must be a whole number from 1 to {most}.")
    return int(text)


def _known(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        abort(400, "The body must be a JSON object.")
    return {name: body[name] for name in ("title", "content", "tags") if name in body}


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    for name, value in fields.items():
        if not _RULES[name](value):
            abort(400, _MESSAGES[name])
    return fields


_RULES = {
    "title": lambda value: isinstance(value, str) and len(value) <= 200 and value.strip() != "",
    "content": lambda value: isinstance(value, str) and len(value) <= 10_000,
    "tags": lambda value: isinstance(value, list) and all(isinstance(tag, str) for tag in value),
}
_MESSAGES = {
    "title": "title must be a string of 1 to 200 characters and not blank.",
    "content": "content must be a string of at most 10000 characters.",
    "tags": "tags must be a list of strings.",
}
