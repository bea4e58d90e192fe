"""One grading run, step by step: prepare, services, boot, checks, teardown; plain data in, a Report out."""

from __future__ import annotations

import random
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from coach import __version__
from coach.catalog.packs import Pack
from coach.errors import PrerequisiteError, SubmissionError, TamperedError
from coach.model import FORMAT, Cause, CheckResult, Exercise, Notice, Phases, RandomValue, Report, Stack, score
from coach.runtime.prepare import prepare
from coach.runtime.process import ProcessProgram
from coach.runtime.program import Program, Spec
from coach.runtime.supervisor import become_subreaper, keep_private, remove_scratch
from coach.workspace import Workspace

if TYPE_CHECKING:
    from coach.grading.run import Run

SEEDS = 2**32


@dataclass(frozen=True)
class Options:
    """What a person may choose for one grading: the mode, the checks by name or task (none means all), the seed."""

    container: bool = False
    only: tuple[str, ...] = ()
    tasks: tuple[int, ...] = ()
    seed: int | None = None


class Watcher(Protocol):
    """Is told what happens while it happens."""

    def phase(self, name: str) -> None:
        """A phase begins: `prepare`, `boot`, `checks` or `teardown`."""

    def progress(self, line: str) -> None:
        """The installer or the image builder printed a line."""

    def check(self, result: CheckResult) -> None:
        """A check is finished."""


class _Clock:
    """Measures phases that follow each other."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._phase = ""
        self._since = time.monotonic()
        self.ms: dict[str, float] = {}

    def enter(self, phase: str) -> None:
        """End the phase before and begin another."""
        now = time.monotonic()
        if self._phase:
            self.ms[self._phase] = self.ms.get(self._phase, 0.0) + (now - self._since) * 1000
        self._phase, self._since = phase, now
        if phase:
            self._watcher.phase(phase)

    def phases(self) -> Phases:
        """Return what was measured."""
        names = ("prepare", "services", "boot", "checks", "teardown")
        return Phases(**{name: round(self.ms.get(name, 0.0), 1) for name in names})


def grade(workspace: Workspace, pack: Pack, options: Options, watcher: Watcher) -> Report:
    """Grade the submission in a workspace.

    Raises:
        InputError: when the workspace or the options name something that does not exist.
        ContentError: when the pack is broken.
        PrerequisiteError, ServiceError: when this machine cannot do it.
    """
    exercise = pack.exercise(workspace.config.exercise)
    stack = pack.stack(workspace.config.stack)
    started_at = datetime.now(UTC)
    seed = secrets.randbelow(SEEDS) if options.seed is None else options.seed
    _refuse_learner_code_here(workspace.root)
    become_subreaper()
    keep_private()
    clock = _Clock(watcher)
    with _scratch() as scratch:
        clock.enter("prepare")
        spec = Spec(
            workspace=workspace.root,
            start=workspace.config.start,
            scratch=scratch,
            token=secrets.token_hex(16),
            env=_environment(exercise.env, seed),
            path=stack.path,
            limits=exercise.limits,
        )
        program = _program(spec, container=options.container)
        try:
            cause = _prepare(program, workspace, stack, watcher)
            clock.enter("boot")
            run = _check(program, exercise, pack, workspace, options, seed, spec.env, cause, clock, watcher)
        finally:
            clock.enter("teardown")
            program.close()
        clock.enter("")
        checks = tuple(run.results.values())
        return Report(
            format=FORMAT,
            coach=__version__,
            pack=pack.reference(exercise),
            exercise=exercise.id,
            title=exercise.title,
            stack=stack.id,
            mode=program.mode,
            network=program.network,
            providers={},
            seed=seed,
            started_at=started_at.isoformat(timespec="seconds"),
            phases_ms=clock.phases(),
            cause=run.cause,
            notices=(*_other_revision(workspace, pack), *program.notices()),
            score=score(checks),
            checks=checks,
        )


def _program(spec: Spec, *, container: bool) -> Program:
    if not container:
        return ProcessProgram(spec)
    from coach.runtime.container import ContainerProgram  # noqa: PLC0415 - the docker SDK costs 100 ms

    return ContainerProgram(spec)


def _prepare(program: Program, workspace: Workspace, stack: Stack, watcher: Watcher) -> Cause | None:
    """Make the program runnable and start it; return the cause when the submission prevents that."""
    try:
        if program.mode == "process":
            if not workspace.config.start.strip():
                raise SubmissionError(
                    "start-command-missing",
                    "coach.toml has no start command yet.",
                    'Write the command that starts your server, such as: start = "node server.js"',
                )
            prepare(workspace.root, workspace.config, stack, watcher.progress)
        else:
            program.build(watcher.progress)
        program.start()
    except SubmissionError as error:
        return Cause(code=error.code, message=error.message, remedy=error.hint, log=error.log)
    return None


def _check(
    program: Program,
    exercise: Exercise,
    pack: Pack,
    workspace: Workspace,
    options: Options,
    seed: int,
    env: Mapping[str, str],
    cause: Cause | None,
    clock: _Clock,
    watcher: Watcher,
) -> Run:
    """Run the grader; the program boots while pytest and httpx are imported here, which is why they are only now."""
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # httpx's own command line: 20 ms for nobody
    from coach.catalog.instructions import task_titles  # noqa: PLC0415
    from coach.grading.plugin import run_grader  # noqa: PLC0415
    from coach.grading.run import Run  # noqa: PLC0415

    run = Run(
        program=program,
        base_path=workspace.config.base_path,
        env=env,
        limits=exercise.limits,
        seed=seed,
        task_titles=task_titles(pack, exercise),
        on_result=watcher.check,
        on_ready=lambda: clock.enter("checks"),
        only=options.only,
        tasks=options.tasks,
        cause=cause,
    )
    run_grader(pack.grader(exercise), run)
    return run


def _other_revision(workspace: Workspace, pack: Pack) -> Iterator[Notice]:
    """Say so when the pack is no longer, or not yet, what the workspace was made from."""
    config = workspace.config
    if config.pack == pack.manifest.id and config.revision not in ("", pack.revision):
        yield Notice(
            code="pack-revision",
            message=f"This workspace was made from revision {config.revision} of the pack {config.pack}, and graded "
            f"with revision {pack.revision}.",
            remedy="What is asked may have changed; `coach start` in another folder gives the instructions of now.",
        )


def _environment(declared: Mapping[str, str | RandomValue], seed: int) -> dict[str, str]:
    """Return the exercise's variables, the random ones drawn from the seed."""
    rng = random.Random(f"env:{seed}")  # noqa: S311 - test data, and the report's seed must give it again
    return {
        name: value if isinstance(value, str) else "".join(rng.choices("0123456789abcdef", k=value.random))
        for name, value in declared.items()
    }


