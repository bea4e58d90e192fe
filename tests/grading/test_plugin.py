"""A grader runs in order, apart from everything else on the machine, and every check gets its verdict."""

from pathlib import Path

import pytest

from coach.grading.plugin import EXCHANGES, LOG_LINES
from tests.grading.harness import Graded, grade
from tests.runtime.programs import HTTP_START

pytestmark = pytest.mark.usefixtures("nothing_left")

THREE = '''
@check(task=2)
def test_last(rng):
    """The last"""


@check(task=1, points=3)
def test_breaks(rng):
    """Breaks"""
    assert False, "It broke.\\nIn two lines."


@check(task=1, needs=test_breaks)
def test_needs_it(rng):
    """Needs it"""


@check(task=2, needs=test_needs_it)
def test_needs_that(rng):
    """Needs that"""


@check(task=2, needs=(test_last, test_breaks))
def test_needs_both(rng):
    """Needs both"""
'''


def test_checks_run_in_order_and_those_that_need_a_failed_one_are_blocked(tmp_path: Path) -> None:
    graded = grade(tmp_path, THREE)
    assert graded.outcomes() == {
        "last": "passed",
        "breaks": "failed",
        "needs_it": "blocked test_breaks",
        "needs_that": "blocked test_needs_it",
        "needs_both": "blocked test_breaks",
    }
    assert list(graded.outcomes()) == ["last", "breaks", "needs_it", "needs_that", "needs_both"]
    failed = graded.results["test_breaks"]
    assert (failed.title, failed.task, failed.task_title, failed.points) == ("Breaks", 1, "Create", 3)
    assert failed.message == "It broke."
    assert graded.results["test_last"].task_title == ""


@pytest.mark.parametrize(
    ("only", "ran"),
    [
        (["test_last"], ["last"]),
        (["last"], ["last"]),
        (["needs_that"], ["breaks", "needs_it", "needs_that"]),
        (["last", "test_breaks"], ["last", "breaks"]),
    ],
)
def test_only_what_was_asked_for_runs_with_all_that_it_needs(only: list[str], ran: list[str], tmp_path: Path) -> None:
    assert list(grade(tmp_path, THREE, only=only).outcomes()) == ran


@pytest.mark.parametrize(
    ("tasks", "ran"),
    [([1], ["breaks", "needs_it"]), ([2], ["last", "breaks", "needs_it", "needs_that", "needs_both"])],
)
def test_the_checks_of_a_task_run_with_all_that_they_need(tasks: list[int], ran: list[str], tmp_path: Path) -> None:
    assert list(grade(tmp_path, THREE, tasks=tasks).outcomes()) == ran


def test_a_task_without_checks_is_refused(tmp_path: Path) -> None:
    graded = grade(tmp_path, THREE, tasks=[3])
    assert graded.error == "InputError: No check belongs to task 3."
    assert graded.hint == "There are tasks 1 to 2."


def test_a_check_that_does_not_exist_is_named_with_the_nearest(tmp_path: Path) -> None:
    graded = grade(tmp_path, THREE, only=["test_brakes"])
    assert graded.error == 'InputError: There is no check "test_brakes".'
    assert graded.hint == 'Did you mean "test_breaks"?'
    assert graded.results == {}


@pytest.mark.parametrize(
    ("grader", "error"),
    [
        ("import no_such_module\n", "test_grader.py cannot be imported: ModuleNotFoundError: No module named 'no_such"),
        ("def test_broken(:\n", "test_grader.py cannot be imported: "),
        ('def test_plain():\n    """A test"""\n', "test_grader.py::test_plain is not marked with @check."),
        ("@check(task=1)\ndef test_untitled():\n    pass\n", "test_untitled has no docstring."),
        ("X = 1\n", "could not be run (pytest ended with"),
    ],
)
def test_a_grader_that_is_wrong_is_its_authors_fault(grader: str, error: str, tmp_path: Path) -> None:
    graded = grade(tmp_path, grader)
    assert graded.error.startswith("ContentError: ")
    assert error in graded.error
    assert graded.hint or "could not be run" in error
    assert graded.results == {}
    assert "Traceback" not in graded.output


