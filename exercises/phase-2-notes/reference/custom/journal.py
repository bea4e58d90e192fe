"""Notes in memory, and a journal on disk that can bring them back.

Each change is one line of JSON at the end of the journal, on disk before the change is answered. A kill in the middle
of a line leaves a line without an end; its change was never answered, and reading the journal cuts it off.
"""

import json
import os
import threading
from datetime import datetime, timedelta, timezone


class Journal:
    def __init__(self, path):
        self._notes = {}
        self._last_id = 0
        self._lock = threading.Lock()
        path.touch()
        self._replay(path)
        self._file = path.open("ab", buffering=0)

    def create(self, fields):
        with self._lock:
            now = format_time(datetime.now(timezone.utc))
            note = {"id": self._last_id + 1, **fields, "createdAt": now, "updatedAt": now}
            self._write({"put": note})
            return note

    def read(self, number):
        with self._lock:
            return self._notes.get(number)

    def change(self, number, fields):
        with self._lock:
            old = self._notes.get(number)
            if old is None:
                return None
            earliest = parse_time(old["updatedAt"]) + timedelta(microseconds=1)
            note = {**old, **fields, "updatedAt": format_time(max(datetime.now(timezone.utc), earliest))}
            self._write({"put": note})
            return note

    def delete(self, number):
        with self._lock:
            if number not in self._notes:
                return False
            self._write({"drop": number})
            return True

    def all(self):
        """All notes in the order of their creation: a dict keeps the place of a key whose value is replaced."""
        with self._lock:
            return list(self._notes.values())

    def _write(self, entry):
        end = self._file.tell()
        line = json.dumps(entry).encode() + b"\n"
        try:
            written = self._file.write(line)
            if written < len(line):
                raise OSError("no space left for the journal")
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise
        self._apply(entry)

    def _apply(self, entry):
        if "drop" in entry:
            del self._notes[entry["drop"]]
        else:
            note = entry["put"]
            self._notes[note["id"]] = note
            self._last_id = max(self._last_id, note["id"])

    def _replay(self, path):
        complete = 0
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._apply(json.loads(line))
                complete += len(line)
        os.truncate(path, complete)


def format_time(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
