"""However coach ends, nothing of the submission lives, listens or lies about afterwards."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import docker
import pytest

from coach.processes import poll
from tests.hostile.running import Place, grade, left_in

INTERRUPTED = 130
BURIAL = 8.0
"""Seconds within which all is gone after coach was killed or told to end."""

MOMENTS = {
    "while it boots": ("never_listens", "connecting to the database"),
    "during a check": ("never_answers", "GET /health"),
    "while it restarts": ("never_finishes_its_restart", "waiting for the lock"),
    "with a daemon": ("leaves_a_daemon", "GET /health"),
}
ENDINGS = {
    "interrupt": signal.SIGINT,
    "hang-up": signal.SIGHUP,
    "terminate": signal.SIGTERM,
    "kill": signal.SIGKILL,
}


def wait_for_line(place: Place, line: str) -> None:
    """Wait until the submission has printed a line, which is then in a log below the scratch folder."""

    def printed() -> bool:
        return any(line in path.read_text(errors="replace") for path in place.scratch.rglob("*.log"))

    assert poll(printed, 20), f"{line!r} was never printed"


def begin(place: Place, moment: str, *options: str) -> "subprocess.Popen[bytes]":
    """Start a grading and wait for the moment."""
    name, line = MOMENTS[moment]
    place.fill(f"python3 {name}.py", f"{name}.py")
    process = place.spawn(*options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for_line(place, line)
    return process


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_when_coach_is_ended(ending: str, moment: str, place: Place) -> None:
    process = begin(place, moment)

    os.killpg(process.pid, ENDINGS[ending])
    output = process.communicate(timeout=BURIAL)[0].decode()

    assert place.leftovers(BURIAL) == []
    assert "Traceback" not in output
    if ending == "interrupt":
        assert process.returncode == INTERRUPTED
    elif ending != "kill":
        assert process.returncode in (INTERRUPTED, -ENDINGS[ending], 128 + ENDINGS[ending])


@pytest.mark.docker
@pytest.mark.parametrize("ending", ["interrupt", "kill"])
def test_nothing_is_left_in_the_engine_when_coach_is_ended(
    ending: str, place: Place, docker_engine: docker.DockerClient
) -> None:
    process = begin(place, "during a check", "--container")

    os.killpg(process.pid, ENDINGS[ending])
    process.communicate(timeout=2 * BURIAL)

    assert place.leftovers(2 * BURIAL) == []
    poll(lambda: not left_in(docker_engine, place), 2 * BURIAL, every=0.1)
    assert left_in(docker_engine, place) == set()


def test_nothing_is_left_when_ctrl_c_is_pressed_again_and_again(place: Place) -> None:
    process = begin(place, "with a daemon")

    def pressed_until_it_ended() -> bool:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        return process.poll() is not None

    assert poll(pressed_until_it_ended, BURIAL, every=0.05)
    process.communicate()
    assert place.leftovers(BURIAL) == []


def test_nothing_is_left_when_the_terminal_is_closed(place: Place) -> None:
    place.fill("python3 never_answers.py", "never_answers.py")
    terminal, line = pty.openpty()
    process = place.spawn(stdout=line, stderr=line, preexec_fn=lambda: fcntl.ioctl(line, termios.TIOCSCTTY, 0))
    os.close(line)
    wait_for_line(place, "GET /health")

    os.close(terminal)

    process.wait(BURIAL)
    assert place.leftovers(BURIAL) == []


def test_nothing_is_left_when_nobody_reads_the_output(place: Place) -> None:
    place.fill("python3 leaves_a_daemon.py", "leaves_a_daemon.py")
    process = place.spawn(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()

    error = process.communicate(timeout=60)[1].decode()

    assert "Traceback" not in error
    assert place.leftovers(BURIAL) == []


BROKEN = """
import sys
import coach.grading.run

def broken(self, *arguments):
    raise ZeroDivisionError("a bug in coach")

coach.grading.run.Run.{method} = broken
sys.argv[0] = "coach"
from coach.cli import main
main()
"""


@pytest.mark.parametrize("method", ["boot", "crashed", "explain"])
def test_nothing_is_left_when_coach_itself_breaks(method: str, place: Place) -> None:
    place.fill("python3 leaves_a_daemon.py", "leaves_a_daemon.py")

    result = grade(place, program=(sys.executable, "-c", BROKEN.format(method=method)))

    assert result.exit_code not in (1, 2)
    assert place.leftovers() == []


def test_what_is_left_when_the_submission_kills_coach(place: Place) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the submission reads /proc")
    place.fill("exec python3 kills_coach.py", "kills_coach.py")

    result = grade(place)

    assert result.exit_code == -signal.SIGKILL
    assert place.leftovers(BURIAL) == []


def test_a_second_run_beside_the_first_is_not_disturbed(place: Place, tmp_path: Path) -> None:
    process = begin(place, "during a check")
    other = Place(tmp_path / "other")
    other.fill("python3 echo_server.py")

    began = time.monotonic()
    result = grade(other)

    assert result.exit_code == 0, result.output
    assert time.monotonic() - began < 15
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=BURIAL)
    assert place.leftovers(BURIAL) == []
    assert other.leftovers() == []


def test_what_a_program_leaves_without_coach_is_found(place: Place) -> None:
    """The tests above are worth what this says: a daemon with no trace of its origin does not escape them."""
    place.fill("true", "leaves_a_daemon.py")
    surroundings = {"PORT": "0", "DATA_DIR": str(place.scratch), "PATH": os.environ["PATH"]}
    program = subprocess.Popen(
        ["python3", "leaves_a_daemon.py"], cwd=place.workspace, env=surroundings, stderr=subprocess.DEVNULL
    )

    def both_listen() -> bool:
        return len([line for line in place.leftovers(0) if line.startswith("port")]) == 2

    try:
        assert poll(both_listen, 5)
        program.kill()
        program.wait()
        left = place.leftovers(0.5)
        assert [line.split()[0] for line in left] == ["process", "port"]
    finally:
        place.end_leftovers()