VERDICTS = '''
from coach.errors import PrerequisiteError, TamperedError
import pytest


@check(task=1)
def test_promise(rng):
    """A promise"""
    expect  # read by nobody
    from coach.errors import CheckFailed
    raise CheckFailed("No.", expected="a \\ud800", got="b", hint="c", code="d")


@check(task=1)
def test_bare(rng):
    """A bare assertion"""
    assert 1 == 2


@check(task=1)
def test_bug(rng):
    """A bug of the grader"""
    {}["missing \\ud800"]


@check(task=1)
def test_exit(rng):
    """A grader that exits"""
    raise SystemExit(3)


@check(task=1, needs=test_exit)
def test_after_the_exit(rng):
    """Needs one that exits"""


@check(task=1)
def test_machine(rng):
    """Something that the machine lacks"""
    raise PrerequisiteError("No room.", "Make some.")


@check(task=1)
def test_no_such_fixture(nothing_of_the_kind):
    """A fixture that does not exist"""


@pytest.fixture
def broken():
    yield 1
    raise RuntimeError("too late")


@check(task=1)
def test_teardown(broken):
    """A fixture that breaks at its end"""


@check(task=1)
def test_passes(rng):
    """Passes after all of this"""
'''


def test_a_verdict_follows_from_what_was_raised(tmp_path: Path) -> None:
    graded = grade(tmp_path, VERDICTS)
    assert graded.outcomes() == {
        "promise": "failed d",
        "bare": "failed",
        "bug": "error grader-broke",
        "exit": "error grader-broke",
        "after_the_exit": "blocked test_exit",
        "machine": "error not-graded",
        "no_such_fixture": "error grader-broke",
        "teardown": "error grader-broke",
        "passes": "passed",
    }
    promise, bug, machine = (graded.results[f"test_{name}"] for name in ("promise", "bug", "machine"))
    assert (promise.message, promise.expected, promise.got, promise.hint) == ("No.", "a \\ud800", "b", "c")
    assert graded.results["test_bare"].message == "Not as promised."
    assert bug.message.startswith("The grader itself broke: KeyError: 'missing \\ud800' (test_grader.py:")
    assert "costs no points" in bug.hint
    assert (machine.message, machine.hint) == ("No room.", "Make some.")
    assert "too late" in graded.results["test_teardown"].message


def test_a_cause_blocks_every_check_whatever_it_needs(tmp_path: Path) -> None:
    cause = {"code": "boot-crashed", "message": "It ended.", "remedy": "Look.", "log": []}
    graded = grade(tmp_path, THREE, cause=cause)
    assert set(graded.outcomes().values()) == {"blocked boot-crashed"}


def test_a_program_that_does_not_boot_is_the_cause(tmp_path: Path) -> None:
    graded = grade(tmp_path, THREE, start="echo oh no; exit 3", limits={"boot": 5})
    assert set(graded.outcomes().values()) == {"blocked boot-crashed"}
    assert graded.cause is not None
    assert graded.cause.code == "boot-crashed"
    assert graded.cause.log == ("oh no",)


def test_a_run_has_a_limit(tmp_path: Path) -> None:
    assert set(grade(tmp_path, THREE, limits={"run": 1e-9}).outcomes().values()) == {"blocked run-timeout"}


# ── crashes and hangs ────────────────────────────────────────────────────────────────────────────────────────────────


def checks(*bodies: str) -> str:
    """Write a grader whose checks `test_0`, `test_1`, … have these bodies."""
    return "\n\n".join(
        f'@check(task=1)\ndef test_{number}(api, server):\n    """Check {number}"""\n    {body}\n'
        for number, body in enumerate(bodies)
    )


def graded_on_server(folder: Path, *bodies: str, **options: object) -> Graded:
    return grade(folder, checks(*bodies), start=HTTP_START, **options)


def test_a_crash_fails_its_check_and_the_next_runs_on_the_same_data(tmp_path: Path) -> None:
    graded = graded_on_server(
        tmp_path,
        'expect(api.get("/")).status(200).json_includes({"start": 1})',
        'api.get("/crash")',
        'expect(api.get("/")).status(200).json_includes({"start": 2})',
    )
    assert graded.outcomes() == {"0": "passed", "1": "failed crashed", "2": "passed"}
    crashed = graded.results["test_1"]
    assert crashed.got == "it ended with exit code 3"
    assert crashed.log == ("about to crash",)
    assert [exchange.request.path for exchange in crashed.exchanges] == ["/crash"]
    assert crashed.exchanges[0].response is None


