"""`coach pack verify` as an author runs it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from coach.processes import poll
from tests.verify.tiny import FAULTS, GRADER, REFERENCE, spoil, write_pack


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


def command(pack: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "coach", "pack", "verify", "--pack", str(pack), *words]


def environment(pack: Path) -> dict[str, str]:
    return {**os.environ, "COACH_HOME": str(pack.parent / "home")}


def verify(pack: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(pack, *words), capture_output=True, text=True, timeout=120, check=False, env=environment(pack)
    )


def test_a_proof_is_printed_with_its_matrix_and_given_as_json(pack: Path) -> None:
    done = verify(pack, "--json", "-")
    assert done.returncode == 0, done.stderr
    (proof,) = json.loads(done.stdout)
    assert proof["exercise"] == "tiny-count"
    assert proof["violations"] == []
    assert {result["case"]["kind"] for result in proof["results"]} == {"reference", "starter", "fault"}
    assert all(result["report"]["format"] == 1 for result in proof["results"])
    assert "test_keeps           · ✗ ·" in done.stderr
    assert "2 forgets" in done.stderr
    assert "tiny-count: proved (3 checks, 3 faults, 9 gradings of" in done.stderr
    again = verify(pack)
    assert "tiny-count: proved before for the same content (3 checks, 3 faults)" in again.stdout


def test_a_violation_names_the_file_to_change_and_exits_with_1(pack: Path) -> None:
    spoil(pack, FAULTS, 'fails = ["test_keeps"]', 'fails = ["test_counts"]')
    done = verify(pack, "tiny-count")
    assert done.returncode == 1
    assert (
        "✗ forgets@custom: test_counts should fail, but it passes.\n  change exercises/tiny-count/faults.toml"
        in done.stdout
    )
    assert done.stdout.splitlines()[-1].startswith("tiny-count: ")
    assert "violations" in done.stdout.splitlines()[-1]


def test_broken_content_exits_with_3_and_the_others_go_on(pack: Path) -> None:
    for name in ("exercise.toml", "instructions.md", "hints.md", "faults.toml"):
        source = pack / "exercises" / "tiny-count" / name
        target = pack / "exercises" / "tiny-other" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(source.read_text().replace('id = "tiny-count"', 'idd = "tiny-other"'))
    done = verify(pack)
    assert done.returncode == 3
    assert 'Did you mean "id"?' in done.stdout
    assert "tiny-count: proved (" in done.stdout


def test_an_unknown_exercise_is_refused_with_the_nearest(pack: Path) -> None:
    done = verify(pack, "tiny-cont")
    assert done.returncode == 2
    assert 'Did you mean "tiny-count"?' in done.stderr


def test_a_single_stack_and_repeats(pack: Path) -> None:
    done = verify(pack, "--stack", "custom", "--repeat", "3", "--json", "-", "--jobs", "1")
    labels = [
        (result["case"]["kind"], result["case"]["run"])
        for proof in json.loads(done.stdout)
        for result in proof["results"]
        if result["case"]["kind"] == "reference"
    ]
    assert labels == [("reference", 1), ("reference", 2), ("reference", 3)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_after_an_interrupt(pack: Path, number: int) -> None:
    spoil(pack, REFERENCE, "        body = ", "        import time; time.sleep(60)\n        body = ")
    spoil(pack, GRADER, "@check(task=1)", "@check(task=1, points=2)")
    started = subprocess.Popen(
        [*command(pack, "--load"), "--force"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**environment(pack), "TMPDIR": str(pack.parent)},
        start_new_session=True,
    )

    def ours() -> list[psutil.Process]:
        """The servers under test, and whatever runs in the verification's session."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = str(pack.parent) in process.cwd() or os.getsid(process.pid) == started.pid
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    assert poll(lambda: any("server.py" in " ".join(process.cmdline()) for process in ours()), 30)
    if number == signal.SIGINT:
        os.killpg(started.pid, number)
    else:
        started.kill()
    code = started.wait(30)
    assert code in (130, -signal.SIGKILL)
    assert poll(lambda: not ours(), 15), ours()


@pytest.mark.docker
def test_an_exercise_is_proved_in_containers_too(pack: Path) -> None:
    spoil(pack, REFERENCE, "127.0.0.1", "0.0.0.0")
    dockerfile = pack / "exercises/tiny-count/reference/custom/Dockerfile"
    dockerfile.write_text('FROM python:3.13-slim\nCOPY server.py .\nCMD ["python3", "server.py"]\n')
    text = (pack / FAULTS).read_text()
    (pack / FAULTS).write_text(text[: text.index('[[fault]]\nname = "loses-a-race"')])
    spoil(pack, GRADER, "def test_counts_at_once", "def _counts_at_once")
    spoil(pack, GRADER, "@check(task=2, needs=test_counts)\ndef _counts_at_once", "def _counts_at_once")
    done = verify(pack, "--container", "--json", "-")
    assert done.returncode == 0, done.stderr
    (proof,) = json.loads(done.stdout)
    assert {result["report"]["mode"] for result in proof["results"]} == {"container"}
    assert proof["killed"] == {"test_counts": ["counts-by-two"], "test_keeps": ["forgets"]}
