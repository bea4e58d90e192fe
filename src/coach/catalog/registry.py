"""The packs that were added on this machine: which, from where, and the content that each is pinned to.

Everything lies in coach's data folder: `packs.json` lists the packs, and `packs/<id>-<hash>/` holds a copy of each.
What grades is the copy, so a folder that somebody edits, moves or deletes later changes no verdict.

Several coaches may work at once. `packs.lock` is held while the list is read or changed; a pack's own folder is locked
for as long as a coach uses it, and one that is no longer listed is deleted only when nobody does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from coach.catalog.packs import Pack, open_pack
from coach.errors import InputError, PrerequisiteError, nearest
from coach.model import FORMAT, Strict
from coach.places import data_folder
from coach.plain import check_format, from_plain


class Entry(Strict, frozen=True):
    """One pack that was added: `origin` is the folder or URL that it came from, `wanted` the revision asked for."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    kind: Literal["folder", "git"]
    origin: str
    version: str
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    wanted: str = ""
    commit: str = ""

    @property
    def source(self) -> str:
        """What `coach pack add` was given."""
        return f"{self.origin}@{self.wanted}" if self.wanted else self.origin


class _Listing(Strict, frozen=True):
    """`packs.json`."""

    format: int
    packs: tuple[Entry, ...] = ()