def test_a_crash_that_the_check_did_not_notice_fails_it_too(tmp_path: Path) -> None:
    swallowed = 'try:\n        api.get("/crash")\n    except AssertionError:\n        pass'
    broken = 'try:\n        api.get("/crash")\n    except AssertionError:\n        1 / 0'
    graded = graded_on_server(tmp_path, swallowed, broken)
    assert graded.outcomes() == {"0": "failed crashed", "1": "failed crashed"}


def test_three_crashes_block_the_rest(tmp_path: Path) -> None:
    graded = graded_on_server(tmp_path, *['api.get("/crash")'] * 3, 'api.get("/")', 'api.get("/")')
    assert list(graded.outcomes().values()) == [*["failed crashed"] * 3, *["blocked crashed"] * 2]


def test_a_check_whose_own_code_does_not_end_is_given_up_and_costs_nothing(tmp_path: Path) -> None:
    endless = "while True:\n        try:\n            pass\n        except Exception:\n            pass"
    restarts = 'server.restart()\n    expect(api.get("/")).status(200)'
    graded = graded_on_server(tmp_path, endless, restarts, limits={"check": 1})
    assert graded.outcomes() == {"0": "error grader-hung", "1": "passed"}


def test_three_hangs_in_a_row_block_the_rest(tmp_path: Path) -> None:
    hang, fine = 'api.get("/hang")', 'expect(api.get("/")).status(200)'
    graded = graded_on_server(tmp_path, hang, hang, fine, hang, hang, hang, fine, limits={"check": 0.2})
    assert list(graded.outcomes().values()) == [
        *["failed hung"] * 2,
        "passed",
        *["failed hung"] * 3,
        "blocked hung",
    ]


def test_a_program_that_no_longer_boots_is_the_cause(tmp_path: Path) -> None:
    graded = grade(
        tmp_path,
        checks('api.get("/crash")', 'api.get("/")', 'api.get("/")'),
        start='test -e "$DATA_DIR/starts" && exit 4; ' + HTTP_START,
    )
    assert graded.outcomes() == {"0": "failed crashed", "1": "blocked boot-crashed", "2": "blocked boot-crashed"}
    assert graded.cause is not None
    assert "exit code 4" in graded.cause.message


def test_tampering_is_an_error_of_every_check_that_follows(tmp_path: Path) -> None:
    kill = "supervisor = server._run.program._supervisor; supervisor.kill(); supervisor.wait()"
    graded = graded_on_server(tmp_path, 'api.get("/")', kill, 'api.get("/")')
    assert graded.outcomes() == {"0": "passed", "1": "error tampered", "2": "error tampered"}
    assert graded.cause is not None
    assert graded.cause.code == "tampered"


def test_a_check_that_leaves_the_program_stopped_does_not_harm_the_next(tmp_path: Path) -> None:
    graded = graded_on_server(tmp_path, "server.stop()", 'expect(api.get("/")).json_includes({"start": 2})')
    assert graded.outcomes() == {"0": "passed", "1": "passed"}


def test_a_failed_check_carries_the_lines_of_its_own_time_and_its_last_exchanges(tmp_path: Path) -> None:
    graded = graded_on_server(
        tmp_path,
        'api.get("/print?before")',
        'for number in range(70): api.get(f"/print?line-{number}")\n    assert False, "Look."',
        'api.get("/print?after")',
    )
    failed = graded.results["test_1"]
    assert failed.log == tuple(f"line-{number}" for number in range(70 - LOG_LINES, 70))
    assert [exchange.request.path for exchange in failed.exchanges] == [
        f"/print?line-{number}" for number in range(70 - EXCHANGES, 70)
    ]
    assert graded.results["test_0"].log == ()


# ── apart from everything else ───────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_written_into_the_pack(tmp_path: Path) -> None:
    grade(tmp_path, THREE, env={"PYTHONDONTWRITEBYTECODE": ""})
    assert sorted(path.name for path in (tmp_path / "pack").rglob("*")) == ["test_grader.py"]


def test_settings_of_pytest_do_not_reach_the_grader_and_are_left_as_they_were(tmp_path: Path) -> None:
    settings = {"PYTEST_ADDOPTS": "--collect-only -k nothing", "PYTEST_PLUGINS": "no_such_plugin"}
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('conftest above the pack')\n")
    graded = grade(tmp_path, THREE, env=settings, only=["last"])
    assert graded.outcomes() == {"last": "passed"}
    assert {name: graded.environment.get(name) for name in settings} == settings
    assert graded.output.strip() == ""