def _refuse_learner_code_here(workspace: Path) -> None:
    """Make sure that nothing of the submission is in this process, nor can be imported into it.

    Raises:
        TamperedError: when Python's start has already run a file of the workspace (a PYTHONPATH that points there).
    """
    for name in ("sitecustomize", "usercustomize"):
        origin = getattr(sys.modules.get(name), "__file__", None)
        if origin and Path(origin).resolve().is_relative_to(workspace):
            raise TamperedError(
                f"Python has run {origin} inside coach before coach could start.",
                "Unset PYTHONPATH, or take the workspace out of it.",
            )
    beside = (Path(sys.prefix).resolve(), Path(__file__).resolve().parents[1])
    sys.path[:] = [entry for entry in sys.path if not _is_learners(Path(entry or ".").resolve(), workspace, beside)]


def _is_learners(folder: Path, workspace: Path, beside: tuple[Path, ...]) -> bool:
    """Tell whether a folder of sys.path is the submission's; coach itself may be installed within the workspace."""
    return folder.is_relative_to(workspace) and not any(folder.is_relative_to(place) for place in beside)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Make the run's own folder, and remove it afterwards."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="coach-run-"))
    except OSError as exc:
        raise PrerequisiteError(
            f"The run's temporary files cannot be written: {exc.strerror}.",
            "Free some space, or point TMPDIR to a folder with room.",
        ) from exc
    try:
        yield folder.resolve()
    finally:
        remove_scratch(folder)
