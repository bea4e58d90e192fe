"""Notes in SQLite, which makes each change atomic and permanent."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

FOLDER = Path(os.environ.get("DATA_DIR", "data"))
FOLDER.mkdir(parents=True, exist_ok=True)

# AUTOINCREMENT: without it SQLite gives the id of a deleted note to the next one.
SCHEMA = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        content TEXT NOT NULL,
        tags TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    );
"""
# instr() takes the text as it is, where LIKE would read % and _ as patterns.
MATCHES = """
    (:q IS NULL OR instr(lower(title), lower(:q)) OR instr(lower(content), lower(:q)))
    AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag))
"""

_database = sqlite3.connect(FOLDER / "notes.sqlite3", timeout=30, isolation_level=None, check_same_thread=False)
_database.row_factory = sqlite3.Row
_database.executescript(SCHEMA)
_lock = Lock()

Note = dict[str, Any]


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """Commit at the end of the block, or roll back where it raises; the connection serves one thread at a time."""
    with _lock, _database:
        _database.execute("BEGIN IMMEDIATE")
        yield _database


def create(fields: Note) -> Note:
    now = datetime.now(UTC).isoformat()
    with transaction() as database:
        row = database.execute(
            "INSERT INTO notes (title, content, tags, created_at, updated_at) VALUES (?, ?, ?, ?, ?) RETURNING *",
            (fields["title"], fields["content"], json.dumps(fields["tags"]), now, now),
        ).fetchone()
        return _note(row)


def read(note_id: int) -> Note | None:
    with transaction() as database:
        return _find(database, note_id)


def change(note_id: int, fields: Note) -> Note | None:
    """Put these fields over the note's own and return it; None where there is no such note."""
    with transaction() as database:
        note = _find(database, note_id)
        if note is None:
            return None
        note |= fields
        row = database.execute(
            "UPDATE notes SET title = ?, content = ?, tags = ?, updated_at = ? WHERE id = ? RETURNING *",
            (note["title"], note["content"], json.dumps(note["tags"]), _after(note["updatedAt"]), note_id),
        ).fetchone()
        return _note(row)


def delete(note_id: int) -> Note | None:
    """Return the note that is gone; None where there was none."""
    with transaction() as database:
        row = database.execute("DELETE FROM notes WHERE id = ? RETURNING *", (note_id,)).fetchone()
        return row and _note(row)


def search(q: str | None, tag: str | None, limit: int, offset: int) -> tuple[list[Note], int]:
    """Return the notes of one page, oldest first, and how many match in all."""
    wanted = {"q": q, "tag": tag, "limit": limit, "offset": offset}
    with transaction() as database:
        (total,) = database.execute(f"SELECT count(*) FROM notes WHERE {MATCHES}", wanted).fetchone()
        rows = database.execute(f"SELECT * FROM notes WHERE {MATCHES} ORDER BY id LIMIT :limit OFFSET :offset", wanted)
        return [_note(row) for row in rows], total


def _find(database: sqlite3.Connection, note_id: int) -> Note | None:
    row = database.execute("SELECT * FROM notes WHERE id = ?", (note_id,)).fetchone()
    return row and _note(row)


def _note(row: sqlite3.Row) -> Note:
    return {
        "id": row["id"],
        "title": row["title"],
        "content": row["content"],
        "tags": json.loads(row["tags"]),
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def _after(time: str) -> str:
    """Return the time now, or a moment after `time` where the clock has not moved since."""
    return max(datetime.now(UTC), datetime.fromisoformat(time) + timedelta(milliseconds=1)).isoformat()
