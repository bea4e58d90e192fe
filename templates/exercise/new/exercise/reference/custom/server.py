"""The items on Python's standard library alone, as a WSGI application (PEP 3333)."""

import json
import os
from itertools import count
from wsgiref.simple_server import make_server

items = {}
numbers = count(1)


def application(environ, start_response):
    """Answer one request."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if (method, path) == ("POST", "/items"):
        status, body = create(environ)
    elif method == "GET" and path.removeprefix("/items/") in items:
        status, body = "200 OK", items[path.removeprefix("/items/")]
    else:
        status, body = "404 Not Found", {"error": "nothing here"}
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


def create(environ):
    """Keep an item and return it, or say what is wrong with it."""
    try:
        sent = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    except ValueError:
        return "400 Bad Request", {"error": "the body is not JSON"}
    name = sent.get("name") if isinstance(sent, dict) else None
    if not isinstance(name, str) or not name:
        return "400 Bad Request", {"error": "name must be a string that is not empty"}
    number = str(next(numbers))
    items[number] = {"id": number, "name": name}
    return "201 Created", items[number]


if __name__ == "__main__":
    make_server("", int(os.environ.get("PORT", "3000")), application).serve_forever()
