"""The routes of the items, which live in memory."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, StringConstraints

router = APIRouter()

items: dict[str, "Item"] = {}


class NewItem(BaseModel):
    """What a client sends."""

    name: Annotated[str, StringConstraints(strict=True, min_length=1)]


class Item(NewItem):
    """What the server keeps."""

    id: str


@router.post("/items", status_code=201)
def create_item(new: NewItem) -> Item:
    """Keep an item under an id of its own."""
    item = Item(id=str(uuid4()), name=new.name)
    items[item.id] = item
    return item


@router.get("/items/{item_id}")
def read_item(item_id: str) -> Item:
    """Return an item."""
    if item_id not in items:
        raise HTTPException(404, "There is no item with this id.")
    return items[item_id]
