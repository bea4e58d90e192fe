"""The routes of the notes API."""

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr

from app import store

router = APIRouter()


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


T = TypeVar("T")
NoteId = Annotated[int, Path(le=2**63 - 1)]
Title = Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(not_blank)]
Content = Annotated[StrictStr, Field(max_length=10_000)]
Tags = list[StrictStr]


class NewNote(BaseModel):
    model_config = ConfigDict(extra="ignore")

    title: Title
    content: Content = ""
    tags: Tags = []


class NoteChange(BaseModel):
    """What a PATCH may hold. The defaults only mark what was left out; `null` is refused like any other wrong type."""

    title: Title = "left out"
    content: Content = ""
    tags: Tags = []


class Filter(BaseModel):
    page: int = Field(1, ge=1, le=2**31)
    limit: int = Field(20, ge=1, le=100)
    q: str | None = None
    tag: str | None = None


@router.post("/notes", status_code=201)
def create_note(note: NewNote) -> dict[str, Any]:
    return store.create(note.model_dump())


@router.get("/notes/{note_id}")
def read_note(note_id: NoteId) -> dict[str, Any]:
    return found(store.read(note_id))


@router.patch("/notes/{note_id}")
def change_note(note_id: NoteId, change: NoteChange) -> dict[str, Any]:
    return found(store.change(note_id, change.model_dump(exclude_unset=True)))


@router.delete("/notes/{note_id}", status_code=204)
def delete_note(note_id: NoteId) -> None:
    found(store.delete(note_id))


@router.get("/notes")
def list_notes(wanted: Annotated[Filter, Query()]) -> dict[str, Any]:
    items, total = store.search(wanted.q, wanted.tag, wanted.limit, (wanted.page - 1) * wanted.limit)
    return {"items": items, "total": total, "page": wanted.page, "limit": wanted.limit}


def found(note: T | None) -> T:
    if note is None:
        raise HTTPException(404, "There is no note with this id.")
    return note
