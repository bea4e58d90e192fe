"""The notes API on Python's standard library alone."""

import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from journal import Journal

MAX_BODY = 1_000_000
NOTE = re.compile(r"/notes/([1-9][0-9]{0,17})")


class Problem(Exception):
    """An answer that ends the handling of a request."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    wbufsize = -1  # headers and body leave in one piece

    def do_GET(self):
        self.answer_with(self.list_notes, self.read_note)

    def do_POST(self):
        self.answer_with(self.create_note, None)

    def do_PATCH(self):
        self.answer_with(None, self.change_note)

    def do_DELETE(self):
        self.answer_with(None, self.delete_note)

    def answer_with(self, for_all, for_one):
        """Call the method for `/notes` or the one for `/notes/{id}`, and send what it returns."""
        try:
            path = urlsplit(self.path).path
            one = NOTE.fullmatch(path)
            if path == "/notes" and for_all:
                self.send(*for_all())
            elif one and for_one:
                self.send(*for_one(int(one[1])))
            else:
                raise Problem(404, "nothing here")
        except Problem as problem:
            self.send(problem.status, {"error": str(problem)})
        except Exception:
            self.send(500, {"error": "the server made a mistake"})
            raise

    def create_note(self):
        sent = self.fields()
        if "title" not in sent:
            raise Problem(422, "title is missing")
        return 201, self.server.journal.create({"title": "", "content": "", "tags": [], **sent})

    def read_note(self, number):
        return 200, self.found(self.server.journal.read(number))

    def change_note(self, number):
        return 200, self.found(self.server.journal.change(number, self.fields()))

    def delete_note(self, number):
        self.found(self.server.journal.delete(number) or None)
        return 204, None

    def list_notes(self):
        parsed = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        query = {name: values[-1] for name, values in parsed.items()}
        page = whole_number(query, "page", 1, 10**9)
        limit = whole_number(query, "limit", 20, 100)
        notes = self.server.journal.all()
        if "q" in query:
            wanted = lower(query["q"])
            notes = [note for note in notes if wanted in lower(note["title"]) or wanted in lower(note["content"])]
        if "tag" in query:
            notes = [note for note in notes if query["tag"] in note["tags"]]
        first = (page - 1) * limit
        return 200, {"items": notes[first : first + limit], "total": len(notes), "page": page, "limit": limit}

    def found(self, note):
        if note is None:
            raise Problem(404, "no such note")
        return note

    def fields(self):
        """Read the body and return those of its members that a client may set."""
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY:
            self.close_connection = True
            raise Problem(413, f"the body must have a Content-Length of at most {MAX_BODY}")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Problem(422, "the body is not JSON") from None
        if not isinstance(body, dict):
            raise Problem(422, "the body is not a JSON object")
        fields = {name: body[name] for name in RULES if name in body}
        for name, value in fields.items():
            rule, keeps = RULES[name]
            if not keeps(value):
                raise Problem(422, f"{name} must be {rule}")
        return fields

    def send(self, status, body):
        self.send_response(status)
        if body is not None:
            text = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if body is not None:
            self.wfile.write(text)


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, address, journal):
        super().__init__(address, Handler)
        self.journal = journal


def is_text(value, most):
    return isinstance(value, str) and len(value) <= most


def is_title(value):
    return is_text(value, 200) and value.strip() != ""


def is_content(value):
    return is_text(value, 10_000)


def is_tags(value):
    return isinstance(value, list) and all(isinstance(tag, str) for tag in value)


RULES = {
    "title": ("a string of 1 to 200 characters, not only spaces", is_title),
    "content": ("a string of at most 10000 characters", is_content),
    "tags": ("a list of strings", is_tags),
}


def lower(text):
    """A to Z in lower case, the rest as it is."""
    return re.sub("[A-Z]+", lambda match: match[0].lower(), text)


def whole_number(query, name, default, most):
    text = query.get(name, str(default))
    if not re.fullmatch("[0-9]{1,12}", text) or not 1 <= int(text) <= most:
        raise Problem(422, f"{name} must be a whole number from 1 to {most}")
    return int(text)


if __name__ == "__main__":
    folder = Path(os.environ.get("DATA_DIR", "data"))
    folder.mkdir(parents=True, exist_ok=True)
    Server(("0.0.0.0", int(os.environ.get("PORT", "3000"))), Journal(folder / "notes.jsonl")).serve_forever()
