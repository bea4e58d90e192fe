"""Whatever a program prints, a report of it moves no terminal and breaks no line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.reports.text import clean, duration, paint, plural, unpaint, wrap

anything = st.text(st.characters())


@given(anything)
def test_clean_text_is_harmless(text: str) -> None:
    cleaned = clean(text)
    assert all(char.isprintable() or char == "\t" for char in cleaned)
    assert clean(cleaned) == cleaned
    cleaned.encode()


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Grüße, 你好, 🚀", "Grüße, 你好, 🚀"),
        ("a\tb", "a\tb"),
        ("one\ntwo\r\n", "one␊two\\r␊"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2Jclear\x1b]0;title\x07", "\\x1b[2Jclear\\x1b]0;title\\x07"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("nul\x00 c1\x9b", "nul\\x00 c1\\x9b"),
        ("half \ud800", "half \\ud800"),
        ("line\u2028separator", "line\\u2028separator"),
    ],
)
def test_what_would_do_harm_becomes_visible(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_paint_can_be_taken_away() -> None:
    assert paint("text", "bold", "red") == "\x1b[1;31mtext\x1b[0m"
    assert unpaint(paint("text", "bold", "red") + " plain") == "text plain"
    assert paint("", "red") == ""
    assert paint("text") == "text"


@pytest.mark.parametrize(("number", "text"), [(0, "0 points"), (1, "1 point"), (2, "2 points")])
def test_nouns_follow_their_number(number: int, text: str) -> None:
    assert plural(number, "point") == text


@pytest.mark.parametrize(
    ("ms", "text"), [(0.0, "0 ms"), (83.6, "84 ms"), (999.4, "999 ms"), (1000.0, "1.0 s"), (61_250.0, "61.2 s")]
)
def test_durations_are_written_for_people(ms: float, text: str) -> None:
    assert duration(ms) == text


@given(st.text(st.sampled_from("abc ,é")), st.integers(4, 30))
def test_data_is_broken_into_lines_without_losing_anything(text: str, width: int) -> None:
    lines = wrap(text, width, data=True)
    assert "".join(lines) == text
    assert all(len(line.rstrip()) <= width for line in lines)


@given(st.text(st.sampled_from("abc ,é")), st.integers(4, 30))
def test_text_is_broken_into_lines_without_losing_a_word(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(len(line) <= width for line in lines)


def test_no_line_is_broken_at_a_no_break_space() -> None:
    assert wrap("one two\xa0three", 8) == ["one", "two thre", "e"]
    assert wrap("one two\xa0three", 9) == ["one", "two three"]
