"""Notes in one JSON file, which is replaced as a whole with each change."""

import json
import os
import string
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

Note = dict[str, Any]

FOLDER = Path(os.environ.get("DATA_DIR", "data"))
FILE = FOLDER / "notes.json"
# Only A to Z: the lower case of other letters can differ in length and by language.
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

FOLDER.mkdir(parents=True, exist_ok=True)
_state: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {"next_id": 1, "notes": {}}
_lock = Lock()


def create(fields: Note) -> Note:
    with _changing() as state:
        now = _format(datetime.now(UTC))
        note = {"id": str(state["next_id"]), **fields, "createdAt": now, "updatedAt": now}
        state["next_id"] += 1
        state["notes"][note["id"]] = note
    return note


def read(note_id: str) -> Note | None:
    return _state["notes"].get(note_id)


def change(note_id: str, fields: Note) -> Note | None:
    with _changing() as state:
        note = state["notes"].get(note_id)
        if note is not None:
            earliest = datetime.fromisoformat(note["updatedAt"]) + timedelta(milliseconds=1)
            note = note | fields | {"updatedAt": _format(max(datetime.now(UTC), earliest))}
            state["notes"][note_id] = note
    return note


def delete(note_id: str) -> Note | None:
    with _changing() as state:
        return state["notes"].pop(note_id, None)


def search(q: str | None, tag: str | None) -> list[Note]:
    """Return the notes that match, oldest first."""
    wanted = (q or "").translate(LOWER)
    return [
        note
        for note in _state["notes"].values()
        if (wanted in note["title"].translate(LOWER) or wanted in note["content"].translate(LOWER))
        and (tag is None or tag in note["tags"])
    ]


@contextmanager
def _changing() -> Iterator[dict[str, Any]]:
    """Give a copy of the state to change, and put it into force once it is on disk; changes wait for each other.

    Readers need no lock: they see the state before the change or after it. A rename is atomic, so a kill at any moment
    leaves one of the two on disk as well.
    """
    global _state
    with _lock:
        state = _state | {"notes": dict(_state["notes"])}
        yield state
        temporary = FILE.with_suffix(".new")
        with temporary.open("w") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(FILE)
        _state = state


def _format(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
