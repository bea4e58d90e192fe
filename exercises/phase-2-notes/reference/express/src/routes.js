// The routes of the notes API.
import { randomUUID } from "node:crypto";

import { Router } from "express";

import { change, notes } from "./store.js";
import { readChange, readFilter, readNote } from "./validation.js";

export const routes = Router();

routes.post("/notes", async (req, res) => {
  const fields = readNote(req.body);
  const now = new Date().toISOString();
  const note = { id: randomUUID(), ...fields, createdAt: now, updatedAt: now };
  await change((all) => [...all, note]);
  res.status(201).json(note);
});

routes.get("/notes/:id", (req, res) => {
  res.json(notes().find((note) => note.id === req.params.id) ?? notFound());
});

routes.patch("/notes/:id", async (req, res) => {
  const fields = readChange(req.body);
  let changed;
  await change((all) => {
    const old = all.find((note) => note.id === req.params.id) ?? notFound();
    changed = { ...old, ...fields, updatedAt: later(old.updatedAt) };
    return all.map((note) => (note === old ? changed : note));
  });
  res.json(changed);
});

routes.delete("/notes/:id", async (req, res) => {
  await change((all) => {
    const left = all.filter((note) => note.id !== req.params.id);
    if (left.length === all.length) notFound();
    return left;
  });
  res.status(204).end();
});

routes.get("/notes", (req, res) => {
  const { page, limit, q, tag } = readFilter(req.query);
  const found = notes().filter(
    (note) =>
      (q === undefined || lower(note.title).includes(lower(q)) || lower(note.content).includes(lower(q))) &&
      (tag === undefined || note.tags.includes(tag)),
  );
  res.json({ items: found.slice((page - 1) * limit, page * limit), total: found.length, page, limit });
});

/** The time now, or a millisecond after `time` where the clock has not moved since. */
function later(time) {
  return new Date(Math.max(Date.now(), Date.parse(time) + 1)).toISOString();
}

/** Only A to Z: the lower case of other letters can differ in length and by language. */
function lower(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function notFound() {
  throw Object.assign(new Error("there is no note with this id"), { status: 404 });
}
