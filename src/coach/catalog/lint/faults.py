"""Rules for `faults.toml`: every fault can be made, and every check has one."""

from __future__ import annotations

from collections.abc import Iterator

from coach.catalog.lint.subject import Finding, Subject, line_of
from coach.errors import nearest
from coach.model import Fault


def faults_name_checks(subject: Subject) -> Iterator[Finding]:
    """`fails` names checks, and every check is failed by at least one fault."""
    path = subject.folder / "faults.toml"
    if not path.is_file():
        return
    checks = {check.name for check in subject.checks}
    for fault in subject.fault_list:
        line = line_of(path, f'name = "{fault.name}"')
        if not fault.fails:
            hint = "Name the checks that find it in fails."
            yield Finding(path, f'the fault "{fault.name}" fails no check.', hint, line)
        for name in fault.fails:
            if name not in checks:
                message = f'the fault "{fault.name}" fails "{name}", which is no check of {subject.exercise.grader}.'
                yield Finding(path, message, nearest(name, checks), line)
    failed = {name for fault in subject.fault_list for name in fault.fails}
    for check in subject.checks:
        if check.name not in failed:
            hint = "Write one into faults.toml: nothing shows yet that this check finds a mistake."
            yield Finding(subject.grader, f"no fault fails {check.name}.", hint, check.line)


def edits_match(subject: Subject) -> Iterator[Finding]:
    """Every edit is for a stack of the exercise, names a file of its reference and matches there exactly once."""
    path = subject.folder / "faults.toml"
    for fault in subject.fault_list:
        problems = list(_problems(subject, fault))
        line = line_of(path, f'name = "{fault.name}"') if problems else 0
        for message, hint in problems:
            yield Finding(path, f'the fault "{fault.name}" {message}', hint, line)


def _problems(subject: Subject, fault: Fault) -> Iterator[tuple[str, str]]:
    """Make the edits of a fault one after the other, as `coach pack verify` does; yield each problem and its remedy."""
    texts: dict[tuple[str, str], str] = {}
    if not fault.edit:
        yield "has no edit.", "Say in [[fault.edit]] what is wrong."
    for edit in fault.edit:
        if edit.stack not in subject.starters:
            if subject.offers(edit.stack):
                continue  # that the stack is misspelt has been said once
            hint = nearest(edit.stack, subject.starters)
            yield f'has an edit for the stack "{edit.stack}", which exercise.toml does not offer.', hint
            continue
        if edit.stack != "custom" and not subject.references[edit.stack]:
            continue  # that the reference is missing has been said once
        key = (edit.stack, edit.file)
        text = texts[key] if key in texts else subject.reference_file(*key)
        if text is None:
            hint = "Name a file of the reference or of the starter below it."
            yield f'edits "{edit.file}", which the reference for {edit.stack} does not have.', hint
            continue
        found = text.count(edit.find)
        if found != 1:
            start = edit.find.strip().partition("\n")[0][:60]
            hint = "Copy the line as the reference has it." if not found else "Add the lines around it."
            message = f'has an edit whose find matches {found} times in the {edit.file} of {edit.stack}: "{start}"'
            yield message, f"It must match exactly once. {hint}"
        elif edit.find == edit.replace:
            yield "has an edit that changes nothing.", "Let replace differ from find."
        texts[key] = text.replace(edit.find, edit.replace)
