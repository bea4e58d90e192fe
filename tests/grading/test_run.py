"""A request without a whole answer gets one cause, and so does the end of a run."""

from pathlib import Path

import httpcore
import pytest

from coach.errors import CheckFailed, SubmissionError, TamperedError
from coach.grading import run as module
from coach.grading.client import REQUEST_LIMIT
from coach.grading.run import Run, crash
from coach.grading.server import LogView
from coach.model import Limits
from coach.runtime.program import Exit, ProgramLog
from tests.grading.harness import Idle


class Ending(Idle):
    """A program that ends when the test says so."""

    end: Exit | None = None

    def ended(self) -> Exit | None:
        return self.end


@pytest.fixture
def program(tmp_path: Path) -> Ending:
    return Ending(tmp_path)


@pytest.fixture
def run(program: Ending, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(module, "CRASH_PATIENCE", 0.01)
    return Run(
        program=program, base_path="", env={}, limits=Limits(), seed=1, task_titles={}, on_result=lambda result: None
    )


EXPLAINED: dict[str, tuple[Exception, str, str]] = {
    "late": (httpcore.ReadTimeout("timed out"), "hung", "silence, or an answer that does not end"),
    "late to read": (httpcore.WriteTimeout(""), "hung", "silence, or an answer that does not end"),
    "late to accept": (httpcore.ConnectTimeout(""), "hung", "silence, or an answer that does not end"),
    "refused": (httpcore.ConnectError("[Errno 111] Connection refused"), "connection-closed", "connection refused"),
    "reset": (httpcore.ReadError("[Errno 104] reset\nby peer"), "connection-closed", "[Errno 104] reset"),
    "closed": (httpcore.ReadError(""), "connection-closed", "the connection was closed"),
    "closed at once": (
        httpcore.RemoteProtocolError("Server disconnected without sending a response."),
        "connection-closed",
        "Server disconnected without sending a response.",
    ),
    "closed early": (
        httpcore.RemoteProtocolError("peer closed connection without sending complete message body"),
        "connection-closed",
        "peer closed connection without sending complete message body",
    ),
    "nonsense": (httpcore.RemoteProtocolError("illegal status line"), "invalid-http", "illegal status line"),
    "long nonsense": (httpcore.RemoteProtocolError("x" * 5000), "invalid-http", "x" * 200),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_request_without_an_answer_is_explained(name: str, run: Run) -> None:
    exc, code, got = EXPLAINED[name]
    failed = run.explain(exc)
    assert (failed.code, failed.got) == (code, got)
    assert failed.message
    assert failed.expected
    assert failed.hint


def test_the_limit_of_a_request_is_told(run: Run) -> None:
    assert run.explain(httpcore.ReadTimeout()).expected == f"an answer within {REQUEST_LIMIT:g} s"


@pytest.mark.parametrize("name", EXPLAINED)
def test_the_end_of_the_program_explains_everything(name: str, run: Run, program: Ending) -> None:
    program.end = Exit(code=3)
    failed = run.explain(EXPLAINED[name][0])
    assert (failed.code, failed.got) == ("crashed", "it ended with exit code 3")


def test_an_end_that_is_noticed_a_moment_later_explains_it_too(run: Run, program: Ending) -> None:
    module.CRASH_PATIENCE = 10
    looks = iter([None, None, Exit(signal=11)])
    program.ended = lambda: next(looks)  # type: ignore[method-assign]
    assert run.explain(httpcore.ReadError("reset")).got == "it was ended by SIGSEGV"


def test_a_program_that_the_check_has_stopped_did_not_crash(run: Run, program: Ending) -> None:
    program.end = Exit(signal=15)
    run.stopped_by_check = True
    assert run.crashed() is None
    failed = run.explain(httpcore.ConnectError("refused"))
    assert (failed.code, failed.message) == ("connection-closed", "The server is stopped.")


@pytest.mark.parametrize(
    ("ended", "code", "got"),
    [
        (Exit(code=0), "crashed", "it ended with exit code 0"),
        (Exit(signal=9), "crashed", "it was ended by SIGKILL"),
        (Exit(signal=9, limit="memory"), "memory-limit", "it was stopped because it used more memory than allowed"),
    ],
)
def test_a_crash_says_how_the_program_ended(ended: Exit, code: str, got: str) -> None:
    failed = crash(ended)
    assert isinstance(failed, CheckFailed)
    assert (failed.code, failed.got) == (code, got)
    assert failed.hint


def test_the_first_reason_to_give_up_stays(run: Run) -> None:
    assert run.blocked_by() == ""
    run.fail_for_good(SubmissionError("boot-crashed", "It ended.", "Look.", ("last",)))
    run.fail_for_good(TamperedError("Somebody was here."))
    assert run.cause is not None
    assert (run.cause.code, run.cause.message, run.cause.remedy) == ("boot-crashed", "It ended.", "Look.")
    assert run.cause.log == ("last",)
    assert run.blocked_by() == "boot-crashed"


def test_tampering_has_no_log(run: Run) -> None:
    run.fail_for_good(TamperedError("Somebody was here.", "Use a container."))
    assert run.cause is not None
    assert (run.cause.code, run.cause.remedy, run.cause.log) == ("tampered", "Use a container.", ())


def test_a_program_is_ready_before_its_time_is_counted(run: Run) -> None:
    told: list[str] = []
    run.on_ready = lambda: told.append("ready")
    run.started = 0
    run.boot()
    assert told == ["ready"]
    assert run.started > 0


def test_lines_that_are_json_objects_are_read_and_others_ignored(tmp_path: Path) -> None:
    log = ProgramLog(tmp_path / "log")
    lines = ['{"level": "info"}', "plain", "[1]", "{", "[" * 100_000, '{"id": 1e999, "text": "ü"}', "3"]
    log.path.write_text("\n".join(lines))
    view = LogView(log, 0)
    assert view.lines() == lines
    assert view.json_lines() == [{"level": "info"}, {"id": float("inf"), "text": "ü"}]
