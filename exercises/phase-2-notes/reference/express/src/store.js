// Notes in one JSON file, which is replaced as a whole with each change.
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

const folder = process.env.DATA_DIR ?? "data";
const file = join(folder, "notes.json");

await mkdir(folder, { recursive: true });
let stored = await load();
let queue = Promise.resolve();

/** All notes as they are on disk, oldest first. */
export function notes() {
  return stored;
}

/**
 * Replace the notes by what `edit` makes of them, and resolve once that is on disk.
 *
 * Changes run one after the other, so that none is made on notes that are about to be replaced. If `edit` throws or the
 * disk is full, the notes stay as they were.
 */
export function change(edit) {
  const done = queue.then(async () => {
    const next = edit(stored);
    await save(next);
    stored = next;
  });
  queue = done.catch(() => {});
  return done;
}

async function load() {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

/** A rename is atomic: whenever the process is killed, the file holds all of the old notes or all of the new ones. */
async function save(next) {
  const temporary = await open(`${file}.new`, "w");
  try {
    await temporary.writeFile(JSON.stringify(next));
    await temporary.sync();
  } finally {
    await temporary.close();
  }
  await rename(`${file}.new`, file);
}
