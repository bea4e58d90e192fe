"""The data that every part of coach agrees on, as typed structures that read from and write to plain data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from coach.errors import CoachError, nearest

FORMAT = 1
"""The version of every file format; a file with a newer one is refused."""
TOML_LIMIT = 1 << 20
"""Bytes that a file of settings may have."""

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
GRADER = r"^test_[a-z0-9_]+\.py$"
MEMORY = r"^\d+(KiB|MiB|GiB)$"
BASE_PATH = r"^(/[^/?#\s]+)*$"
"""Forms of texts in files; what a message says of them stands beside `from_plain`."""

Outcome = Literal["passed", "failed", "blocked", "error"]
Mode = Literal["process", "container"]
Network = Literal["cut", "open"]
T = TypeVar("T")


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A structure read from a file: an unknown key is an error."""


class Result(Struct, frozen=True, kw_only=True):
    """A structure that coach writes: readers of an older coach skip keys that they do not know."""


# ── content: what authors write ──────────────────────────────────────────────────────────────────────────────────────


class PackManifest(Strict, frozen=True):
    """`pack.toml`: what names a pack."""

    format: int
    id: Annotated[str, Meta(pattern=NAME)]
    title: str
    summary: str
    version: str


class Route(Strict, frozen=True):
    """One row of an exercise's table of routes."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    path: str
    """In the OpenAPI notation: `/notes/{id}`."""
    task: int
    summary: str
    body: str = ""
    query: str = ""
    """An example of its parameters, without the question mark: `q=milk&page=1`."""
    answers: tuple[int, ...] = ()


class ServiceNeed(Strict, frozen=True):
    """One service that an exercise needs; with several names the learner chooses."""

    any_of: tuple[str, ...]


class RandomValue(Strict, frozen=True):
    """An environment variable with a fresh value for each run: `random` hexadecimal digits."""

    random: Annotated[int, Meta(ge=1, le=1024)]


class Limits(Strict, frozen=True):
    """What a submission may use: seconds for `boot`, `check` and `run`, bytes with a unit for `memory`."""

    boot: Annotated[float, Meta(gt=0)] = 20.0
    check: Annotated[float, Meta(gt=0)] = 10.0
    run: Annotated[float, Meta(gt=0)] = 180.0
    memory: Annotated[str, Meta(pattern=MEMORY)] = "1GiB"

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes."""
        number, unit = int(self.memory[:-3]), self.memory[-3:]
        return number * {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[unit]


class Exercise(Strict, frozen=True):
    """`exercise.toml`: one assignment."""

    format: int
    id: Annotated[str, Meta(pattern=NAME)]
    title: str
    kind: Literal["task", "mini-project", "project"]
    summary: str
    minutes: Annotated[int, Meta(ge=1)]
    grader: Annotated[str, Meta(pattern=GRADER)]
    stacks: tuple[str, ...]
    routes: tuple[Route, ...]
    requires: tuple[str, ...] = ()
    services: tuple[ServiceNeed, ...] = ()
    dependencies: dict[str, tuple[str, ...]] = {}
    env: dict[str, str | RandomValue] = {}
    limits: Limits = Limits()


class Edit(Strict, frozen=True):
    """One replacement in a reference's file; `find` matches exactly once."""

    stack: str
    file: str
    find: Annotated[str, Meta(min_length=1)]
    replace: str


class Fault(Strict, frozen=True):
    """A wrong solution, named after its mistake, with the checks that it must fail."""

    name: Annotated[str, Meta(pattern=NAME)]
    why: str
    fails: tuple[str, ...]
    edit: tuple[Edit, ...]


class Faults(Strict, frozen=True):
    """`faults.toml`: all faults of an exercise."""

    format: int
    fault: tuple[Fault, ...] = ()


class Tool(Strict, frozen=True):
    """A command that a stack needs on this machine, `min` being the lowest version that will do."""

    command: str
    hint: str
    min: str = ""


class Stack(Strict, frozen=True):
    """`stack.toml`: a language and framework that learners can pick."""

    format: int
    id: str
    title: str
    toolchain: tuple[Tool, ...] = ()
    install: str = ""
    install_locked: str = ""
    """Replaces `install` where the workspace has the lock file."""
    start: str = ""
    manifest: str = ""
    lock: str = ""
    path: tuple[str, ...] = ()
    """Folders of the workspace that come first on PATH."""
    packages: dict[str, str] = {}
    """Every version in one place: package name to version."""


class WorkspaceConfig(Strict, frozen=True):
    """`coach.toml`: which exercise a workspace solves, and how its program is installed and started."""

    format: int
    exercise: str
    stack: str
    pack: str = "coach"
    revision: str = ""
    install: str = ""
    start: str = ""
    base_path: Annotated[str, Meta(pattern=BASE_PATH)] = ""
    processes: dict[str, str] = {}
    services: dict[str, str] = {}
    providers: dict[str, Literal["url", "container", "native", "embedded"]] = {}


class Task(Struct, frozen=True):
    """One numbered requirement of an exercise's instructions."""

    number: int
    title: str
    text: str


# ── results: what coach reports ──────────────────────────────────────────────────────────────────────────────────────


class Request(Result, frozen=True):
    """What a check sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class Response(Result, frozen=True):
    """What came back, decoded as text and capped."""

    status: int
    headers: dict[str, str]
    body: str


class Exchange(Result, frozen=True):
    """One request and its response, which is null where none came; `ms` is the time it took.

    `restarted` names the signal by which the check had ended the program, when it was started again just before.
    """

    request: Request
    response: Response | None
    ms: float
    curl: str
    restarted: str = ""


class Cause(Result, frozen=True):
    """Why a submission could not be graded, or not further."""

    code: str
    message: str
    remedy: str
    log: tuple[str, ...] = ()


class Notice(Result, frozen=True):
    """Something that costs no points and that the learner should know."""

    code: str
    message: str
    remedy: str


class CheckResult(Result, frozen=True):
    """One check's verdict with all that explains it."""

    name: str
    title: str
    task: int
    points: int
    outcome: Outcome
    task_title: str = ""
    code: str = ""
    blocked_by: str = ""
    message: str = ""
    expected: str = ""
    got: str = ""
    hint: str = ""
    exchanges: tuple[Exchange, ...] = ()
    log: tuple[str, ...] = ()
    ms: float = 0.0


class Score(Result, frozen=True):
    """Points reached, out of those that could be judged."""

    points: int
    of: int


class PackRef(Result, frozen=True):
    """Which content graded: the pack, its revision and the hash over the exercise's files."""

    id: str
    revision: str
    hash: str


class Provided(Result, frozen=True):
    """How this machine supplied a service."""

    provider: Literal["url", "container", "native", "embedded"]
    version: str


class Phases(Result, frozen=True):
    """Milliseconds that each phase of a grading took; the boot runs beside the start of the grader."""

    prepare: float
    services: float
    boot: float
    checks: float
    teardown: float


class Report(Result, frozen=True):
    """All results of one attempt, as versioned data."""

    format: int
    coach: str
    pack: PackRef
    exercise: str
    title: str
    stack: str
    mode: Mode
    network: Network
    providers: dict[str, Provided]
    seed: int
    started_at: str
    phases_ms: Phases
    cause: Cause | None
    notices: tuple[Notice, ...]
    score: Score
    checks: tuple[CheckResult, ...]

    def count(self, outcome: Outcome) -> int:
        """How many checks ended so."""
        return sum(check.outcome == outcome for check in self.checks)


# ── proofs: what coach says of a pack ────────────────────────────────────────────────────────────────────────────────

CaseKind = Literal["starter", "reference", "fault"]


class Case(Result, frozen=True):
    """One tree of an exercise that is graded to prove its grader; `run` counts the repeats from 1."""

    exercise: str
    stack: str
    kind: CaseKind
    fault: str = ""
    run: int = 1

    @property
    def label(self) -> str:
        """The case as a person writes it: `starter@express`, `forgets-on-restart@express`."""
        again = f" (run {self.run})" if self.run > 1 else ""
        return f"{self.fault or self.kind}@{self.stack}{again}"


class CaseResult(Result, frozen=True):
    """What a case came to: its report, or the sentence that says why there is none; `seconds` is its wall time."""

    case: Case
    report: Report | None
    problem: str
    seconds: float


class Violation(Result, frozen=True):
    """Something that a proof demands and does not hold, with the file to change."""

    case: str
    file: str
    message: str


class Proof(Result, frozen=True):
    """What was shown of one exercise; `killed` tells for each check which faults fail it."""

    format: int
    coach: str
    pack: PackRef
    exercise: str
    results: tuple[CaseResult, ...]
    killed: dict[str, tuple[str, ...]]
    violations: tuple[Violation, ...]
    seconds: float
    known: bool = False
    """Nothing ran: the same content had been proved before."""
    broken: bool = False
    """Nothing ran: the exercise's files cannot be read."""


def score(checks: tuple[CheckResult, ...]) -> Score:
    """Add up points; an `error` leaves the denominator, a blocked check does not."""
    return Score(
        points=sum(check.points for check in checks if check.outcome == "passed"),
        of=sum(check.points for check in checks if check.outcome != "error"),
    )


# ── to and from plain data ───────────────────────────────────────────────────────────────────────────────────────────


def read_toml(path: Path, kind: type[T], error: type[CoachError]) -> T:
    """Read a TOML file as `kind`.

    Raises:
        CoachError: of the class `error`, when the file cannot be read, is not TOML, has a newer format, an unknown key
            or a wrong value; the message names file and key.
    """
    import tomllib  # noqa: PLC0415 - `coach --help` reads no TOML

    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe or a device would be read for ever
            raise error(f"{path} is not a file.", "Put a text file in its place.")
        if path.exists() and path.stat().st_size > TOML_LIMIT:
            raise error(f"{path} has more than {TOML_LIMIT >> 20} MiB.", "Keep what the program needs in other files.")
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows begin files with a BOM
    except FileNotFoundError:
        raise error(f"{path} does not exist.") from None
    except OSError as exc:
        raise error(f"{path} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise error(f"{path} is not UTF-8 text.", "Save the file as UTF-8.") from exc
    except tomllib.TOMLDecodeError as exc:
        raise error(f"{path} is not valid TOML: {exc}.", "Mend that line; https://toml.io shows the syntax.") from exc
    except RecursionError:
        raise error(f"{path} is nested too deeply to be read.") from None
    check_format(data, str(path), error)
    return from_plain(data, kind, str(path), error)


def check_format(data: dict[str, Any], where: str, error: type[CoachError]) -> None:
    """Refuse what has no `format`, or a newer one than this coach knows; `from_plain` looks at its type."""
    if "format" not in data:
        raise error(f'{where} has no "format" key.', f"Add the line: format = {FORMAT}")
    found = data["format"]
    if isinstance(found, int) and found > FORMAT:
        raise error(
            f"{where} has format {found}; this coach reads formats up to {FORMAT}.",
            "Upgrade coach: pip install --upgrade coach",
        )


def from_plain(data: Any, kind: type[T], where: str, error: type[CoachError]) -> T:
    """Convert plain data to `kind`; `where` names its origin in messages."""
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as exc:
        text = str(exc)
        hint = _nearest_key(text, kind) if "unknown field" in text else ""
        raise error(f"{where}: {_in_words(text)}.", hint) from exc


_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


_FORMS = {
    BASE_PATH: 'must begin with a slash and end with none, such as "/api/v1"',
    NAME: "must be small letters and digits, in words joined by hyphens",
    MEMORY: 'must be a whole number with KiB, MiB or GiB, such as "512MiB"',
    GRADER: 'must be a file name such as "test_phase_2_notes.py"',
}


def _in_words(message: str) -> str:
    """Say what msgspec found wrong in the words of whoever wrote the file."""
    problem, _, at = message.partition(" - at `$")
    key = at.rstrip("`").removeprefix(".").replace("[...]", "")
    inside = f' in "{key}"' if key else ""
    name = f'a value of "{key}"' if "[...]" in at else f'"{key}"'
    if found := re.fullmatch(r"Object missing required field `(.+)`", problem):
        return f'the key "{found[1]}" is missing{inside}'
    if found := re.fullmatch(r"Object contains unknown field `(.+)`", problem):
        return f'unknown key "{found[1]}"{inside}'
    if found := re.fullmatch(r"Expected `(.+)`, got `(.+)`", problem):
        return f"{name} must be {_kind(found[1])}, not {_kind(found[2])}"
    if found := re.fullmatch(r"Expected `.+` matching regex '(.+)'", problem):
        pattern = found[1].replace("\\\\", "\\")
        return f"{name} {_FORMS.get(pattern, 'does not have the right form')}"
    if found := re.fullmatch(r"Invalid enum value (.+)", problem):
        return f"{name} cannot be {found[1]}".replace("'", '"')
    return f"{name}: {problem}".replace("`", '"')


def _kind(name: str) -> str:
    return " or ".join(_KINDS.get(one, one) for one in name.split(" | "))


def _nearest_key(message: str, kind: Any) -> str:
    """Find the structure that an "unknown field" message speaks of and name the nearest known key."""
    unknown = message.split("`")[1]
    known: set[str] = set()
    todo, seen = [msgspec.inspect.type_info(kind)], set()
    while todo:
        info = todo.pop()
        if isinstance(info, msgspec.inspect.StructType) and info.cls not in seen:
            seen.add(info.cls)
            known.update(field.encode_name for field in info.fields)
            todo.extend(field.type for field in info.fields)
        todo.extend(getattr(info, inner) for inner in ("item_type", "value_type") if hasattr(info, inner))
        todo.extend(getattr(info, "types", ()))
    return nearest(unknown, known)


def to_json(value: Struct) -> str:
    """Write a structure as indented JSON text with a final newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def report_from_json(text: str | bytes) -> Report:
    """Read a report back.

    Raises:
        CoachError: when the text is not a report, or one of a newer coach.
    """
    where = "The report"
    try:
        data = msgspec.json.decode(text, type=dict)
    except msgspec.DecodeError as exc:
        raise CoachError(f"{where} cannot be read: {exc}.") from exc
    check_format(data, where, CoachError)
    return from_plain(data, Report, where, CoachError)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report."""
    schema = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "coach report", **schema}
