"""Which cases prove an exercise, and what their reports must say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol
from zlib import crc32

from msgspec import Struct

from coach import __version__
from coach.catalog.faults import fault_tree, faults
from coach.catalog.graders import CheckSource, read_checks
from coach.catalog.packs import Pack
from coach.catalog.starters import reference_tree, render_starter, write_tree
from coach.errors import ContentError, InputError, nearest
from coach.model import FORMAT, Case, CaseResult, Exercise, Fault, PackRef, Proof, Report, Violation
from coach.runtime.prepare import missing_tool
from coach.verify.environments import Environments
from coach.verify.memory import Memory
from coach.verify.workers import Settings, run_cases
from coach.workspace import find_workspace

RACE_RUNS = 5
"""How often a fault of concurrency runs: it must fail every time."""
RACE_FIXTURE = "simultaneously"
BROKEN = {"crashed", "hung", "connection-closed", "invalid-http", "tampered"}
"""Codes that a starter's failures never have: it answers, it only does nothing yet."""


class Plan(Struct, frozen=True):
    """What to prove of an exercise: on all its stacks or one, with so many runs of each reference.

    A `sample` grades each fault on one of its stacks, which its name decides; that is for changes that are not the
    exercise's own.
    """

    stack: str = ""
    sample: bool = False
    repeat: int = 1
    force: bool = False


class _Content(Struct, frozen=True):
    """An exercise with what its proof refers to."""

    pack: Pack
    exercise: Exercise
    faults: tuple[Fault, ...]
    checks: tuple[CheckSource, ...]

    def file(self, case: Case) -> str:
        """Name the file or folder to change when a case does not come out as it must."""
        folder = f"exercises/{self.exercise.id}"
        if case.kind == "starter":
            own = self.pack.folder(self.exercise) / "starter" / case.stack
            return f"{folder}/starter/{case.stack}" if own.is_dir() else f"templates/stacks/{case.stack}"
        return f"{folder}/faults.toml" if case.kind == "fault" else f"{folder}/reference/{case.stack}"


def prove(
    pack: Pack,
    names: Sequence[str],
    plan: Plan,
    settings: Settings,
    cache: Path,
    watcher: Watcher,
) -> list[Proof]:
    """Grade all cases of all these exercises side by side, and judge them.

    `cache` holds installed environments and what has been proved before; a broken exercise is a violation of its own
    and does not keep the others from being proved.

    Raises:
        InputError: when there is no such exercise, or it does not have the planned stack.
    """
    proofs: dict[str, Proof] = {}
    contents: dict[str, _Content] = {}
    cases: list[Case] = []
    memory = Memory(cache, pack, repr((plan.stack, plan.sample, plan.repeat, settings.load, settings.container)))
    for name in names:
        try:
            content = _read(pack, name)
            known = None if plan.force else memory.recall(content.exercise)
            if known is not None:
                proofs[name] = known
                continue
            cases += plan_cases(content, plan)
            contents[name] = content
        except ContentError as error:
            proofs[name] = _broken(pack, name, error)
    environments = Environments(cache / "environments", pack)
    results: dict[Case, CaseResult] = {}

    def write(case: Case, folder: Path) -> None:
        content = contents[case.exercise]
        tree = _tree(content, case)
        write_tree(tree, folder)
        if not settings.container:
            environments.furnish(tree, folder, content.exercise, find_workspace(folder).config)

    def keep(result: CaseResult) -> None:
        results[result.case] = result
        watcher.done(result)

    watcher.begin(len(cases))
    run_cases(cases, write, pack, settings, keep)
    for name, content in contents.items():
        proofs[name] = _judge_exercise(content, plan, [results[case] for case in cases if case.exercise == name])
        memory.remember(content.exercise, proofs[name])
    return [proofs[name] for name in names]


class Watcher(Protocol):
    """Is told how far a verification has come."""

    def begin(self, cases: int) -> None:
        """So many cases will be graded."""

    def done(self, result: CaseResult) -> None:
        """One case has been graded."""


def _read(pack: Pack, name: str) -> _Content:
    exercise = pack.exercise(name)
    return _Content(pack, exercise, faults(pack, exercise), read_checks(pack.grader(exercise)))


def _broken(pack: Pack, name: str, error: ContentError) -> Proof:
    violation = Violation(case=name, file=f"exercises/{name}", message=f"{error.message} {error.hint}".strip())
    return Proof(
        format=FORMAT,
        coach=__version__,
        pack=PackRef(id=pack.manifest.id, revision=pack.revision, hash=""),
        exercise=name,
        results=(),
        killed={},
        violations=(violation,),
        seconds=0.0,
        broken=True,
    )


def _judge_exercise(content: _Content, plan: Plan, results: list[CaseResult]) -> Proof:
    killed = _killed(content, results)
    return Proof(
        format=FORMAT,
        coach=__version__,
        pack=content.pack.reference(content.exercise),
        exercise=content.exercise.id,
        results=tuple(results),
        killed=killed,
        violations=(*_judge_all(content, results), *_not_killed(content, plan, killed)),
        seconds=round(sum(result.seconds for result in results), 1),
    )


