"""Proves exercises: which trees are graded, in which order, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol
from zlib import crc32

from coach import __version__
from coach.catalog.faults import fault_tree, faults
from coach.catalog.graders import read_checks
from coach.catalog.packs import Pack
from coach.catalog.starters import reference_tree, render_starter, write_tree
from coach.errors import ContentError, InputError, nearest
from coach.model import FORMAT, Case, CaseResult, PackRef, Proof, Violation
from coach.verify.content import Content, Plan
from coach.verify.environments import Environments
from coach.verify.judge import judge
from coach.verify.memory import Memory
from coach.verify.workers import Settings, run_cases
from coach.workspace import find_workspace

RACE_RUNS = 5
"""How often a fault of concurrency runs: it must fail every time."""
RACE_FIXTURE = "simultaneously"


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
    contents: dict[str, Content] = {}
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
    run_cases([case for case in cases if case.kind != "fault"], write, pack, settings, keep)
    # Where the reference does not pass, or the grader breaks, what its faults do says nothing.
    spoilt = {(found.case.exercise, found.case.stack) for found in results.values() if _spoils(found)}
    run_cases(
        [case for case in cases if case.kind == "fault" and (case.exercise, case.stack) not in spoilt],
        write,
        pack,
        settings,
        keep,
    )
    for name, content in contents.items():
        own = [case for case in cases if case.exercise == name]
        proofs[name] = judge(content, plan, own, results)
        memory.remember(content.exercise, proofs[name])
    return [proofs[name] for name in names]


class Watcher(Protocol):
    """Is told how far a verification has come."""

    def begin(self, cases: int) -> None:
        """So many cases will be graded."""

    def done(self, result: CaseResult) -> None:
        """One case has been graded."""


def _read(pack: Pack, name: str) -> Content:
    exercise = pack.exercise(name)
    return Content(pack, exercise, faults(pack, exercise), read_checks(pack.grader(exercise)))


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


def _spoils(result: CaseResult) -> bool:
    """Tell whether a result of the first round makes the faults of its stack meaningless."""
    report = result.report
    if report is None or report.count("error"):
        return True
    return result.case.kind == "reference" and report.count("passed") < len(report.checks)


def plan_cases(content: Content, plan: Plan) -> Iterable[Case]:
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


def _tree(content: Content, case: Case) -> dict[str, bytes]:
    pack, exercise = content.pack, content.exercise
    if case.kind == "starter":
        return render_starter(pack, exercise, pack.stack(case.stack))
    if case.kind == "reference":
        return reference_tree(pack, exercise, case.stack)
    return fault_tree(pack, exercise, case.fault, case.stack)
