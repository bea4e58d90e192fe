// The routes of the items, which live in memory.
import { randomUUID } from "node:crypto";

import { Router } from "express";

export const routes = Router();

const items = new Map();

routes.post("/items", (req, res) => {
  const name = req.body?.name;
  if (typeof name !== "string" || name === "") {
    return res.status(400).json({ error: "name must be a string that is not empty" });
  }
  const item = { id: randomUUID(), name };
  items.set(item.id, item);
  res.status(201).json(item);
});

routes.get("/items/:id", (req, res) => {
  const item = items.get(req.params.id);
  if (item === undefined) return res.status(404).json({ error: "there is no item with this id" });
  res.json(item);
});
