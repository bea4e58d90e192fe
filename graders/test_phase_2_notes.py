"""Grades phase-2-notes: CRUD on /notes, clear refusals, search and paging, and a store that loses nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from urllib.parse import quote

import pytest

from coach.grading import KILL, Api, CheckFailed, Expectation, Reply, Server, check, expect

Note = dict[str, Any]
JSON = "application/json"
HOSTILE = (
    """it's "quoted" \\ and \\u0041 stays""",
    "<script>alert(1)</script> &amp; <b>bold</b>",
    "Robert'); DROP TABLE notes; --",
    "../../etc/passwd %2e%2e/ {{7*7}} ${HOME} %s",
    "Grüße, 你好, שלום, e\u0301, 🧑🏽‍🚀",
    " line one\r\nline two\n\ttabbed ",
)
FOREIGN = {"id": "mine", "createdAt": "1999-12-31T00:00:00Z", "updatedAt": "1999-12-31T00:00:00Z", "colour": "red"}
"""What is not the client's to set."""


@pytest.fixture
def note(unique: Callable[[str], str]) -> Note:
    """What a client sends for a whole note."""
    return {"title": unique("Buy milk"), "content": unique("2 litres"), "tags": [unique("home"), unique("shop")]}


def create(api: Api, **fields: Any) -> Note:
    created = expect(api.post("/notes", json=fields)).status(201)
    created.field("id", (str, float))
    return dict(created.body())


def at(note: Note) -> str:
    return f"/notes/{quote(str(note['id']), safe='')}"


def listed(api: Api, **params: Any) -> Expectation:
    return expect(api.get("/notes", params=params)).status(200)


def refused(reply: Reply, field: str = "") -> None:
    expect(reply).status(400, 422, hint="Check what was sent before you use it.").error()
    assert field in expect(reply).text(), f'The answer does not name the field "{field}".'


def time(reply: Expectation, field: str) -> datetime:
    text = reply.field(field, str)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - has no offset, and is refused below
    assert moment.utcoffset() == timedelta(0), f'"{field}" is "{text}", not a time in UTC like 2025-03-01T12:30:00Z.'
    return moment


def is_now(reply: Expectation, field: str) -> None:
    assert abs(datetime.now(UTC) - time(reply, field)) < timedelta(minutes=1), f'"{field}" is not the time now.'


@check(task=1, points=2)
def test_creates_a_note(api: Api, note: Note) -> None:
    """POST /notes answers 201 with the created note and its id"""
    created = expect(api.post("/notes", json=note)).status(201, hint="200 is the default; 201 says: created.")
    created.json_includes(note).field("id", (str, float))


@check(task=1, points=3, needs=test_creates_a_note)
def test_fills_in_the_rest(api: Api) -> None:
    """Content and tags may be left out, and the server alone sets id and times (in UTC)"""
    created = expect(api.post("/notes", json={"title": "Alone"} | FOREIGN)).status(201)
    created.json_includes({"title": "Alone", "content": "", "tags": []})
    assert created.field("id") != "mine", "The note has the id that the client sent."
    for field in ("createdAt", "updatedAt"):
        is_now(created, field)


@check(task=1, points=2, needs=test_creates_a_note)
def test_reads_a_note(api: Api, note: Note) -> None:
    """GET /notes/{id} answers 200 with the note as it was created"""
    created = create(api, **note)
    expect(api.get(at(created))).status(200).json(created)


@check(task=1, points=2, needs=test_reads_a_note)
def test_returns_text_as_sent(api: Api) -> None:
    """Quotes, markup, SQL, emoji and 10,000 characters come back exactly as sent, labelled as JSON"""
    notes = [{"title": text, "content": text, "tags": [text, text]} for text in HOSTILE]
    for note in [*notes, {"title": "x" * 200, "content": "Ab c" * 2500, "tags": []}]:
        created = create(api, **note)
        expect(api.get(at(created))).status(200).header("content-type", JSON).json_includes(note)


