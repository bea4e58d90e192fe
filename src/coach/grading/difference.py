"""Finds and shows where two values or texts differ first."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 160
"""Characters of a value that a message shows."""


def show(value: Any) -> str:
    """Write a JSON value as text, cut to a sensible length."""
    return excerpt(_text(value))


def excerpt(text: str, at: int = 0, width: int = WIDTH) -> str:
    """Cut a text to `width` characters around the character `at`, and say how much was left out on either side."""
    if len(text) <= width:
        return text
    start = max(0, min(at - width // 3, len(text) - width))
    end = start + width
    before = f"… ({start:,} characters) " if start else ""
    after = f" … ({len(text) - end:,} more characters)" if end < len(text) else ""
    return before + text[start:end] + after


def encodable(text: str) -> str:
    """Write what UTF-8 cannot hold as escapes: JSON may carry half a surrogate pair (RFC 8259, section 8.2)."""
    return text.encode("utf-8", "backslashreplace").decode()


def first_difference(expected: Any, got: Any, path: str = "") -> tuple[str, str, str] | None:
    """Return where two JSON values differ first, as (path, expected, got) for a person, or None when they are equal.

    Numbers are compared by value (1 equals 1.0), but never equal a boolean.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            inner = _join(path, key)
            if key not in got:
                return inner, show(value), "no such field"
            found = first_difference(value, got[key], inner)
            if found:
                return found
        extra = next((key for key in got if key not in expected), None)
        return None if extra is None else (_join(path, extra), "no such field", show(got[extra]))
    if isinstance(expected, (list, tuple)) and isinstance(got, list):
        for index, (one, other) in enumerate(zip(expected, got, strict=False)):
            found = first_difference(one, other, _join(path, index))
            if found:
                return found
        if len(expected) != len(got):
            return path, _elements(len(expected)), _elements(len(got))
        return None
    if same_kind(expected, got) and expected == got:
        return None
    one, other = _text(expected), _text(got)
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return path, excerpt(one, at), excerpt(other, at)


def missing_from(expected: Any, got: Any, path: str = "") -> tuple[str, str, str] | None:
    """Like `first_difference`, but objects in `got` may have more fields than those in `expected`."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            inner = _join(path, key)
            found = (inner, show(value), "no such field") if key not in got else missing_from(value, got[key], inner)
            if found:
                return found
        return None
    return first_difference(expected, got, path)


def same_kind(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are of one JSON type: Python takes True for 1, JSON does not."""
    return isinstance(one, bool) == isinstance(other, bool)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)


def _elements(number: int) -> str:
    return "1 element" if number == 1 else f"{number} elements"


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