def plan_cases(content: _Content, plan: Plan) -> Iterable[Case]:
    """Return the cases that prove an exercise, references first: while they fail, nothing else means much.

    Raises:
        InputError: when the exercise does not have the planned stack.
    """
    exercise, pack = content.exercise, content.pack
    if plan.stack and plan.stack not in exercise.stacks:
        raise InputError(f'"{exercise.id}" has no stack "{plan.stack}".', nearest(plan.stack, exercise.stacks))
    stacks = [plan.stack] if plan.stack else list(exercise.stacks)
    references = [name for name in stacks if (pack.folder(exercise) / "reference" / name).is_dir()]
    for run in range(1, plan.repeat + 1):
        yield from (Case(exercise=exercise.id, stack=name, kind="reference", run=run) for name in references)
    yield from (Case(exercise=exercise.id, stack=name, kind="starter") for name in stacks)
    races = {check.name for check in content.checks if RACE_FIXTURE in check.arguments}
    for fault in content.faults:
        runs = RACE_RUNS if races.intersection(fault.fails) else 1
        on = list(dict.fromkeys(edit.stack for edit in fault.edit if edit.stack in stacks))
        for name in [on[crc32(fault.name.encode()) % len(on)]] if plan.sample and on else on:
            for run in range(1, runs + 1):
                yield Case(exercise=exercise.id, stack=name, kind="fault", fault=fault.name, run=run)


def _tree(content: _Content, case: Case) -> dict[str, bytes]:
    pack, exercise = content.pack, content.exercise
    if case.kind == "starter":
        return render_starter(pack, exercise, pack.stack(case.stack))
    if case.kind == "reference":
        return reference_tree(pack, exercise, case.stack)
    return fault_tree(pack, exercise, case.fault, case.stack)


def _judge_all(content: _Content, results: list[CaseResult]) -> Iterable[Violation]:
    for result in results:
        for message in _judge(content, result):
            yield Violation(case=result.case.label, file=content.file(result.case), message=message)


def _judge(content: _Content, result: CaseResult) -> Iterable[str]:
    """Say what is wrong with one result; nothing when it is as it must be."""
    report, case = result.report, result.case
    if report is None:
        yield result.problem
        return
    for check in report.checks:
        if check.outcome == "error":
            yield f"{check.name} ended in error: {check.message}"
    if case.kind == "starter":
        yield from _judge_starter(content, case, report)
    elif report.cause is not None:
        last = f" It printed: {report.cause.log[-1]}" if report.cause.log else ""
        yield f"The program does not run [{report.cause.code}]: {report.cause.message}{last}"
    elif case.kind == "reference":
        for check in report.checks:
            if check.outcome == "failed":
                yield f"{check.name} fails: {check.message} Expected {check.expected}, got {check.got}"
    else:
        fault = next(fault for fault in content.faults if fault.name == case.fault)
        yield from _judge_fault(fault, report)


def _judge_starter(content: _Content, case: Case, report: Report) -> Iterable[str]:
    bootless = not content.pack.stack(case.stack).start
    if bootless and report.cause is not None and report.cause.code == "start-command-missing":
        return
    if report.cause is not None:
        yield f"The starter does not run [{report.cause.code}]: {report.cause.message}"
    elif not report.count("failed"):
        yield "The untouched starter passes: no check notices that nothing is written yet."
    for check in report.checks:
        if check.outcome == "failed" and check.code in BROKEN:
            yield f"{check.name} fails with {check.code}: a starter answers, even if only that something is missing."


def _judge_fault(fault: Fault, report: Report) -> Iterable[str]:
    named = set(fault.fails)
    outcomes = {check.name: check.outcome for check in report.checks}
    for name in fault.fails:
        if name not in outcomes:
            yield f'fails names "{name}", which is no check. {nearest(name, outcomes)}'
        elif outcomes[name] != "failed":
            yield f"{name} should fail, but it {_is(outcomes[name])}."
    for check in report.checks:
        if check.outcome == "failed" and check.name not in named:
            yield f"{check.name} fails too, which fails does not say: {check.message} [{check.code or 'wrong'}]"
        elif check.outcome == "blocked" and not _leads_to(check.name, report, named):
            yield f"{check.name} is blocked by {check.blocked_by}, which is no check that the fault names."


def _is(outcome: str) -> str:
    return "passes" if outcome == "passed" else f"is {outcome}"


def _leads_to(name: str, report: Report, named: set[str]) -> bool:
    """Tell whether the chain of blocked checks ends at one that the fault names."""
    by = {check.name: check.blocked_by for check in report.checks if check.outcome == "blocked"}
    while name in by:
        name = by[name]
    return name in named


def _killed(content: _Content, results: list[CaseResult]) -> dict[str, tuple[str, ...]]:
    """Return for each check the faults that fail it, on whichever stack."""
    killed: dict[str, dict[str, None]] = {check.name: {} for check in content.checks}
    for result in results:
        if result.case.kind == "fault" and result.report is not None:
            for check in result.report.checks:
                if check.outcome == "failed":
                    killed.setdefault(check.name, {})[result.case.fault] = None
    return {name: tuple(found) for name, found in killed.items()}


def _not_killed(content: _Content, plan: Plan, killed: dict[str, tuple[str, ...]]) -> Iterable[Violation]:
    """Name the checks that no fault fails; with one stack alone, faults of the others may be those that do."""
    if plan.stack:
        return
    for check in content.checks:
        if not killed[check.name]:
            yield Violation(
                case=check.name,
                file=f"exercises/{content.exercise.id}/faults.toml",
                message="No fault fails this check: nobody knows whether it can fail. Write a fault that it catches.",
            )


def unfit_stacks(pack: Pack, exercise: Exercise) -> dict[str, str]:
    """Return the stacks of an exercise that this machine cannot run, each with what is missing."""
    missing: dict[str, str] = {}
    for name in exercise.stacks:
        problems = [problem for tool in pack.stack(name).toolchain if (problem := missing_tool(tool))]
        if problems:
            missing[name] = problems[0]
    return missing
