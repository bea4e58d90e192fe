"""A proof as an author reads it in a terminal: the kill matrix, then whatever does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from coach.model import Proof
from coach.reports.text import clean, duration, paint, plural


def proof_text(proof: Proof) -> str:
    """Return the kill matrix of an exercise (checks by faults), its violations and its verdict."""
    return "\n".join([*_matrix(proof), *_violations(proof), _verdict(proof)])


def _matrix(proof: Proof) -> Iterator[str]:
    faults = list(dict.fromkeys(fault for found in proof.killed.values() for fault in found))
    if not faults:
        return
    yield f"{paint(proof.exercise, 'bold')}: which fault fails which check"
    yield ""
    digits = len(str(len(faults)))
    width = max(len(name) for name in proof.killed)
    for place in range(digits):
        row = "".join(f"{str(number).rjust(digits)[place]} " for number in range(1, len(faults) + 1))
        yield f"  {' ' * width}  {paint(row.rstrip(), 'dim')}"
    for name, found in proof.killed.items():
        cells = " ".join(paint("✗", "red") if fault in found else paint("·", "dim") for fault in faults)
        yield f"  {clean(name).ljust(width)}  {cells}"
    yield ""
    for number, fault in enumerate(faults, 1):
        yield f"  {str(number).rjust(digits)} {clean(fault)}"
    yield ""


def _violations(proof: Proof) -> Iterator[str]:
    for violation in proof.violations:
        yield f"{paint('✗', 'red')} {paint(clean(violation.case), 'bold')}: {clean(violation.message)}"
        yield f"  change {clean(violation.file)}"


def _verdict(proof: Proof) -> str:
    name = paint(proof.exercise, "bold")
    if proof.violations:
        return f"{name}: {paint(plural(len(proof.violations), 'violation'), 'red')}; begin with the first"
    checks, faults = len(proof.killed), len({fault for found in proof.killed.values() for fault in found})
    what = f"{plural(checks, 'check')}, {plural(faults, 'fault')}"
    alone = f" on {proof.stack} alone" if proof.stack else ""
    if proof.known:
        return f"{name}: {paint('proved before', 'green')}{alone} for the same content ({what})"
    graded = f"{plural(len(proof.results), 'grading')} of {duration(proof.seconds * 1000)} in all"
    return f"{name}: {paint('proved', 'green')}{alone} ({what}, {graded})"