@check(task=2, points=3, needs=test_creates_a_note)
def test_refuses_bad_fields(api: Api) -> None:
    """A title, content or tags that break a rule get 400 or 422, and the answer names the field"""
    for bad in ({}, *({"title": title} for title in ("", "   ", "x" * 201, 42, None, ["a"]))):
        refused(api.post("/notes", json=bad), "title")
    for content in (42, None, ["a"], "x" * 10_001):
        refused(api.post("/notes", json={"title": "Bad", "content": content}), "content")
    for tags in ("home", [1], [None], {"home": True}):
        refused(api.post("/notes", json={"title": "Bad", "tags": tags}), "tags")


@check(task=2, needs=test_creates_a_note)
def test_refuses_what_is_no_json_object(api: Api) -> None:
    """A body that is no JSON object, or none at all, gets 400 or 422 with a JSON error"""
    for body in ('{"title": "half', "title=Milk", "", "[]", '"text"', "null"):
        reply = api.post("/notes", content=body, headers={"content-type": JSON})
        refused(reply)
        expect(reply).header("content-type", JSON)
    expect(api.post("/notes")).status(400, 415, 422).error()


@check(task=3, points=3, needs=test_reads_a_note)
def test_changes_only_what_is_sent(api: Api, note: Note) -> None:
    """PATCH /notes/{id} answers 200 with the whole note: what was sent is new, the rest as before"""
    created = create(api, **note)
    for change in ({"content": "new"}, {"title": "New"}, {"tags": ["b", "a"]}, {"content": "", "tags": []}):
        note |= change
        changed = expect(api.patch(at(created), json=change)).status(200).json_includes({"id": created["id"]} | note)
        expect(api.get(at(created))).status(200).json(changed.body())


@check(task=3, needs=(test_changes_only_what_is_sent, test_fills_in_the_rest))
def test_notes_the_time_of_a_change(api: Api, note: Note, eventually: Callable[..., Any]) -> None:
    """A change moves updatedAt forward and leaves createdAt alone"""
    created = expect(api.post("/notes", json=note)).status(201)

    def moved() -> bool:
        changed = expect(api.patch(at(created.body()), json={"content": "new"})).status(200)
        changed.json_includes({"createdAt": created.field("createdAt")})
        return time(changed, "updatedAt") > time(created, "updatedAt")

    # Times in whole seconds are fine, so the first change may fall into the same one.
    assert eventually(moved, 1.5), '"updatedAt" did not move.'


@check(task=3, points=2, needs=(test_changes_only_what_is_sent, test_fills_in_the_rest))
def test_ignores_foreign_fields_in_a_change(api: Api, note: Note) -> None:
    """PATCH ignores an id, times and unknown fields: the server alone sets them"""
    created = create(api, **note)
    changed = expect(api.patch(at(created), json={"content": "new"} | FOREIGN)).status(200)
    own = {"id": created["id"], "createdAt": created["createdAt"]}
    changed.json_includes(note | {"content": "new"} | own, hint="Take title, content and tags alone from the body.")
    is_now(changed, "updatedAt")
    expect(api.get(at(created))).status(200).json(changed.body())


@check(task=3, points=2, needs=test_changes_only_what_is_sent)
def test_refuses_a_bad_change(api: Api, note: Note) -> None:
    """PATCH with a bad value or no JSON object gets 400 or 422, names the field and changes nothing"""
    created = create(api, **note)
    for field, value in (("title", " "), ("title", None), ("content", 42), ("tags", "home"), ("tags", [1])):
        refused(api.patch(at(created), json={"title": "New", "content": "new", field: value}), field)
    for body in ('{"title": "half', "[]"):
        refused(api.patch(at(created), content=body, headers={"content-type": JSON}))
    expect(api.get(at(created))).status(200).json(created)


@check(task=3, points=2, needs=test_reads_a_note)
def test_deletes_a_note(api: Api, note: Note) -> None:
    """DELETE /notes/{id} answers 204 without a body, and from then on GET, PATCH and DELETE answer 404"""
    gone, kept = create(api, **note), create(api, **note)
    expect(api.delete(at(gone))).status(204, hint="204 says: done, and nothing to show.").empty()
    for reply in (api.get(at(gone)), api.patch(at(gone), json={"content": "new"}), api.delete(at(gone))):
        expect(reply).status(404).error()
    expect(api.get(at(kept))).status(200).json(kept)


