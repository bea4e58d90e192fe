"""Small pieces of text that several reports share."""

from __future__ import annotations

import re
import textwrap

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


def paint(text: str, *styles: str) -> str:
    """Style a text with ANSI codes (ECMA-48, section 8.3.117); whoever prints strips them where they do not belong."""
    codes = ";".join(str(_CODES[style]) for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m" if text and codes else text


def unpaint(text: str) -> str:
    """Take the styles of `paint` away again."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def clean(text: str) -> str:
    """Make a learner's output harmless: colours go, other control characters and direction marks become visible."""
    text = unpaint(text)
    return "".join(char if char.isprintable() or char == "\t" else _visible(char) for char in text)


def _visible(char: str) -> str:
    return "␊" if char == "\n" else char.encode("unicode_escape").decode("ascii")


def plural(number: int, noun: str) -> str:
    """Return "1 point" or "2 points"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(ms: float) -> str:
    """Return milliseconds as a person reads them: `84 ms`, `1.3 s`."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def wrap(text: str, width: int, *, keep_spaces: bool = False) -> list[str]:
    """Break a text into lines at spaces, which go unless they are kept: in data they may be what makes it wrong."""
    lines = textwrap.wrap(
        text,
        width,
        break_on_hyphens=False,
        drop_whitespace=not keep_spaces,
        expand_tabs=False,
        replace_whitespace=False,
    )
    return [line.replace("\xa0", " ") for line in lines]
