"""Small pieces of text that several reports share."""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def wrap(text: str, width: int, *, data: bool = False) -> list[str]:
    """Break a text into lines after spaces; data after commas where that will do, and with every space kept.

    A word that is longer than a line is cut. No line is broken at a no-break space.
    """
    lines = [""]
    for piece in _pieces(text, width, data=data):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip(" ")) > width:
            lines.append("")
        lines[-1] += piece
    return [(line if data else line.rstrip(" ")).replace("\xa0", " ") for line in lines if line]


def _pieces(text: str, width: int, *, data: bool) -> Iterator[str]:
    """Yield what may stand on a line of its own: up to a comma, else up to a space, else as much as there is room."""
    ways = [r"[^,]+,* *|,+ *", r"[^ ]* +|[^ ]+"] if data else [r"[^ ]* +|[^ ]+"]
    for piece in re.findall(ways[0], text):
        if len(piece.rstrip(" ")) <= width:
            yield piece
        elif len(ways) > 1:
            yield from _pieces(piece, width, data=False)
        else:
            yield from (piece[start : start + width] for start in range(0, len(piece), width))