@check(task=3, points=2, needs=test_deletes_a_note)
def test_never_gives_an_id_twice(api: Api, note: Note) -> None:
    """A new note never gets the id of another, not even of one that was deleted"""
    first, last = create(api, **note), create(api, **note)
    used = {first["id"], last["id"]}
    for gone in (last, first):
        expect(api.delete(at(gone))).status(204)
        new = create(api, **note)["id"]
        assert new not in used, f"The new note got the id {new!r}, which another note had before."
        used.add(new)


@check(task=4, points=2, needs=test_creates_a_note)
def test_lists_the_first_page(api: Api, note: Note) -> None:
    """GET /notes answers 200 with items, total, page and limit: 20 notes where nothing else is asked for"""
    for _ in range(21):
        create(api, **note)
    first = listed(api).json_includes({"page": 1, "limit": 20})
    assert len(first.field("items", list)) == 20, f"The first page has {len(first.field('items'))} notes instead of 20."
    assert first.field("total", int) >= 21, f"total is {first.field('total')}, but there are at least 21 notes."


@check(task=2, needs=test_lists_the_first_page)
def test_stores_nothing_that_it_refuses(api: Api) -> None:
    """After refused requests GET /notes counts as many notes as before"""
    before = listed(api).field("total", int)
    for bad in ({"content": "no title"}, {"title": "x" * 201}, {"title": "Bad", "tags": "home"}):
        refused(api.post("/notes", json=bad))
    listed(api).json_includes({"total": before}, hint="Check everything first, then store.")


