"""What a grader is given: clients, the server, random data, waiting and simultaneous calls."""

from pathlib import Path

import pytest

from coach.model import CheckResult
from tests.grading.harness import Graded, grade
from tests.runtime.programs import HTTP_START

pytestmark = pytest.mark.usefixtures("nothing_left")

SERVER = '''
import signal


@check(task=1)
def test_reaches_the_server(api):
    """Reaches the server"""
    expect(api.get("/")).json_includes({"start": 1})


@check(task=1)
def test_restarts(api, server):
    """Restarts on the same data, with other variables"""
    server.restart()
    expect(api.get("/")).json_includes({"start": 2})
    server.restart(signal.SIGKILL, env={"MODE": "test"})
    assert expect(api.get("/")).json_includes({"start": 3}).field("env")["MODE"] == "test"


@check(task=1)
def test_is_as_declared(api):
    """Does not see what an earlier check has changed"""
    env = expect(api.get("/")).json_includes({"start": 4}).field("env")
    assert "MODE" not in env


@check(task=1)
def test_stops_and_starts(api, server):
    """Stops and starts"""
    ended = server.stop(signal.SIGKILL)
    assert ended.signal == signal.SIGKILL
    started = server.start()
    assert started.ready and started.log == ("start 5",), started
    assert server.log.lines() == ["start 5"]


@check(task=1)
def test_refuses_to_start(server):
    """Tells how a start failed"""
    server.stop()
    started = server.start(env={"REFUSE": "1"})
    assert not started.ready
    assert (started.code, started.exit.code, started.log) == ("boot-crashed", 1, ("refused to start",)), started


@check(task=1)
def test_runs_again(api, server):
    """Runs again after a failed start"""
    assert server.log.lines() == []
    expect(api.get("/")).json_includes({"start": 7})


@check(task=1)
def test_prints(api, server):
    """Reads what the server prints during this check"""
    api.get("/print?one")
    api.get("/print?2")
    assert server.log.lines() == ["one", "2"]


@check(task=1)
def test_knows_when_it_is_stopped(api, server):
    """Says that the server is stopped"""
    server.stop()
    api.get("/")


@check(task=1)
def test_fails_to_restart(server):
    """Fails when the server does not start again"""
    server.restart(env={"REFUSE": "1"})


@check(task=1)
def test_has_all_its_time(api, server):
    """Restarts cost a check nothing of its time"""
    before = api._wire.budget.left()
    server.restart()
    assert before - api._wire.budget.left() < 0.1
'''


@pytest.fixture(scope="module")
def on_server(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    return grade(tmp_path_factory.mktemp("server"), SERVER, start=HTTP_START)


FAILS = ("test_knows_when_it_is_stopped", "test_fails_to_restart")
NAMES = [line[4:].split("(")[0] for line in SERVER.splitlines() if line.startswith("def ")]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FAILS])
def test_the_server_can_be_handled(name: str, on_server: Graded) -> None:
    result = on_server.results[name]
    assert result.outcome == "passed", result


def test_a_request_to_a_stopped_server_fails(on_server: Graded) -> None:
    result = on_server.results["test_knows_when_it_is_stopped"]
    assert (result.outcome, result.code, result.message) == ("failed", "connection-closed", "The server is stopped.")


def test_a_restart_that_fails_has_the_code_of_the_boot(on_server: Graded) -> None:
    result = on_server.results["test_fails_to_restart"]
    assert (result.outcome, result.code) == ("failed", "boot-crashed")
    assert result.message == "The program does not start again after a restart."
    assert "exit code 1" in result.got
    assert result.log == ("refused to start",)


def test_a_restart_is_told_between_two_exchanges(on_server: Graded) -> None:
    restarted = [exchange.restarted for exchange in on_server.results["test_restarts"].exchanges]
    assert restarted == ["SIGTERM", "SIGKILL"]


DATA = '''
import threading


@check(task=1)
def test_random(rng, unique, env):
    """Shows its random data"""
    assert unique("milk") != unique("milk")
    assert False, f"{rng.random()} {unique('milk')} {dict(env)}"


@check(task=1)
def test_other(rng, unique):
    """Shows its random data, which differs"""
    assert False, f"{rng.random()}"


@check(task=1)
def test_simultaneous(simultaneously):
    """Calls that can only succeed together"""
    meeting = threading.Barrier(10)

    def call(index):
        meeting.wait(10)
        return index * index

    assert simultaneously(10, call) == [index * index for index in range(10)]


@check(task=1)
def test_one_of_many_fails(simultaneously):
    """One of several calls fails"""

    def call(index):
        assert index != 3, "Number 3."

    simultaneously(5, call)


@check(task=1)
def test_eventually(eventually):
    """Waits until it is true"""
    answers = iter([None, 0, "now"])
    assert eventually(lambda: next(answers), 10) == "now"


@check(task=1)
def test_eventually_without_a_failure(eventually):
    """Waits until nothing fails"""
    from coach.grading import CheckFailed

    left = [1, 2]

    def call():
        if left:
            left.pop()
            raise CheckFailed("Not yet.")
        return "now"

    assert eventually(call, 10) == "now"


@check(task=1)
def test_never(eventually):
    """Waits in vain"""
    assert eventually(lambda: 0, 0.05) == 0


@check(task=1)
def test_never_without_a_failure(eventually):
    """Fails in the end with the last failure"""
    from coach.grading import CheckFailed

    def call():
        raise CheckFailed("Still not.", code="hung")

    eventually(call, 0.05)


@check(task=1)
def test_clients(new_client, api):
    """Has clients of its own"""
    assert len({id(new_client()), id(new_client()), id(api)}) == 3
'''


@pytest.fixture(scope="module")
def on_data(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    return grade(tmp_path_factory.mktemp("data"), DATA, seed=7)


@pytest.mark.parametrize("name", ["simultaneous", "eventually", "eventually_without_a_failure", "never", "clients"])
def test_data_and_waiting(name: str, on_data: Graded) -> None:
    result = on_data.results[f"test_{name}"]
    assert result.outcome == "passed", result


def test_a_failure_of_one_of_many_is_the_checks(on_data: Graded) -> None:
    assert message(on_data.results["test_one_of_many_fails"]) == "Number 3."


def test_a_wait_in_vain_ends_with_the_last_failure(on_data: Graded) -> None:
    result = on_data.results["test_never_without_a_failure"]
    assert (result.outcome, result.message, result.code) == ("failed", "Still not.", "hung")


def message(result: CheckResult) -> str:
    assert result.outcome == "failed"
    return result.message


def test_a_seed_gives_the_same_data_again_whichever_checks_run(on_data: Graded, tmp_path: Path) -> None:
    again = grade(tmp_path, DATA, seed=7, only=["other"])
    assert list(again.results) == ["test_other"]
    assert message(again.results["test_other"]) == message(on_data.results["test_other"])
    assert message(on_data.results["test_random"]).split()[0] != message(on_data.results["test_other"])


def test_another_seed_gives_other_data(on_data: Graded, tmp_path: Path) -> None:
    other = grade(tmp_path, DATA, seed=8, only=["other"])
    assert message(other.results["test_other"]) != message(on_data.results["test_other"])


def test_a_check_sees_the_variables_of_its_exercise(on_data: Graded) -> None:
    assert message(on_data.results["test_random"]).endswith("{'SECRET': 's'}")
