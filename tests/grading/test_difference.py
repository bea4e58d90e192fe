"""Where two values differ is found, and shown so that a person sees it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.grading.difference import WIDTH, encodable, excerpt, first_difference, missing_from, show

NOTE = len("… (1,000,000 characters)  … (1,000,000 more characters)")
"""Room for what `excerpt` says was left out."""

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
long_texts = st.builds(
    lambda head, times, tail: head * times + tail, st.text(min_size=1, max_size=3), st.integers(0, 900), st.text()
)


def same(one: Any, other: Any) -> bool:
    """Compare two JSON values by a way of its own: as text, numbers as floats where they are whole."""
    return bool(canonical(one) == canonical(other))


def canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {"object": sorted((key, canonical(inner)) for key, inner in value.items())}
    if isinstance(value, list):
        return ["array", *map(canonical, value)]
    return [type(value).__name__.replace("float", "number").replace("int", "number"), value]


@given(values)
def test_a_value_does_not_differ_from_itself_after_json(value: Any) -> None:
    got = json.loads(json.dumps(value))
    assert first_difference(value, got) is None
    assert missing_from(value, got) is None


@given(values, values)
def test_values_differ_exactly_when_they_are_not_equal(one: Any, other: Any) -> None:
    assert (first_difference(one, other) is None) == same(one, other)
    assert (first_difference(other, one) is None) == same(one, other)


@given(values, values)
def test_a_difference_is_shown_as_two_texts_that_differ(one: Any, other: Any) -> None:
    found = first_difference(one, other)
    if found is not None:
        assert found[1] != found[2]


@given(long_texts, long_texts)
def test_a_difference_of_long_texts_is_within_what_is_shown(one: str, other: str) -> None:
    found = first_difference({"text": one}, {"text": other})
    if found is None:
        assert one == other
    else:
        path, expected, got = found
        assert path == "text"
        assert expected != got
        assert max(len(expected), len(got)) <= WIDTH + NOTE


@given(values, st.dictionaries(st.text(max_size=5), scalars, max_size=3))
def test_an_object_may_have_more_fields_than_those_it_must_include(value: Any, more: dict[str, Any]) -> None:
    assert missing_from({"a": value}, {**more, "a": value}) is None


@given(st.text(), st.integers(-10, 2000), st.integers(1, 300))
def test_an_excerpt_is_short_and_holds_the_place(text: str, at: int, width: int) -> None:
    text *= 20
    shown = excerpt(text, at, width)
    assert len(shown) <= width + NOTE
    if len(text) <= width:
        assert shown == text
    elif 0 <= at < len(text):
        assert text[at] in shown


def test_an_excerpt_says_what_it_leaves_out() -> None:
    text = "a" * 1000 + "X" + "b" * 3000
    assert excerpt(text, 1000, 30) == f"… (990 characters) {'a' * 10}X{'b' * 19} … (2,981 more characters)"
    assert excerpt(text, 0, 5) == "aaaaa … (3,996 more characters)"
    assert excerpt(text, 4000, 5) == "… (3,996 characters) bbbbb"


def test_a_long_body_is_cut_around_the_first_difference() -> None:
    found = first_difference("\n" * 2000 + "old" + "x" * 2000, "\n" * 2000 + "new" + "x" * 2000)
    assert found is not None
    assert "old" in found[1]
    assert "new" in found[2]


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        ({"a": 1}, {"a": 2}, ("a", "1", "2")),
        ({"a": {"b": [0, {"c": "x"}]}}, {"a": {"b": [0, {"c": "y"}]}}, ("a.b.1.c", '"x"', '"y"')),
        ({"a": 1}, {}, ("a", "1", "no such field")),
        ({}, {"a": 1}, ("a", "no such field", "1")),
        ([1, 2], [1], ("", "2 elements", "1 element")),
        ([], [[]], ("", "0 elements", "1 element")),
        ([1, 2], [1, 3, 4], ("1", "2", "3")),
        (1, True, ("", "1", "true")),
        (0, False, ("", "0", "false")),
        (None, False, ("", "null", "false")),
        (1, "1", ("", "1", '"1"')),
        ({}, [], ("", "{}", "[]")),
        ("Grüße", "Gr\u00fc\u00dfE", ("", '"Grüße"', '"GrüßE"')),
        ("a", "a ", ("", '"a"', '"a "')),
    ],
)
def test_differences_are_named(expected: Any, got: Any, difference: tuple[str, str, str]) -> None:
    assert first_difference(expected, got) == difference


@pytest.mark.parametrize(
    ("expected", "got"),
    [(1, 1.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ((1, 2), [1, 2]), ([{"a": (1,)}], [{"a": [1]}]), ("", "")],
)
def test_what_is_equal_does_not_differ(expected: Any, got: Any) -> None:
    assert first_difference(expected, got) is None


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, None),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, ("a.b", "1", "no such field")),
        ({"a": {"b": 1}}, {"a": None}, ("a", '{"b": 1}', "null")),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, ("a.0.c", "no such field", "2")),
    ],
)
def test_what_is_missing_is_named(expected: Any, got: Any, difference: tuple[str, str, str] | None) -> None:
    """Objects within arrays must be equal."""
    assert missing_from(expected, got) == difference


def test_a_value_is_shown_as_json() -> None:
    assert show({"a": [None, True, "ü", 1.5]}) == '{"a": [null, true, "ü", 1.5]}'
    assert show("x" * 1000).endswith(" … (842 more characters)")


@given(st.text(st.characters()))
def test_every_text_can_be_written(text: str) -> None:
    assert bool(encodable(text).encode()) == bool(text)
    assert encodable("Grüße 🚀 \x00") == "Grüße 🚀 \x00"


def test_half_a_surrogate_pair_is_written_as_an_escape() -> None:
    assert encodable("a\ud800b") == "a\\ud800b"
