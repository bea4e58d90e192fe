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
        if not fault.edit:
            line = line_of(path, f'name = "{fault.name}"')
            yield Finding(path, f'the fault "{fault.name}" has no edit.', "Say in [[fault.edit]] what is wrong.", line)
        yield from _edits(subject, fault)


def _edits(subject: Subject, fault: Fault) -> Iterator[Finding]:
    """Make the edits of a fault one after the other, as `coach pack verify` does."""
    path = subject.folder / "faults.toml"
    where = f'the fault "{fault.name}"'
    line = line_of(path, f'name = "{fault.name}"')
    texts: dict[tuple[str, str], str] = {}
    for edit in fault.edit:
        if edit.stack not in subject.exercise.stacks:
            message = f'{where} has an edit for the stack "{edit.stack}", which exercise.toml does not offer.'
            yield Finding(path, message, nearest(edit.stack, subject.exercise.stacks), line)
            continue
        key = (edit.stack, edit.file)
        text = texts[key] if key in texts else subject.reference_file(*key)
        if text is None:
            message = f'{where}: the reference for {edit.stack} has no file "{edit.file}".'
            yield Finding(path, message, "Name a file of the reference or of the starter below it.", line)
            continue
        found = text.count(edit.find)
        if found != 1:
            start = edit.find.strip().splitlines()[0][:60] if edit.find.strip() else edit.find
            message = f'{where}: find matches {found} times in {edit.stack}\'s {edit.file}: "{start}"'
            hint = "Copy the line as the reference has it." if not found else "Add the lines around it."
            yield Finding(path, message, f"It must match exactly once. {hint}", line)
        elif edit.find == edit.replace:
            yield Finding(path, f"{where}: an edit changes nothing.", "Let replace differ from find.", line)
        texts[key] = text.replace(edit.find, edit.replace)
