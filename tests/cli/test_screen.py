"""What reaches a terminal, a pipe, an old locale, or nothing at all."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coach.errors import EXIT_FAILED, EXIT_PASSED
from tests.learner import Learner
from tests.workspaces import echo_workspace

ESCAPE = "\x1b"
GRADE = ("grade", "--pack", "../pack")


def screen_of(learner: Learner, *words: str, **env: str) -> str:
    """Run coach with a terminal as its output, and return all that came."""
    keyboard, terminal = pty.openpty()
    process = learner.spawn(*words, within="echo", env={"TERM": "xterm"} | env, stdout=terminal, stderr=terminal)
    os.close(terminal)
    parts = []
    while True:
        try:
            data = os.read(keyboard, 1 << 16)
        except OSError:  # Linux says EIO when the last writer is gone
            break
        if not data:
            break
        parts.append(data)
    process.wait(20)
    os.close(keyboard)
    return b"".join(parts).decode()


@pytest.fixture
def failing(learner: Learner) -> Path:
    """A workspace that fails a check, and whose dependencies take a moment."""
    folder = echo_workspace(learner.home, "python3 answers_html.py")
    with (folder / "coach.toml").open("a") as file:
        file.write('install = "echo fetching; echo unpacking"\n')
    return folder


@pytest.mark.usefixtures("failing")
def test_a_terminal_gets_colours_and_what_is_going_on(learner: Learner) -> None:
    screen = screen_of(learner, *GRADE)
    assert f"{ESCAPE}[32m✓" in screen
    assert "Installing the dependencies" in screen
    assert "unpacking" in screen


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_gets_no_escape_codes(setting: dict[str, str], learner: Learner) -> None:
    assert ESCAPE not in screen_of(learner, *GRADE, **setting)
    assert ESCAPE not in screen_of(learner, "grade", "nowhere", **setting)


@pytest.mark.usefixtures("failing")
def test_a_pipe_gets_no_escape_codes(learner: Learner) -> None:
    done = learner.run(*GRADE, within="echo")
    assert ESCAPE not in done.stdout + done.stderr
    assert done.stderr == "Installing the dependencies (echo fetching; echo unpacking) …\n"


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("columns", [20, 40, 80, 300])
def test_lines_fit_the_terminal_but_for_what_may_be_copied(columns: int, learner: Learner) -> None:
    done = learner.run(*GRADE, within="echo", env={"COLUMNS": str(columns)})
    assert done.returncode == EXIT_FAILED
    whole = ("  Try it: curl", "  export PORT", "  │ ", "Start with the first:", "To try it by hand", "Grading")
    lines = [line.rstrip() for line in done.stdout.splitlines() if not line.startswith(whole)]
    assert max(map(len, lines)) <= min(100, max(40, columns))


# ── locales ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "setting",
    [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_an_old_locale_can_tell_pass_from_fail(setting: dict[str, str], learner: Learner) -> None:
    echo_workspace(learner.home, "python3 prints_commands_for_terminals_and_ci.py")
    done = learner.run(*GRADE, within="echo", env=setting)
    assert done.returncode == EXIT_FAILED
    assert re.search(r"^  [✓+]  1  GET /health", done.stdout, re.MULTILINE)
    assert re.search(r"^  [✗x]  2  POST /echo", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert learner.run("start", "--help", env=setting).returncode == EXIT_PASSED


def test_a_report_is_utf_8_whatever_the_terminal_is(learner: Learner) -> None:
    echo_workspace(learner.home, "python3 prints_commands_for_terminals_and_ci.py")
    process = learner.spawn(*GRADE, "--json", "-", within="echo", env={"PYTHONIOENCODING": "latin-1"})
    report = json.loads(process.communicate(timeout=60)[0].decode("utf-8"))
    assert "\u202e" in json.dumps(report, ensure_ascii=False)


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def shell(learner: Learner, script: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in which `coach` is coach, and pipes fail with their first failing command."""
    script = f'coach() {{ "{sys.executable}" -m coach "$@"; }}; {script}'
    return subprocess.run(
        ["sh", "-c", script], cwd=learner.home, env=learner.env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["coach", "coach --help", "coach list", "coach grade echo --pack pack"])
def test_a_reader_that_stops_early_sees_no_traceback(command: str, learner: Learner) -> None:
    echo_workspace(learner.home)
    done = shell(learner, f"{command} | head -1")
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_neither_verdict_nor_report(closed: str, learner: Learner) -> None:
    echo_workspace(learner.home)
    done = shell(learner, f"coach grade echo --pack pack --json report.json {closed}; echo $? > code")
    assert (learner.home / "code").read_text() == f"{EXIT_PASSED}\n"
    assert json.loads((learner.home / "report.json").read_text())["score"] == {"points": 4, "of": 4}
    assert "Traceback" not in done.stderr


def test_a_full_device_as_output_is_told(learner: Learner) -> None:
    done = shell(learner, "coach list > /dev/full")
    assert done.returncode != EXIT_PASSED
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr


def test_windows_is_told_where_coach_runs() -> None:
    pretend = "import sys; from coach.cli import main; sys.platform = 'win32'; main()"
    done = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == "coach needs Linux or macOS. On Windows, run it in WSL (wsl --install) or in a container.\n"
