"""`coach grade`: where it is typed, what is asked of it, where its reports go, and how it ends."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from coach import reports
from coach.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NOT_GRADED, EXIT_PASSED, EXIT_USAGE
from tests.learner import Learner
from tests.workspaces import Workspaces, echo_workspace

PACK = ("--pack", "../pack")
SCHEMA = json.loads(Path(reports.__file__).with_name("report.schema.json").read_text())


@pytest.fixture
def echo(learner: Learner) -> Path:
    """A workspace that passes."""
    return echo_workspace(learner.home)


@pytest.fixture
def notes(workspaces: Workspaces, learner: Learner) -> Path:
    """A workspace of phase-2-notes that passes, on the standard library alone."""
    return workspaces.reference(learner.home / "notes", "custom")


def requests(report: dict[str, Any]) -> list[Any]:
    return [exchange["request"] for check in report["checks"] for exchange in check["exchanges"]]


# ── where ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_any_folder_inside_a_workspace_will_do(echo: Path, learner: Learner) -> None:
    (echo / "src" / "deep").mkdir(parents=True)
    assert learner.run("grade", "--pack", "../../../pack", within="echo/src/deep").returncode == EXIT_PASSED


def test_a_workspace_is_graded_from_outside_by_its_name(echo: Path, learner: Learner) -> None:
    assert learner.run("grade", "echo", "--pack", "pack").returncode == EXIT_PASSED


def test_the_command_to_type_next_works_where_it_is_printed(learner: Learner) -> None:
    echo_workspace(learner.home, "python3 answers_html.py")
    done = learner.run("grade", "echo", "--pack", "pack")
    command = next(line for line in done.stdout.splitlines() if "--check" in line).split(": ")[1]
    again = learner.run(*command.split()[1:])
    assert "✗  1  POST /echo" in again.stdout


# ── what ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_check_runs_with_what_it_needs(notes: Path, learner: Learner) -> None:
    done = learner.run("grade", "--check", "reads_a_note", "--json", "report.json", within="notes")
    assert done.returncode == EXIT_PASSED, done.stdout
    report = json.loads((notes / "report.json").read_text())
    assert [check["name"] for check in report["checks"]] == ["test_creates_a_note", "test_reads_a_note"]


def test_a_check_that_does_not_exist_gets_the_nearest_name(notes: Path, learner: Learner) -> None:
    done = learner.run("grade", "--check", "read_a_note", within="notes")
    assert done.returncode == EXIT_USAGE
    assert 'There is no check "read_a_note".' in done.stderr
    assert 'Did you mean "test_reads_a_note"?' in done.stderr


def test_a_seed_repeats_the_data_and_no_seed_varies_it(notes: Path, learner: Learner) -> None:
    def sent(*options: str) -> list[Any]:
        done = learner.run("grade", "--check", "creates_a_note", "--json", "-", *options, within="notes")
        return requests(json.loads(done.stdout))

    assert sent("--seed", "7") == sent("--seed", "7") != sent()


def test_hints_are_shown_on_request_alone(learner: Learner) -> None:
    echo_workspace(learner.home, "python3 answers_html.py")
    hint = "Parse the body, then write it again."
    assert hint not in learner.run("grade", *PACK, within="echo").stdout
    assert hint in learner.run("grade", *PACK, "--hints", within="echo").stdout


# ── reports ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("python3 echo_server.py", EXIT_PASSED),
        ("python3 answers_html.py", EXIT_FAILED),
        ("python3 crashes_at_boot.py", EXIT_FAILED),
        ("exec python3 kills_its_supervisor.py", EXIT_NOT_GRADED),
    ],
)
def test_the_json_report_keeps_its_schema_and_standard_output_holds_nothing_else(
    start: str, code: int, learner: Learner
) -> None:
    echo_workspace(learner.home, start)
    done = learner.run("grade", *PACK, "--json", "-", within="echo")
    assert done.returncode == code
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert report["exercise"] == "hostile-echo"
    assert "Grading hostile-echo" in done.stderr


def test_junit_goes_to_a_file_beside_the_json(echo: Path, learner: Learner) -> None:
    learner.run("grade", *PACK, "--json", "out.json", "--junit", "out.xml", within="echo")
    suite = ET.parse(echo / "out.xml").getroot()[0]
    assert suite.get("tests") == "4"
    assert json.loads((echo / "out.json").read_text())["score"] == {"points": 4, "of": 4}


def test_junit_goes_to_standard_output_alone(echo: Path, learner: Learner) -> None:
    done = learner.run("grade", *PACK, "--junit", "-", within="echo")
    assert ET.fromstring(done.stdout)[0].get("failures") == "0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--json", "-", "--junit", "-"), "Two reports cannot both go to standard output."),
        (("--json", "missing/out.json"), "there is no folder missing"),
        (("--junit", ".."), ".. is a folder"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_before_anything_runs(
    options: tuple[str, ...], words: str, echo: Path, learner: Learner
) -> None:
    done = learner.run("grade", *PACK, *options, within="echo")
    assert done.returncode == EXIT_USAGE
    assert words in done.stderr
    assert done.stdout == ""


def test_a_report_on_a_full_disk_is_told(echo: Path, learner: Learner) -> None:
    done = learner.run("grade", *PACK, "--json", "/dev/full", within="echo")
    assert done.returncode == EXIT_USAGE
    assert "/dev/full cannot be written: No space left on device." in done.stderr


# ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_ends_a_run_with_130_and_says_so(learner: Learner, nothing_left: None) -> None:
    echo_workspace(learner.home, "python3 never_answers.py")
    with learner.spawn("grade", *PACK, within="echo", start_new_session=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "✓".encode() in line:
                break
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == EXIT_INTERRUPTED
    assert stderr.decode().strip() == "Interrupted. Nothing was left running."


def test_two_runs_in_one_workspace_do_not_disturb_each_other(notes: Path, learner: Learner) -> None:
    both = [learner.spawn("grade", within="notes") for _ in range(2)]
    screens = [process.communicate(timeout=60)[0].decode() for process in both]
    assert [process.returncode for process in both] == [EXIT_PASSED, EXIT_PASSED], screens


def test_two_first_runs_install_once(echo: Path, learner: Learner) -> None:
    with (echo / "coach.toml").open("a") as file:
        file.write('install = "echo began >> installs; sleep 1; echo ended >> installs"\n')
    both = [learner.spawn("grade", *PACK, within="echo") for _ in range(2)]
    screens = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [EXIT_PASSED, EXIT_PASSED], screens
    assert (echo / "installs").read_text() == "began\nended\n"


def test_whoever_reads_the_output_may_stop_early(echo: Path, learner: Learner, nothing_left: None) -> None:
    with learner.spawn("grade", *PACK, within="echo") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_error_of_the_machine_ends_with_3(workspaces: Workspaces, learner: Learner) -> None:
    (learner.home / "bin").mkdir()
    done = learner.run("start", "phase-2-notes", "--stack", "express", env={"PATH": str(learner.home / "bin")})
    assert done.returncode == EXIT_NOT_GRADED
    assert 'Node.js with Express needs the command "node", which is not on PATH.' in done.stderr
    assert not (learner.home / "phase-2-notes").exists()


def test_output_goes_on_while_checks_finish(learner: Learner) -> None:
    echo_workspace(learner.home, "python3 never_answers.py")
    with learner.spawn("grade", *PACK, within="echo", stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        first = next(line.decode() for line in process.stdout if "✓".encode() in line)
        assert process.poll() is None
    assert "✓  1  GET /health" in first
