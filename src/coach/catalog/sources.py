"""Brings a pack here from where its author keeps it: a folder, or a git repository."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

from coach.catalog.packs import NOT_CONTENT, Pack, open_pack, pack_files
from coach.catalog.registry import Entry, writing
from coach.errors import CoachError, ContentError, InputError, PrerequisiteError

PROTOCOLS = ("https", "ssh", "file", "git")
PATIENCE = 600
"""Seconds that git may take for one step."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP = re.compile(r"[^/:\s]+:(?!//)[^\s]")
"""git's short form of ssh: `git@host:path`, told from a path by a colon before the first slash."""
_SECRET = re.compile(r"(?<=://)[^/@\s']*@")
_IN_REPOSITORY = re.compile(r"/(-/)?(tree|blob|src/(branch|tag|commit))/")
"""What the web pages of a repository have in their addresses."""
_AT_THE_TOP = "A pack has a repository of its own, with pack.toml at the top."
_REVISION = re.compile(r"[A-Za-z0-9_.][\w./+#-]*")
_OWN_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_TEMPLATE_DIR",
)
"""What git sets for commands that it runs, such as hooks: it would make our git work on that repository."""


class Source(Struct, frozen=True):
    """Where a pack comes from: a folder, or a git URL with the revision that is wanted (none: the newest)."""

    folder: Path | None = None
    url: str = ""
    wanted: str = ""

    @property
    def origin(self) -> str:
        """The folder or the URL as it may be shown and kept: without what lets a person in."""
        return str(self.folder) if self.folder is not None else without_credentials(self.url)


def parse_source(text: str) -> Source:
    """Read what a person typed: PATH, GIT-URL or GIT-URL@REV; a path with a revision is a git repository on disk.

    Raises:
        InputError: when it is none of these, or git must not be asked for it.
    """
    if _is_folder(text):
        return Source(folder=Path(text).resolve())
    if text.startswith("-") or "::" in text.partition("/")[0]:
        raise InputError(f'"{_SECRET.sub("", text)}" is no address of a pack.', _WHAT_WORKS)
    scheme = _SCHEME.match(text)
    if scheme is None and not _SCP.match(text):
        path, _, wanted = text.rpartition("@")
        if _is_folder(path):
            return Source(url=Path(path).resolve().as_uri(), wanted=_revision(wanted))
        raise InputError(f'"{text}" is neither a folder nor the URL of a git repository.', _WHAT_WORKS)
    if scheme is not None and scheme[1].lower() not in PROTOCOLS:
        raise InputError(
            f"{without_credentials(text)}: coach fetches packs by {', '.join(PROTOCOLS)} and not by {scheme[1]}.",
            "Use the repository's https or ssh address.",
        )
    # An @ before the path belongs to the host: git@host:path, https://name@host/path.
    host_ends = text.find("/", scheme.end()) + 1 if scheme is not None else text.index(":") + 1
    path, at, wanted = text[host_ends:].rpartition("@")
    if scheme is not None and scheme[1].lower() == "https" and _IN_REPOSITORY.search(text[host_ends:]):
        raise InputError(
            f"{without_credentials(text)} is a page about a folder or a file, not the address of a repository.",
            f"{_AT_THE_TOP} Give its own address, with a branch or tag if you like: https://host/owner/course.git@v1",
        )
    if host_ends and at and path and not path.endswith("/"):
        return Source(url=text[:host_ends] + path, wanted=_revision(wanted))
    return Source(url=text)


def fetch(source: Source, workshop: Path) -> tuple[Entry, Pack]:
    """Copy the content of a pack into a folder below `workshop`, without running anything of it, and read all of it.

    Raises:
        InputError: when there is no pack, or the revision is unknown.
        ContentError: when the pack is broken or of a newer format; the message names its origin.
        PrerequisiteError: when git is missing or fails, or the machine has no room.
    """
    target = workshop / "content"
    commit = ""
    original = source.folder
    if original is None:
        original = workshop / "clone"
        commit = _clone(source, original)
    try:
        if commit and not (original / "pack.toml").is_file():
            inner = next(iter(sorted(original.rglob("pack.toml"))), None)
            found = f", but one in {inner.parent.relative_to(original)}/" if inner is not None else ""
            raise InputError(f"{source.origin} is not a pack: it has no pack.toml at the top{found}.", _AT_THE_TOP)
        open_pack(original)
        with writing(target):
            _copy(original, target)
        pack = Pack(target, open_pack(target).manifest, commit)
        for exercise in pack.exercises():
            pack.grader(exercise)
    except CoachError as error:
        # The copies are gone when this is read.
        for place in (original, target):
            error.message = error.message.replace(str(place), source.origin)
            error.hint = error.hint.replace(str(place), source.origin)
        raise
    entry = Entry(
        id=pack.manifest.id,
        kind="folder" if source.folder is not None else "git",
        origin=source.origin,
        wanted=source.wanted,
        commit=commit,
        version=pack.manifest.version,
        hash=pack.whole_hash(),
    )
    return entry, pack


