"""What a proof demands, shown on a small pack that is whole, and on the same pack with one thing spoilt."""

import shutil
from pathlib import Path

import pytest

from coach.catalog.packs import open_pack
from coach.errors import InputError, PrerequisiteError
from coach.model import CaseResult, Proof
from coach.verify import Plan, Settings, prove
from coach.verify.environments import Environments
from tests.verify.tiny import FAULTS, GRADER, MANIFEST, REFERENCE, spoil, write_pack


class Seen:
    """Keeps what a verification tells while it goes on."""

    def __init__(self) -> None:
        self.cases = 0
        self.results: list[CaseResult] = []

    def begin(self, cases: int) -> None:
        self.cases = cases

    def done(self, result: CaseResult) -> None:
        self.results.append(result)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


def run(pack: Path, plan: Plan | None = None, settings: Settings | None = None, seen: Seen | None = None) -> Proof:
    names = open_pack(pack).ids()
    proofs = prove(
        open_pack(pack), names, plan or Plan(), settings or Settings(), pack.parent / "cache", seen or Seen()
    )
    assert len(proofs) == 1
    return proofs[0]


def messages(proof: Proof) -> list[str]:
    return [f"{found.case}: {found.file}: {found.message}" for found in proof.violations]


def test_a_whole_exercise_is_proved_and_its_matrix_is_complete(pack: Path) -> None:
    seen = Seen()
    proof = run(pack, seen=seen)
    assert messages(proof) == []
    assert proof.killed == {
        "test_counts": ("counts-by-two",),
        "test_keeps": ("forgets",),
        "test_counts_at_once": ("loses-a-race",),
    }
    labels = [result.case.label for result in proof.results]
    assert labels[:4] == ["reference@custom", "starter@custom", "counts-by-two@custom", "forgets@custom"]
    assert labels[4:] == ["loses-a-race@custom", *(f"loses-a-race@custom (run {run})" for run in (2, 3, 4, 5))]
    assert seen.cases == len(seen.results) == len(labels)


def test_the_same_content_is_proved_once_unless_forced(pack: Path) -> None:
    first, second = run(pack), run(pack)
    assert not first.known
    assert second.known
    assert not second.results
    assert second.killed == first.killed
    assert not run(pack, Plan(force=True)).known
    spoil(pack, GRADER, "one more than before", "one more")
    assert not run(pack).known


def test_a_proof_with_violations_is_not_remembered(pack: Path) -> None:
    spoil(pack, FAULTS, 'fails = ["test_keeps"]', 'fails = ["test_counts"]')
    assert run(pack).violations
    assert not run(pack).known


def test_a_fault_that_fails_another_check_than_it_names(pack: Path) -> None:
    spoil(pack, FAULTS, 'fails = ["test_keeps"]', 'fails = ["test_counts"]')
    found = messages(run(pack))
    assert "forgets@custom: exercises/tiny-count/faults.toml: test_counts should fail, but it passes." in found
    assert any("forgets@custom" in line and "test_keeps fails too, which fails does not say" in line for line in found)


def test_a_fault_that_names_no_check_gets_the_nearest(pack: Path) -> None:
    spoil(pack, FAULTS, 'fails = ["test_keeps"]', 'fails = ["test_keep"]')
    assert any('no check. Did you mean "test_keeps"?' in line for line in messages(run(pack)))


def test_a_check_that_no_fault_fails(pack: Path) -> None:
    text = (pack / FAULTS).read_text()
    (pack / FAULTS).write_text(text[: text.index('[[fault]]\nname = "forgets"')])
    found = messages(run(pack))
    assert [line for line in found if "No fault fails this check" in line and line.startswith("test_keeps: ")]
    assert [line for line in found if line.startswith("test_counts_at_once: ")]
    assert not [line for line in found if line.startswith("test_counts: ")]


def test_a_reference_that_fails(pack: Path) -> None:
    spoil(pack, REFERENCE, "+ 1", "+ 3")
    found = messages(run(pack))
    place = "reference@custom: exercises/tiny-count/reference/custom: "
    assert any(line.startswith(place + "test_counts fails: ") for line in found)
    assert len(found) == 2
    assert found[1].startswith("faults@custom: exercises/tiny-count: 3 faults were not graded: ")


def test_a_reference_that_hangs_is_given_up_and_named(pack: Path) -> None:
    spoil(pack, REFERENCE, "        body = ", "        import time; time.sleep(60)\n        body = ")
    found = messages(run(pack))
    assert any(line.startswith("reference@custom") and "left a request without" in line for line in found), found
    assert run(pack).broken


def test_a_reference_that_does_not_boot(pack: Path) -> None:
    spoil(pack, REFERENCE, "lock = Lock()", "raise SystemExit('no luck')")
    assert any("[boot-crashed]" in line and "no luck" in line for line in messages(run(pack)))


