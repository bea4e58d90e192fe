"""Standard streams that carry what coach prints, whatever they lead to: a terminal, a pipe, or nothing at all."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper

_PLAIN = {"✓": "+", "✗": "x", "·": "-", "→": "->", "│": "|", "…": "...", "—": "-"}
"""What stands for coach's own signs where the encoding has none: a "?" for pass and fail alike would tell nothing."""


def make_safe() -> None:
    """Open the standard streams that are closed, and let none of them fail over a character."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given out, so this becomes the missing stream, and no file of ours does.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")
    codecs.register_error("coach", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="coach")


def no_color() -> bool | None:
    """Return False where the person wants no colours (https://no-color.org), or None for click to decide."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that the encoding lacks (see codecs.register_error)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(char, "?") for char in error.object[error.start : error.end]), error.end
