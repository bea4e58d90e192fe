"""The routes of the notes API."""

from typing import Any

from flask import Blueprint, abort, request

from app import store
from app.validation import read_change, read_note, read_number

routes = Blueprint("routes", __name__)


@routes.post("/notes")
def create_note() -> tuple[dict[str, Any], int]:
    return store.create(read_note(request.get_json())), 201


@routes.get("/notes/<note_id>")
def read_note_by_id(note_id: str) -> dict[str, Any]:
    return found(store.read(note_id))


@routes.patch("/notes/<note_id>")
def change_note(note_id: str) -> dict[str, Any]:
    return found(store.change(note_id, read_change(request.get_json())))


@routes.delete("/notes/<note_id>")
def delete_note(note_id: str) -> tuple[str, int]:
    found(store.delete(note_id))
    return "", 204


@routes.get("/notes")
def list_notes() -> dict[str, Any]:
    page = read_number("page", default=1, most=10**9)
    limit = read_number("limit", default=20, most=100)
    notes = store.search(request.args.get("q"), request.args.get("tag"))
    return {"items": notes[(page - 1) * limit : page * limit], "total": len(notes), "page": page, "limit": limit}


def found(note: dict[str, Any] | None) -> dict[str, Any]:
    if note is None:
        abort(404, "There is no note with this id.")
    return note
