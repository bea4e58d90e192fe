"""The data that every part of coach agrees on, as typed structures; `plain` reads and writes them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

FORMAT = 1
"""The version of every file format; a file with a newer one is refused."""

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
GRADER = r"^test_[a-z0-9_]+\.py$"
MEMORY = r"^\d+(KiB|MiB|GiB)$"
BASE_PATH = r"^(/[^/?#\s]+)*$"
"""Forms of texts in files; what a message says of them stands in `plain`."""

Outcome = Literal["passed", "failed", "blocked", "error"]
Mode = Literal["process", "container"]
Network = Literal["cut", "open"]


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
Whose = Literal["", "pack", "grader", "machine"]


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
    whose: Whose = ""
    """Whose the problem is, where it is not the tree's."""


class Violation(Result, frozen=True):
    """Something that a proof demands and does not hold, with the file to change."""

    case: str
    file: str
    message: str


class Proof(Result, frozen=True):
    """What was shown of one exercise, on all its stacks or on `stack` alone.

    `killed` tells for each check which faults fail it.
    """

    format: int
    coach: str
    pack: PackRef
    exercise: str
    results: tuple[CaseResult, ...]
    killed: dict[str, tuple[str, ...]]
    violations: tuple[Violation, ...]
    seconds: float
    stack: str = ""
    known: bool = False
    """Nothing ran: the same content had been proved before."""
    broken: bool = False
    """Something could not be graded at all: the exercise's files, its grader, or this machine is at fault."""


def score(checks: tuple[CheckResult, ...]) -> Score:
    """Add up points; an `error` leaves the denominator, a blocked check does not."""
    return Score(
        points=sum(check.points for check in checks if check.outcome == "passed"),
        of=sum(check.points for check in checks if check.outcome != "error"),
    )
