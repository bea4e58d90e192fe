"""What is seen of a failed boot gets one code, one sentence and one remedy."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from coach.model import Notice
from coach.processes import Listener
from coach.runtime import program
from coach.runtime.program import Boot, Exit, ProgramLog, address_in_use, diagnose, flood_notice

SILENT = Boot(
    port=41873,
    exit=None,
    listening=[],
    survivors=0,
    waited=20.0,
    log=("starting",),
    start="node server.js",
)
ENDED = replace(SILENT, exit=Exit(code=1))


def here(port: int, host: str = "127.0.0.1") -> Listener:
    return Listener(host, port, 1)


BOOTS = {
    "it ended": (ENDED, "boot-crashed", "ended with exit code 1 before it listened"),
    "it ended well": (replace(SILENT, exit=Exit(code=0)), "boot-crashed", "ended with exit code 0"),
    "a signal": (replace(SILENT, exit=Exit(signal=signal.SIGSEGV)), "boot-crashed", "was ended by SIGSEGV before"),
    "memory": (replace(SILENT, exit=Exit(signal=9, limit="memory")), "memory-limit", "used more memory than allowed"),
    "forks": (replace(SILENT, exit=Exit(signal=9, limit="processes")), "processes-limit", "started too many processes"),
    "127": (replace(SILENT, exit=Exit(code=127)), "start-command-missing", "could not be run: node server.js"),
    "128 and a signal": (replace(SILENT, exit=Exit(code=139)), "boot-crashed", "exit code 139 (SIGSEGV) before"),
    "126": (replace(SILENT, exit=Exit(code=126)), "start-command-missing", "could not be run: node server.js"),
    "left behind": (replace(SILENT, exit=Exit(code=0), survivors=1), "backgrounded", "goes on in the background"),
    "crashed with a child": (replace(ENDED, survivors=1), "boot-crashed", "exit code 1"),
    "in use": (replace(ENDED, log=("Error: listen EADDRINUSE :::3000",)), "port-taken", "passed PORT=41873, which was"),
    "a stranger": (replace(SILENT, stranger=True), "port-taken", "did not start answers on PORT=41873"),
    "::1": (
        replace(SILENT, listening=[here(41873, "::1")]),
        "wrong-host",
        "listens on ::1 only; coach connects to 127.0.0.1",
    ),
    "two hosts": (
        replace(SILENT, listening=[here(41873, "::1"), here(41873, "10.0.0.1"), here(9229)]),
        "wrong-host",
        "listens on 10.0.0.1 and ::1 only",
    ),
    "3000": (replace(SILENT, listening=[here(3000)]), "wrong-port", "listens on port 3000; coach passed PORT=41873"),
    "two ports": (
        replace(SILENT, listening=[here(9229), here(3000), here(3000, "::1")]),
        "wrong-port",
        "3000 and 9229",
    ),
    "nothing": (SILENT, "boot-timeout", "did not listen on PORT=41873 within 20 s"),
    "little time": (replace(SILENT, waited=0.5), "boot-timeout", "within 0.5 s"),
}


@pytest.mark.parametrize("name", BOOTS)
def test_a_failed_boot_has_one_cause(name: str) -> None:
    boot, code, words = BOOTS[name]
    error = diagnose(boot)
    assert error.code == code
    assert words in error.message
    assert error.hint
    assert error.log == boot.log


def test_the_remedy_for_a_wrong_host_depends_on_where_the_program_runs() -> None:
    boot = replace(SILENT, listening=[here(41873, "127.0.0.2")])
    outside, inside = diagnose(boot), diagnose(replace(boot, mode="container"))
    assert "connects to 127.0.0.1" in outside.message
    assert "127.0.0.1, or on 0.0.0.0" in outside.hint
    assert "every interface of the container" in inside.message
    assert inside.hint == "Listen on the host 0.0.0.0, which is every interface."


@pytest.mark.parametrize(
    "line",
    [
        "Error: listen EADDRINUSE: address already in use :::3000",
        "OSError: [Errno 98] Address already in use",
        "[Errno 48] error while attempting to bind on address ('127.0.0.1', 8000): address already in use",
        "Port 5000 is in use by another program.",
        "port 8080 is already in use",
    ],
)
def test_a_complaint_about_the_port_is_understood(line: str) -> None:
    assert address_in_use(["booting", line])


@pytest.mark.parametrize("line", ["", "listening on port 3000", "address book in use", "error 980 of 48000"])
def test_what_is_no_complaint_about_the_port_is_not_taken_for_one(line: str) -> None:
    assert not address_in_use([line])


def test_dropped_lines_are_told_with_their_number() -> None:
    assert flood_notice(0) == []
    [notice] = flood_notice(1234567)
    assert isinstance(notice, Notice)
    assert notice.code == "log-flood"
    assert "1,234,567 lines" in notice.message


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (Exit(code=0), "ended with exit code 0"),
        (Exit(signal=signal.SIGTERM), "was ended by SIGTERM"),
        (Exit(signal=63), "was ended by signal 63"),
    ],
)
def test_an_end_is_said_in_words(ended: Exit, said: str) -> None:
    assert str(ended) == said


# ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_log_begins_empty_wherever_it_lies(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "new" / "server.log")
    assert log.since() == []
    assert log.tail() == ()
    assert log.mark() == 0


def test_a_log_shows_what_came_after_a_mark(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "server.log")
    log.path.write_text("one\ntwo\n")
    mark = log.mark()
    with log.path.open("ab") as file:
        file.write("drüben\nfour".encode() + b" \xff\n")
    assert log.since(mark) == ["drüben", "four \ufffd"]
    assert log.tail(2) == ("drüben", "four \ufffd")
    assert log.tail(1, mark) == ("four \ufffd",)
    assert log.since() == ["one", "two", "drüben", "four \ufffd"]


def test_a_log_that_grew_beyond_all_bounds_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "LOG_LIMIT", 1000)
    log = ProgramLog(tmp_path / "server.log")
    log.path.write_bytes(b"x" * 100_000)
    assert sum(map(len, log.since())) < 10_000


def test_an_existing_log_is_kept(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("before\n")
    assert ProgramLog(tmp_path / "server.log").since() == ["before"]


def test_a_log_that_was_replaced_shows_what_coach_wrote(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "server.log")
    log.path.write_text("coach\n")
    assert log.is_intact()
    log.path.unlink()
    assert not log.is_intact()
    log.path.write_text("the program\n")
    assert not log.is_intact()
    assert log.since() == ["coach"]