@check(task=4, points=3, needs=(test_lists_the_first_page, test_changes_only_what_is_sent))
def test_pages_without_gaps_or_repeats(api: Api, note: Note) -> None:
    """The pages of GET /notes hold each note once, oldest first, also after a change"""
    own = [create(api, **note) for _ in range(5)]
    expect(api.patch(at(own[0]), json={"content": "changed"})).status(200)
    total = listed(api).field("total", int)
    limit = min(100, max(2, total // 3))
    found: list[Any] = []
    for number in range(1, total // limit + 3):
        page = listed(api, page=number, limit=limit)
        found += [page.field(f"items.{index}.id") for index in range(len(page.field("items", list)))]
    assert len(found) == total, f"The pages hold {len(found)} notes; total is {total}."
    assert len({str(each) for each in found}) == total, "A note is on two pages."
    assert found[-5:] == [each["id"] for each in own], "The last five notes are not those created last, in that order."


@check(task=4, points=2, needs=test_lists_the_first_page)
def test_refuses_bad_pages_and_limits(api: Api) -> None:
    """A page or limit that is zero, negative, no whole number or too large gets 400 or 422"""
    for value in ("0", "-1", "1.5", "two"):
        refused(api.get("/notes", params={"page": value}))
        refused(api.get("/notes", params={"limit": value}))
    refused(api.get("/notes", params={"limit": "101"}))
    listed(api, limit=100).json_includes({"limit": 100})


@check(task=4, points=2, needs=test_lists_the_first_page)
def test_searches_title_and_content(api: Api, unique: Callable[[str], str]) -> None:
    """GET /notes?q= finds text in titles and contents, in capital and small letters alike"""
    word = unique("milk")
    found = [create(api, title=f"Buy {word.upper()} now"), create(api, title="Shop", content=f"no {word.title()}!")]
    create(api, title="Other", tags=[word])
    for q in (word, word.upper()):
        listed(api, q=q).json_includes({"items": found, "total": 2})


@check(task=4, points=2, needs=test_searches_title_and_content)
def test_searches_for_plain_text(api: Api, unique: Callable[[str], str]) -> None:
    """In ?q= each character stands for itself: % _ . * ( ' are no patterns and no code"""
    word = unique("plain")
    texts = [f"{word} {text}" for text in ("50%off", "50 off", "a_b", "axb", "c.*d", "cxd", "(e", "' OR '1'='1")]
    notes = [create(api, title=f"About {text}") for text in texts]
    for text, note in zip(texts, notes, strict=True):
        listed(api, q=text).json_includes({"items": [note], "total": 1})


@check(task=4, points=2, needs=test_searches_title_and_content)
def test_filters_by_tag(api: Api, unique: Callable[[str], str]) -> None:
    """GET /notes?tag= finds notes with exactly this tag, also together with q, page and limit"""
    tag, word = unique("work"), unique("word")
    first, second = create(api, title="A", tags=[tag]), create(api, title=f"B {word}", tags=["x", tag])
    create(api, title=f"C {word}", content=tag, tags=[f"home{tag}", tag[:-1]])
    listed(api, tag=tag).json_includes({"items": [first, second], "total": 2})
    listed(api, tag=tag, q=word).json_includes({"items": [second], "total": 1})
    listed(api, tag=tag, limit=1, page=2).json_includes({"items": [second], "total": 2, "page": 2, "limit": 1})


@check(task=5, points=3, needs=test_reads_a_note)
def test_keeps_simultaneous_notes(api: Api, note: Note, simultaneously: Callable[..., list[Note]]) -> None:
    """20 notes that are created at the same moment are all kept, each with an id of its own"""
    created = simultaneously(20, lambda index: create(api, **note | {"content": f"number {index}"}))
    distinct = len({each["id"] for each in created})
    assert distinct == 20, f"20 notes were created, but they have only {distinct} different ids."
    for each in created:
        expect(api.get(at(each))).status(200).json(each)


@check(task=5, points=3, needs=test_changes_only_what_is_sent)
def test_keeps_simultaneous_changes(api: Api, note: Note, simultaneously: Callable[..., list[Reply]]) -> None:
    """Changes of three fields of one note at the same moment are all kept"""
    created = create(api, **note)
    new = {"title": "New title", "content": "New content", "tags": ["new"]}
    fields = list(new.items())
    for reply in simultaneously(3, lambda index: api.patch(at(created), json=dict([fields[index]]))):
        expect(reply).status(200)
    expect(api.get(at(created))).status(200).json_includes(new)


@check(task=5, points=3, needs=(test_changes_only_what_is_sent, test_deletes_a_note))
def test_survives_a_restart(api: Api, server: Server, note: Note) -> None:
    """After SIGTERM and a new start every note is as it was, and no deleted id comes back"""
    kept, changed, gone = create(api, **note), create(api, **note), create(api, **note)
    changed = expect(api.patch(at(changed), json={"content": "changed"})).status(200).body()
    expect(api.delete(at(gone))).status(204)
    server.restart()
    for each in (kept, changed):
        expect(api.get(at(each))).status(200, hint="Write to DATA_DIR, not to a variable.").json(each)
    expect(api.get(at(gone))).status(404)
    assert create(api, **note)["id"] != gone["id"], "The first new note got the id of a deleted one."


@check(task=5, points=3, needs=(test_survives_a_restart, test_keeps_simultaneous_notes))
def test_survives_a_kill(api: Api, server: Server, note: Note, simultaneously: Callable[..., Any]) -> None:
    """After SIGKILL in the middle of writes every note is there: what was answered, and what was there before"""
    answered = [create(api, **note)]
    changing = create(api, **note)
    allowed = {note["content"], "changed"}
    one_of_many = Event()

    def write_or_kill(index: int) -> None:
        if index == 0:
            one_of_many.wait(3)
            server.stop(KILL)
            return
        try:
            if index == 1:
                expect(api.patch(at(changing), json={"content": "changed"})).status(200)
                allowed.remove(note["content"])
            else:
                answered.append(create(api, **note | {"content": "x" * 9000}))
        except CheckFailed:
            return  # killed before its answer: this note, or this change, may be there or not
        one_of_many.set()

    simultaneously(8, write_or_kill)
    server.restart(KILL)
    kept = expect(api.get(at(changing))).status(200, hint="A write that is cut short must leave the old note whole.")
    assert kept.field("content", str) in allowed, (
        "A note that was being changed has neither its old nor its new values."
    )
    for each in answered:
        expect(api.get(at(each))).status(200, hint="Answer when the note is on disk, not before.").json(each)
