"""A reply that is not as promised fails with what was expected and what came."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from coach.errors import CheckFailed
from coach.grading import expect
from coach.grading.client import Reply
from coach.grading.expect import DEPTH, Expectation, phrase

JSON = "application/json"


def reply(
    body: bytes | str = b'{"id": 7, "title": "Milk", "tags": ["a", {"b": null}], "done": false, "price": 1.5}',
    status: int = 200,
    **headers: str,
) -> Reply:
    """Make a reply; `content_type="…"` becomes a header."""
    fields = {"content-type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, httpx.Headers(fields), body.encode() if isinstance(body, str) else body)


# ── what passes ──────────────────────────────────────────────────────────────────────────────────────────────────────

PASSING: dict[str, Callable[[Expectation], object]] = {
    "status": lambda it: it.status(200),
    "one of several": lambda it: it.status(201, 200),
    "header": lambda it: it.header("content-type"),
    "header in any case": lambda it: it.header("Content-Type", "APPLICATION/JSON"),
    "header with parameters": lambda it: it.header("etag", "w"),
    "includes": lambda it: it.json_includes({"id": 7, "tags": ["a", {"b": None}]}),
    "includes nothing": lambda it: it.json_includes({}),
    "a chain": lambda it: it.status(200).header("etag").json_includes({"id": 7}).field("id"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_is_as_promised_passes(name: str) -> None:
    PASSING[name](expect(reply(etag="W; weak")))


def test_equal_json_passes_in_any_order() -> None:
    expect(reply('{"b": [1.0, 2], "a": null}')).json({"a": None, "b": [1, 2]})


def test_values_are_returned() -> None:
    it = expect(reply())
    assert it.body()["title"] == "Milk"
    assert it.text().startswith('{"id": 7')
    assert it.field("id", int) == 7
    assert it.field("tags.1.b", type(None)) is None
    assert it.field("tags", (str, list)) == ["a", {"b": None}]
    assert it.field("price", float) == 1.5
    assert it.field("id", float) == 7
    assert it.field("done", bool) is False


def test_other_shapes_pass() -> None:
    expect(reply('{"error": "no", "details": []}')).error()
    expect(reply(b"", 204)).empty()
    assert expect(reply("Grüße", content_type="text/plain")).text() == "Grüße"
    assert expect(reply('"text"')).body() == "text"
    assert expect(reply("[" * DEPTH + "]" * DEPTH)).body() != []


# ── what fails ───────────────────────────────────────────────────────────────────────────────────────────────────────

NOTE = '{"id": 7, "title": "Milk", "tags": ["a", {"b": null}], "done": false, "price": 1.5}'
FAILING: dict[str, tuple[Callable[[str], object], tuple[str, str, str]]] = {
    "status": (
        lambda hint: expect(reply()).status(201, hint=hint),
        ("The status is 200.", "201 Created", "200 OK"),
    ),
    "several statuses": (
        lambda hint: expect(reply(status=500)).status(400, 422, hint=hint),
        ("The status is 500.", "400 Bad Request or 422 Unprocessable Entity", "500 Internal Server Error"),
    ),
    "unknown status": (
        lambda hint: expect(reply(status=599)).status(200, hint=hint),
        ("The status is 599.", "200 OK", "599"),
    ),
    "redirect": (
        lambda hint: expect(reply(status=307, location="/notes/")).status(200, hint=hint),
        ("The status is 307.", "200 OK", "307 Temporary Redirect, a redirect to /notes/"),
    ),
    "missing header": (
        lambda hint: expect(reply()).header("Location", hint=hint),
        ("The header Location is missing.", "Location: …", "none"),
    ),
    "missing header with a value": (
        lambda hint: expect(reply()).header("Location", "/notes/7", hint=hint),
        ("The header Location is missing.", "Location: /notes/7", "none"),
    ),
    "other header": (
        lambda hint: expect(reply(content_type="text/html; charset=utf-8")).header("content-type", JSON, hint=hint),
        (
            "The header content-type is not as expected.",
            f"content-type: {JSON}",
            "content-type: text/html; charset=utf-8",
        ),
    ),
    "other json": (
        lambda hint: expect(reply('{"a": [1, 2]}')).json({"a": [1, 3]}, hint=hint),
        ('The field "a.1" is not as expected.', "3", "2"),
    ),
    "other body": (
        lambda hint: expect(reply("[]")).json({}, hint=hint),
        ("The body is not as expected.", "{}", "[]"),
    ),
    "too much json": (
        lambda hint: expect(reply('{"a": 1}')).json({}, hint=hint),
        ('The field "a" is not as expected.', "no such field", "1"),
    ),
    "not included": (
        lambda hint: expect(reply()).json_includes({"content": "2 l"}, hint=hint),
        ('The field "content" is not as expected.', '"2 l"', "no such field"),
    ),
    "no object to include": (
        lambda hint: expect(reply("[1]")).json_includes({"a": 1}, hint=hint),
        ("The body is not a JSON object.", "an object", "[1]"),
    ),
    "no field": (
        lambda hint: expect(reply()).field("content", hint=hint),
        ('The body has no field "content".', '"content"', NOTE),
    ),
    "no inner field": (
        lambda hint: expect(reply()).field("title.length", hint=hint),
        ('The body has no field "title.length".', '"title.length"', NOTE),
    ),
    "no such element": (
        lambda hint: expect(reply("[1]")).field("1", hint=hint),
        ('The body has no field "1".', '"1"', "[1]"),
    ),
    "no number for an element": (
        lambda hint: expect(reply("[1]")).field("first", hint=hint),
        ('The body has no field "first".', '"first"', "[1]"),
    ),
    "no field of nothing": (
        lambda hint: expect(reply("null")).field("id", hint=hint),
        ('The body has no field "id".', '"id"', "null"),
    ),
    "wrong type": (
        lambda hint: expect(reply()).field("id", str, hint=hint),
        ('The field "id" has the wrong type.', "a string", "7"),
    ),
    "wrong types": (
        lambda hint: expect(reply()).field("title", (float, type(None)), hint=hint),
        ('The field "title" has the wrong type.', "a number or null", '"Milk"'),
    ),
    "true is no number": (
        lambda hint: expect(reply()).field("done", int, hint=hint),
        ('The field "done" has the wrong type.', "a whole number", "false"),
    ),
    "a fraction is no whole number": (
        lambda hint: expect(reply()).field("price", int, hint=hint),
        ('The field "price" has the wrong type.', "a whole number", "1.5"),
    ),
    "no error object": (
        lambda hint: expect(reply('{"message": "no"}')).error(hint=hint),
        ("The body is not an error object.", '{"error": "what went wrong"}', '{"message": "no"}'),
    ),
    "error without words": (
        lambda hint: expect(reply('{"error": " "}')).error(hint=hint),
        ("The body is not an error object.", '{"error": "what went wrong"}', '{"error": " "}'),
    ),
    "error as a number": (
        lambda hint: expect(reply('{"error": 404}')).error(hint=hint),
        ("The body is not an error object.", '{"error": "what went wrong"}', '{"error": 404}'),
    ),
    "error in a list": (
        lambda hint: expect(reply('["error"]')).error(hint=hint),
        ("The body is not an error object.", '{"error": "what went wrong"}', '["error"]'),
    ),
    "not empty": (
        lambda hint: expect(reply("gone")).empty(hint=hint),
        ("The answer has a body.", "no body", "gone"),
    ),
    "not UTF-8": (
        lambda hint: expect(reply(b"Gr\xfc\xdfe")).text(hint=hint),
        ("The body is not UTF-8: byte 2 cannot be decoded.", "text in UTF-8", r"b'\xfc\xdfe'"),
    ),
    "nested deep": (
        lambda hint: expect(reply("[" * (DEPTH + 1) + "]" * (DEPTH + 1))).body(hint=hint),
        (
            f"The body is nested more than {DEPTH} levels deep.",
            "arrays and objects that a person can follow",
            "[" * 101 + "]" * 59 + " … (42 more characters)",
        ),
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_is_not_as_promised_fails(name: str) -> None:
    call, (message, expected, got) = FAILING[name]
    with pytest.raises(CheckFailed) as caught:
        call("a hint")
    failed = caught.value
    assert (failed.message, failed.expected, failed.got) == (message, expected, got)
    assert failed.hint == "a hint"
    assert failed.code == ""


NOT_JSON: dict[str, tuple[Reply, str, str]] = {
    "empty": (reply(b""), "The body is empty, where JSON was due.", "an empty body"),
    "HTML": (
        reply("<h1>Error</h1>", content_type="text/html; charset=utf-8"),
        "The answer is an HTML page, where JSON was due.",
        "text/html: <h1>Error</h1>",
    ),
    "shouted HTML": (
        reply("<h1>Error</h1>", content_type="Text/HTML"),
        "The answer is an HTML page, where JSON was due.",
        "text/html: <h1>Error</h1>",
    ),
    "text": (
        reply("Not found", content_type="text/plain"),
        "The body is not JSON: Expecting value: line 1 column 1 (char 0).",
        "text/plain: Not found",
    ),
    "no type": (
        Reply(200, httpx.Headers(), b"{"),
        "The body is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).",
        "no content type: {",
    ),
    "cut off": (
        reply('{"a": [1, 2'),
        "The body is not JSON: Expecting ',' delimiter: line 1 column 12 (char 11).",
        JSON + ': {"a": [1, 2',
    ),
    "two values": (reply("{}{}"), "The body is not JSON: Extra data: line 1 column 3 (char 2).", JSON + ": {}{}"),
    "NaN": (
        reply('{"a": NaN}'),
        "The body is not JSON: NaN is no JSON value (RFC 8259, section 6).",
        JSON + ': {"a": NaN}',
    ),
    "Infinity": (
        reply("-Infinity"),
        "The body is not JSON: -Infinity is no JSON value (RFC 8259, section 6).",
        JSON + ": -Infinity",
    ),
    "not UTF-8": (
        reply(b'{"a": "\xff"}'),
        "The body is not UTF-8: byte 7 cannot be decoded.",
        JSON + ': {"a": "\ufffd"}',
    ),
    "UTF-16": (
        reply('{"a": 1}'.encode("utf-16")),
        "The body is not UTF-8: byte 0 cannot be decoded.",
        JSON + ': \ufffd\ufffd{\x00"\x00a\x00"\x00:\x00 \x001\x00}\x00',
    ),
    "endlessly nested": (
        reply("[" * 200_000),
        "The body is nested too deeply to be read.",
        JSON + ": " + "[" * 160 + " … (199,840 more characters)",
    ),
    "a huge number": (
        reply("1" * 5000),
        "The body is not JSON: a number has 5,000 digits.",
        JSON + ": " + "1" * 160 + " … (4,840 more characters)",
    ),
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_no_json_says_what_it_is(name: str) -> None:
    answer, message, got = NOT_JSON[name]
    with pytest.raises(CheckFailed) as caught:
        expect(answer).body(hint="a hint")
    failed = caught.value
    assert (failed.message, failed.got) == (message, got)
    assert (failed.expected, failed.code, failed.hint) == ("a JSON body", "not-json", "a hint")


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.json({}, hint="a hint"),
        lambda it: it.json_includes({}, hint="a hint"),
        lambda it: it.field("id", hint="a hint"),
        lambda it: it.error(hint="a hint"),
    ],
)
def test_every_way_to_read_json_names_what_is_none(call: Callable[[Expectation], Any]) -> None:
    with pytest.raises(CheckFailed) as caught:
        call(expect(reply("oops")))
    assert (caught.value.code, caught.value.hint) == ("not-json", "a hint")


def test_deep_json_can_be_compared_and_shown() -> None:
    deep = "[" * DEPTH + "1" + "]" * DEPTH
    value = expect(reply(deep)).body()
    expect(reply(deep)).json(value)
    with pytest.raises(CheckFailed):
        expect(reply(deep)).json([value])


def test_a_long_location_is_cut() -> None:
    with pytest.raises(CheckFailed) as caught:
        expect(reply(status=302, location="/" + "x" * 5000)).status(200)
    assert len(caught.value.got) < 300


@pytest.mark.parametrize(("status", "text"), [(200, "200 OK"), (418, "418 I'm a Teapot"), (599, "599"), (0, "0")])
def test_a_status_is_written_with_its_name(status: int, text: str) -> None:
    assert phrase(status) == text
