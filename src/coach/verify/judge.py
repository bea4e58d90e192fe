"""What the results of an exercise's cases must say, and what to change where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from coach import __version__
from coach.errors import nearest
from coach.model import FORMAT, Case, CaseResult, Fault, Proof, Report, Violation
from coach.verify.content import Content, Plan
from coach.verify.workers import printed

BROKEN = {"crashed", "hung", "connection-closed", "invalid-http", "tampered"}
"""Codes that a starter's failures never have: it answers, it only does nothing yet."""
SHOWN_CASES = 3
"""Cases that are named where many have the same to say."""


def judge(content: Content, plan: Plan, cases: list[Case], results: Mapping[Case, CaseResult]) -> Proof:
    """Judge an exercise by the results of its cases; those without a result were left out, and are told."""
    found = [results[case] for case in cases if case in results]
    left_out = [case for case in cases if case not in results]
    killed = _killed(content, found)
    violations = [
        *_together(violation for result in found for violation in _judge_case(content, result)),
        *_left_out(content, left_out),
        *_without_reference(content, plan, cases),
        *([] if plan.stack or left_out else _not_killed(content, killed)),
    ]
    return Proof(
        format=FORMAT,
        coach=__version__,
        pack=content.pack.reference(content.exercise),
        exercise=content.exercise.id,
        results=tuple(found),
        killed=killed,
        violations=tuple(violations),
        seconds=round(sum(result.seconds for result in found), 1),
        stack=plan.stack,
        broken=any(result.whose or _is_dead(result) for result in found),
    )


def _is_dead(result: CaseResult) -> bool:
    """Tell whether a reference does not run, or hangs: then it is no solution at all, rather than a wrong one."""
    report = result.report
    if result.case.kind != "reference" or report is None:
        return False
    return report.cause is not None or any(check.code in BROKEN for check in report.checks)


def _together(violations: Iterable[Violation]) -> Iterator[Violation]:
    """Tell once what several cases have in common."""
    alike: dict[tuple[str, str], list[str]] = {}
    for violation in violations:
        alike.setdefault((violation.file, violation.message), []).append(violation.case)
    for (file, message), labels in alike.items():
        more = f" and {len(labels) - SHOWN_CASES} more" if len(labels) > SHOWN_CASES else ""
        yield Violation(case=", ".join(labels[:SHOWN_CASES]) + more, file=file, message=message)


def _left_out(content: Content, cases: list[Case]) -> Iterator[Violation]:
    """Say which faults were not graded, and why."""
    for stack in dict.fromkeys(case.stack for case in cases):
        number = len({case.fault for case in cases if case.stack == stack})
        yield Violation(
            case=f"faults@{stack}",
            file=f"exercises/{content.exercise.id}",
            message=f"{number} faults were not graded: first the reference must pass, and no check end in error.",
        )


def _without_reference(content: Content, plan: Plan, cases: list[Case]) -> Iterator[Violation]:
    """Refuse to call proved what nothing has been shown to pass."""
    if not any(case.kind == "reference" for case in cases):
        yield Violation(
            case=f"reference@{plan.stack}" if plan.stack else "references",
            file=f"exercises/{content.exercise.id}/reference",
            message="There is no reference: nothing shows that a right solution passes. Write one.",
        )


def _judge_case(content: Content, result: CaseResult) -> Iterator[Violation]:
    """Say what is wrong with one result; nothing when it is as it must be."""
    label, file = result.case.label, content.file(result.case)
    if result.report is None:
        if result.whose == "grader":
            file = content.check_line("")
        yield Violation(case=label, file=file, message=result.problem)
        return
    for check in result.report.checks:
        if check.outcome == "error":
            message = f"{check.name} ended in error: {check.message}"
            yield Violation(case=label, file=content.check_line(check.name), message=message)
    for message in _judge_report(content, result.case, result.report):
        yield Violation(case=label, file=file, message=message)


def _judge_report(content: Content, case: Case, report: Report) -> Iterator[str]:
    if case.kind == "starter":
        yield from _judge_starter(content, case, report)
    elif report.cause is not None:
        cause = report.cause
        yield f"The program does not run [{cause.code}]: {cause.message}{printed(cause.log)}"
    elif case.kind == "reference":
        for check in report.checks:
            if check.outcome == "failed":
                code = f" [{check.code}]" if check.code else ""
                yield f"{check.name} fails{code}: {check.message} Expected {check.expected}, got {check.got}"
    else:
        fault = next(fault for fault in content.faults if fault.name == case.fault)
        yield from _judge_fault(fault, report)


def _judge_starter(content: Content, case: Case, report: Report) -> Iterator[str]:
    bootless = not content.pack.stack(case.stack).start
    if bootless and report.cause is not None and report.cause.code == "start-command-missing":
        return
    if report.cause is not None:
        yield f"The starter does not run [{report.cause.code}]: {report.cause.message}"
    elif report.count("passed") == len(report.checks):
        yield "The untouched starter passes: no check notices that nothing is written yet."
    for check in report.checks:
        if check.outcome == "failed" and check.code in BROKEN:
            yield f"{check.name} fails with {check.code}: a starter answers, even if only that something is missing."


def _judge_fault(fault: Fault, report: Report) -> Iterator[str]:
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


def _killed(content: Content, results: list[CaseResult]) -> dict[str, tuple[str, ...]]:
    """Return for each check the faults that fail it, on whichever stack."""
    killed: dict[str, dict[str, None]] = {check.name: {} for check in content.checks}
    for result in results:
        if result.case.kind == "fault" and result.report is not None:
            for check in result.report.checks:
                if check.outcome == "failed":
                    killed.setdefault(check.name, {})[result.case.fault] = None
    return {name: tuple(found) for name, found in killed.items()}


def _not_killed(content: Content, killed: dict[str, tuple[str, ...]]) -> Iterator[Violation]:
    """Name the checks that no fault fails; meaningless for one stack alone, where others may have the faults."""
    for check in content.checks:
        if not killed[check.name]:
            yield Violation(
                case=check.name,
                file=f"exercises/{content.exercise.id}/faults.toml",
                message="No fault fails this check: nobody knows whether it can fail. Write a fault that it catches.",
            )