class Registry:
    """The packs that were added, as they lie below a folder."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = (home or data_folder()).absolute()
        self._list = self._home / "packs.json"

    @property
    def contents(self) -> Path:
        """The folder that holds the copies."""
        return self._home / "packs"

    def root(self, entry: Entry) -> Path:
        """Return the folder that holds the copy of a pack."""
        return self.contents / f"{entry.id}-{entry.hash[:16]}"

    def entries(self) -> tuple[Entry, ...]:
        """Return the packs that were added, by id.

        Raises:
            PrerequisiteError: when the list cannot be read, was written by a newer coach, or names one id twice.
        """
        try:
            text = self._list.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as exc:
            raise PrerequisiteError(f"{self._list} cannot be read: {exc.strerror}.", "Make it readable.") from exc
        try:
            data = msgspec.json.decode(text, type=dict)
            check_format(data, str(self._list), PrerequisiteError)
            packs = from_plain(data, _Listing, str(self._list), PrerequisiteError).packs
        except msgspec.DecodeError as exc:
            raise PrerequisiteError(f"{self._list} is not valid JSON: {exc}.", _ADD_AGAIN) from exc
        ids = [entry.id for entry in packs]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice is not None:
            raise PrerequisiteError(f'{self._list} names two packs with the id "{twice}".', _ADD_AGAIN)
        return packs

    def open(self, name: str) -> Pack:
        """Return the pack of this id, and keep its content where it is for as long as this process lives.

        Raises:
            InputError: when no pack of this id was added.
            PrerequisiteError: when the content is no longer what the pack is pinned to.
        """
        with self._locked(fcntl.LOCK_SH):
            entry = self._entry(name)
            root = self.root(entry)
            with suppress(OSError):
                # Never closed: the end of the process releases the lock. A program that is graded does not inherit it.
                fcntl.flock(os.open(root, os.O_RDONLY), fcntl.LOCK_SH)
        again = f"Add it again: coach pack add {entry.source}"
        if not (root / "pack.toml").is_file():
            raise PrerequisiteError(f'The content of the pack "{entry.id}" is gone: {root} has no pack.toml.', again)
        pack = Pack(root, open_pack(root).manifest, entry.commit)
        found = pack.whole_hash()
        if found != entry.hash:
            raise PrerequisiteError(
                f'The pack "{entry.id}" in {root} is not what was added: it is pinned to the content {entry.hash}, and '
                f"the content is now {found}.",
                again,
            )
        return pack

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """Give a folder in which a pack can be put together; what is left in it afterwards is deleted."""
        with writing(self.contents):
            self.contents.mkdir(parents=True, exist_ok=True)
            with self._locked(fcntl.LOCK_EX):  # else another coach could sweep the folder before it is held
                folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self.contents))
                held = os.open(folder, os.O_RDONLY)
                fcntl.flock(held, fcntl.LOCK_SH)
        try:
            yield folder
        finally:
            os.close(held)
            shutil.rmtree(folder, ignore_errors=True)

    def add(self, entry: Entry, content: Path) -> Entry | None:
        """Move the content of a pack, with the hash that `entry` has, to its place; return the entry it replaces.

        Raises:
            InputError: when a pack from elsewhere has its id.
            PrerequisiteError: when the machine refuses (no right, no space).
        """
        with writing(self._home), self._locked(fcntl.LOCK_EX):
            known = {one.id: one for one in self.entries()}
            before = known.get(entry.id)
            if before is not None and (before.kind, before.origin) != (entry.kind, entry.origin):
                raise InputError(
                    f'There is a pack "{entry.id}" from {before.source} already.',
                    f"Two packs cannot share an id. Remove that one first: coach pack remove {entry.id}",
                )
            root = self.root(entry)
            if not (root.is_dir() and Pack(root, open_pack(content).manifest).whole_hash() == entry.hash):
                if root.exists():
                    root.rename(content.with_name("damaged"))
                content.rename(root)
            self._write({**known, entry.id: entry})
            self._sweep()
            return before

    def remove(self, name: str) -> Entry:
        """Forget a pack and delete its content; return what it was.

        Raises:
            InputError: when no pack of this id was added; the message names the nearest.
            PrerequisiteError: when the machine refuses.
        """
        self._entry(name)  # first without the lock, which would make coach's folder
        with writing(self._home), self._locked(fcntl.LOCK_EX):
            entry = self._entry(name)
            self._write({one.id: one for one in self.entries() if one.id != name})
            self._sweep()
            return entry

    def _entry(self, name: str) -> Entry:
        known = {entry.id: entry for entry in self.entries()}
        if name not in known:
            hint = nearest(name, known) or "None was added on this machine."
            raise InputError(f'No pack "{name}" was added.', hint)
        return known[name]

    def _write(self, packs: dict[str, Entry]) -> None:
        """Replace the list at once and for good, so that no reader finds half of it and no power cut empties it."""
        listing = _Listing(format=FORMAT, packs=tuple(packs[name] for name in sorted(packs)))
        draft = self._list.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(listing), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._list)

    def _sweep(self) -> None:
        """Delete the content that is listed no more and that no coach uses."""
        listed = {self.root(entry) for entry in self.entries()}
        for folder in self.contents.iterdir() if self.contents.is_dir() else ():
            if folder in listed or not folder.is_dir():
                continue
            with suppress(OSError):
                held = os.open(folder, os.O_RDONLY)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(held)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the lock on the list; readers do without it where there is none, or none can be had."""
        path = self._home / "packs.lock"
        held = None
        try:
            if how == fcntl.LOCK_EX:
                self._home.mkdir(parents=True, exist_ok=True)
                held = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
                fcntl.flock(held, how)
            else:
                with suppress(OSError):
                    held = os.open(path, os.O_RDONLY)
                    fcntl.flock(held, how)
            yield
        finally:
            if held is not None:
                os.close(held)


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Say what the machine refuses, and where.

    Raises:
        PrerequisiteError: in place of an OSError.
    """
    try:
        yield
    except OSError as exc:
        remedy = "Free some space on its disk" if exc.errno in (errno.ENOSPC, errno.EDQUOT) else "Make it writable"
        raise PrerequisiteError(
            f"{exc.filename or place} could not be written: {exc.strerror or exc}.",
            f"{remedy}, or name another folder for coach's data in the variable COACH_HOME.",
        ) from exc


_ADD_AGAIN = "Delete this file and add your packs again: coach pack add PATH-OR-GIT-URL"
