"""Applies every rule to the exercises of a pack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from coach.catalog.lint import expectations, faults, fixtures, grader, layout, manifest, text
from coach.catalog.lint.subject import Finding, Subject, parse, unreadable
from coach.catalog.packs import Pack, builtin_pack
from coach.errors import ContentError
from coach.model import Exercise

Rule = Callable[[Subject], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    layout.no_unexpected_files,
    manifest.prerequisites_exist,
    manifest.stacks_exist,
    manifest.dependencies_are_for_offered_stacks,
    manifest.routes_are_whole,
    manifest.references_exist,
    layout.starters_say_what_is_to_do,
    text.tasks_are_numbered,
    text.every_task_has_a_hint,
    text.hints_hold_no_code,
    text.routes_are_described,
    grader.every_test_is_a_check,
    grader.checks_are_complete,
    grader.needs_exist,
    grader.statuses_are_promised,
    grader.graders_import_little,
    fixtures.fixtures_exist,
    expectations.expectations_exist,
    faults.faults_name_checks,
    faults.edits_match,
)


def lint(pack: Pack, names: Sequence[str] = ()) -> tuple[int, list[Finding]]:
    """Apply all rules to the exercises with these ids, or to the whole pack; return how many exercises, and findings.

    A file that cannot be read becomes a finding that is `broken`, and everything else is looked at all the same.

    Raises:
        InputError: when there is no exercise with such an id.
    """
    readable, broken = _read(pack)
    asked = list(dict.fromkeys(names)) or [*readable, *broken]
    findings: list[Finding] = []
    known = _read(builtin_pack())[0] | readable
    for name in asked:
        if name in broken:
            findings.append(broken[name])
        else:
            findings += _apply(Subject(pack, pack.exercise(name), known))
    if not names:
        findings += layout.folders_are_exercises(pack)
        findings += _shared_fixtures(pack)
        if not broken:  # which graders are in use is known only when all exercises are
            findings += layout.graders_are_used(pack, readable.values())
    return len(asked), sorted(set(findings), key=lambda found: (str(found.file), found.line, found.message))


def _read(pack: Pack) -> tuple[dict[str, Exercise], dict[str, Finding]]:
    """Return the exercises of a pack by id, and what is wrong with those that cannot be read."""
    readable: dict[str, Exercise] = {}
    broken: dict[str, Finding] = {}
    for name in pack.ids():
        path = pack.root / "exercises" / name / "exercise.toml"
        try:
            readable[name] = pack.exercise(name)
        except ContentError as error:
            broken[name] = unreadable(error, [path], path)
    return readable, broken


def _apply(subject: Subject) -> Iterator[Finding]:
    missing = list(layout.required_files_exist(subject))
    yield from missing
    no_text = list(layout.files_are_text(subject))
    yield from no_text
    shared = subject.pack.root / "graders" / "conftest.py"
    files = [*(subject.folder / name for name in sorted(layout.FILES)), subject.grader, subject.custom, shared]
    for rule in RULES if not no_text else ():
        try:
            yield from rule(subject)
        except ContentError as error:
            found = unreadable(error, files, subject.instructions)
            if found.file not in {other.file for other in missing}:
                yield found


def _shared_fixtures(pack: Pack) -> Iterator[Finding]:
    """Apply the rules for graders to the fixtures that they share."""
    path = pack.root / "graders" / "conftest.py"
    if path.is_file():
        try:
            code = parse(path)
            yield from grader.rules_for_code(path, code)
            yield from fixtures.unknown_fixtures(path, code)
        except ContentError as error:
            yield unreadable(error, [path], path)