def without_credentials(url: str) -> str:
    """Return a URL without a password, without a token that stands for a name, and without a query."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return url
    rest = url[scheme.end() :].partition("?")[0].partition("#")[0]
    host, slash, path = rest.partition("/")
    account, at, machine = host.rpartition("@")
    keep = account.partition(":")[0] + at if scheme[1].lower() == "ssh" else ""
    return scheme[0] + keep + machine + slash + path


def _is_folder(text: str) -> bool:
    try:
        return bool(text) and Path(text).is_dir()
    except (OSError, ValueError):  # too long, or with a NUL: no path
        return False


def _revision(text: str) -> str:
    """Refuse what git would read as an option, a range or an expression."""
    if not _REVISION.fullmatch(text) or ".." in text:
        raise InputError(f'"{text}" is no revision.', "After the @ goes a branch, a tag or a commit.")
    return text


def _copy(root: Path, target: Path) -> None:
    """Copy the files of a pack, read-only, so that nobody edits a copy by mistake.

    Raises:
        ContentError: when there is something else than files and folders.
    """
    _refuse_what_is_no_file(root)
    for name, path in pack_files(root):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        place.chmod(0o444)


def _refuse_what_is_no_file(root: Path) -> None:
    """A link could lead out of the pack, or round in circles, and reading a pipe would never end."""
    todo = [root / name for name in ("pack.toml", "exercises", "graders", "templates")]
    while todo:
        path = todo.pop()
        if path.name in NOT_CONTENT or not os.path.lexists(path):
            continue
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            todo += path.iterdir()
        elif not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
            raise ContentError(f"{path} is {what}; a pack holds files and folders.", "Put the file itself there.")


def _clone(source: Source, folder: Path) -> str:
    """Clone a repository and check out the wanted revision; return its commit."""
    if shutil.which("git") is None:
        raise PrerequisiteError(
            "git is not installed, and this pack comes from a git repository.",
            "Install git, or download the pack and add its folder: coach pack add PATH",
        )
    depth = [] if source.wanted else ["--depth=1"]
    command = ["clone", "--quiet", "--no-checkout", "--no-recurse-submodules", "--template=", *depth, "--"]
    done = _git([*command, source.url, str(folder)])
    if done.returncode != 0:
        raise PrerequisiteError(
            f"git could not fetch {source.origin}: {_last_line(done.stderr, source, folder)}",
            "Look at the address, at your rights to the repository, and at the network.",
        )
    commit = _commit(source, folder)
    done = _git(["-C", str(folder), "checkout", "--quiet", "--detach", commit, "--"])
    if done.returncode != 0:
        raise PrerequisiteError(
            f"git could not check out {source.origin} at {commit}: {_last_line(done.stderr, source, folder)}"
        )
    return commit


def _commit(source: Source, folder: Path) -> str:
    """Return the commit that the wanted revision names: a branch of the repository, a tag or a commit."""
    names = [f"origin/{source.wanted}", source.wanted] if source.wanted else ["HEAD"]
    for name in names:
        done = _git(["-C", str(folder), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"])
        if done.returncode == 0:
            return done.stdout.strip()
    if not source.wanted:
        raise InputError(f"{source.origin} has no commits yet.", "Push the pack first.")
    raise InputError(
        f'{source.origin} has no revision "{source.wanted}".', "After the @ goes a branch, a tag or a commit of it."
    )


def _git(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run git so that the repository's content is data: no helper, no hook, no submodule, the bytes as committed."""
    settings = ("protocol.ext.allow=never", "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false")
    options = [word for setting in settings for word in ("-c", setting)]
    env = {name: value for name, value in os.environ.items() if name not in _OWN_REPOSITORY}
    env |= {"LC_ALL": "C", "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS)}
    asks = sys.stdin is not None and sys.stdin.isatty()
    if not asks:
        env["GIT_TERMINAL_PROMPT"] = "0"
    try:
        return subprocess.run(
            ["git", *options, *arguments],
            env=env,
            stdin=None if asks else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise PrerequisiteError(f"git was not done after {PATIENCE} seconds.", "Look at the network.") from exc


def _last_line(output: str, source: Source, folder: Path) -> str:
    """Return the line in which git says why it gave up, without credentials and our own folder."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it did not say why"]
    line = next((line for line in reversed(lines) if line.startswith(("fatal:", "ERROR:"))), lines[-1])
    line = line.replace(source.url, source.origin).replace(str(folder), "coach's folder")
    return _SECRET.sub("", line)


_WHAT_WORKS = (
    "Name a folder that holds pack.toml, or a git repository: https://…, ssh://…, git@host:path, each with @REV if you "
    "like. A pack that is a Python package needs no adding: pip install NAME"
)