def test_a_reference_that_passes_now_and_then_is_a_flake(pack: Path) -> None:
    # Each tree has a marker beside it that only the first run finds absent.
    marker = pack.parent / "marker"
    spoil(
        pack,
        REFERENCE,
        "lock = Lock()",
        f"lock = Lock()\nodd = pathlib.Path({str(marker)!r})\nfirst = not odd.exists()\nodd.touch()",
    )
    spoil(pack, REFERENCE, '{"count": count}', '{"count": count if first else 0}')
    found = messages(run(pack, Plan(repeat=2), Settings(jobs=1)))
    assert any(line.startswith("reference@custom (run 2)") for line in found)


def test_an_edit_that_matches_twice(pack: Path) -> None:
    spoil(pack, FAULTS, 'find = "+ 1"', 'find = "import"')
    proof = run(pack)
    assert any("counts-by-two" in line and "find matches" in line for line in messages(proof))
    assert proof.broken


def test_a_starter_that_passes(pack: Path) -> None:
    folder = pack / "exercises/tiny-count/starter/custom"
    folder.mkdir(parents=True)
    for name in ("coach.toml", "server.py"):
        (folder / name).write_text((pack / "exercises/tiny-count/reference/custom" / name).read_text())
    found = messages(run(pack))
    assert any(
        line.startswith("starter@custom: exercises/tiny-count/starter/custom") and "passes" in line for line in found
    )


def test_a_starter_that_crashes_fails_for_the_wrong_reason(pack: Path) -> None:
    folder = pack / "exercises/tiny-count/starter/custom"
    folder.mkdir(parents=True)
    for name in ("coach.toml", "server.py"):
        (folder / name).write_text((pack / "exercises/tiny-count/reference/custom" / name).read_text())
    spoil(
        pack,
        "exercises/tiny-count/starter/custom/server.py",
        "        with lock:",
        "        os._exit(1)\n        with lock:",
    )
    assert any("starter@custom" in line and "fails with crashed" in line for line in messages(run(pack)))


def test_a_grader_that_breaks_is_an_error_and_no_failure(pack: Path) -> None:
    spoil(
        pack,
        GRADER,
        '    """The count goes on after a restart"""',
        '    """The count goes on after a restart"""\n    1 / 0',
    )
    found = messages(run(pack))
    assert len(found) == 2
    assert found[0].startswith("reference@custom: graders/test_tiny_count.py:")
    assert "test_keeps ended in error: " in found[0]
    assert "ZeroDivisionError" in found[0]
    assert found[1].startswith("faults@custom: ")
    line = int(found[0].split(".py:")[1].split(":")[0])
    assert "def test_keeps" in (pack / GRADER).read_text().splitlines()[line - 1]


def test_what_several_cases_have_in_common_is_told_once(pack: Path) -> None:
    spoil(pack, GRADER, "from coach.grading import", "from coach.gradin import")
    proof = run(pack, Plan(repeat=4))
    first = proof.violations[0]
    assert first.case == "reference@custom, reference@custom (run 2), reference@custom (run 3) and 2 more"
    assert first.file == "graders/test_tiny_count.py"
    assert len([found for found in proof.violations if "cannot be imported" in found.message]) == 1
    assert proof.broken


def test_nothing_is_proved_without_a_reference(pack: Path) -> None:
    shutil.rmtree(pack / "exercises/tiny-count/reference")
    (pack / FAULTS).unlink()
    said = "nothing shows that a right solution passes"
    assert any(said in line for line in messages(run(pack)))
    assert any(said in line for line in messages(run(pack, Plan(stack="custom"))))


def test_a_machine_that_lacks_something_is_no_verdict(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PrerequisiteError("There is no Node.js.", "Install it.")

    monkeypatch.setattr(Environments, "furnish", refuse)
    proof = run(pack)
    assert proof.broken
    assert [found.case for found in proof.violations] == ["reference@custom", "starter@custom", "faults@custom"]
    assert [found.message for found in proof.violations[:2]] == ["There is no Node.js. Install it."] * 2


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (MANIFEST, 'title = "A counter"', 'titel = "A counter"', 'Did you mean "title"?'),
        (FAULTS, 'why = "Adds two"', 'because = "Adds two"', "unknown key"),
        (FAULTS, 'name = "forgets"', 'name = "counts-by-two"', "two faults"),
        (GRADER, "@check(task=1)", "@check(task=1", "cannot be read"),
        (GRADER, "from coach.grading import", "from coach.gradin import", "cannot be imported"),
        (GRADER, '    """The count goes on after a restart"""\n', "", "no docstring"),
    ],
)
def test_broken_content_is_named_with_its_file(pack: Path, name: str, old: str, new: str, said: str) -> None:
    spoil(pack, name, old, new)
    found = messages(run(pack))
    assert any(said in line and Path(name).name in line for line in found), found


def test_an_unknown_stack_is_refused(pack: Path) -> None:
    with pytest.raises(InputError, match="has no stack"):
        run(pack, Plan(stack="expres"))


def test_it_holds_under_load(pack: Path) -> None:
    assert messages(run(pack, Plan(repeat=2), Settings(load=True))) == []
