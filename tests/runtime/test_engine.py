"""Finding the Docker engine, and its errors in plain words."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from docker.errors import APIError

from coach.errors import PrerequisiteError, ServiceError
from coach.processes import Listener, free_port
from coach.runtime.container import ContainerProgram, address, inside
from coach.runtime.container.engine import connect, explained
from tests.runtime.images import make_spec


@pytest.fixture(autouse=True)
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no engine runs, seen by somebody with nothing set."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(address, "SYSTEM", f"unix://{tmp_path}/docker.sock")


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    """Something that accepts connections at the system's place, and says no word."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
        server.listen()
        yield server


def problem() -> PrerequisiteError:
    with pytest.raises(PrerequisiteError) as caught:
        address.find()
    assert "Without --container" in caught.value.hint
    return caught.value


def test_a_machine_without_docker_is_told_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "no Docker engine on this machine" in problem().message
    assert "Install" in problem().hint


@pytest.mark.parametrize(
    ("platform", "words"), [("linux", "systemctl start docker"), ("darwin", "Open Docker Desktop")]
)
def test_an_engine_that_does_not_run_is_to_be_started(
    platform: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert "does not run" in problem().message
    assert words in problem().hint


def test_an_engine_that_has_ended_is_to_be_started(listening: socket.socket) -> None:
    listening.close()
    assert "refused" in problem().message


def test_an_engine_that_this_account_may_not_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(where: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(address, "_knock", refuse)
    assert "permission denied" in problem().message
    assert "usermod -aG docker" in problem().hint


def test_the_first_place_where_something_listens_is_taken(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert address.find() == f"unix://{tmp_path}/docker.sock"
    monkeypatch.setattr(address, "SYSTEM", "unix:///nowhere")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert address.find() == f"unix://{tmp_path}/docker.sock"


def test_docker_host_is_the_only_place_if_it_is_set(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert "/nowhere/docker.sock" in problem().message
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    assert "refused" in problem().message


def test_a_broken_context_does_not_keep_others_from_being_found(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "missing")
    assert address.find() == f"unix://{tmp_path}/docker.sock"


@pytest.mark.parametrize("where", ["ssh://somebody@elsewhere", "tcp://192.0.2.1:2376"])
def test_an_engine_on_another_machine_is_refused(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", where)
    assert "another machine" in problem().message


def test_what_is_no_engine_is_named(listening: socket.socket, tmp_path: Path) -> None:
    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"220 mail.example ESMTP\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(PrerequisiteError, match="does not answer as a Docker engine"):
        connect(f"unix://{tmp_path}/docker.sock")
    thread.join()


@pytest.mark.usefixtures("nothing_left")
def test_a_program_is_not_even_made_without_an_engine(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError):
        ContainerProgram(make_spec(tmp_path))


def refused(explanation: str) -> APIError:
    return APIError("500 Server Error", explanation=explanation)


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (refused("all predefined address pools have been fully subnetted."), ServiceError, "fully subnetted"),
        (refused("write /var/lib: no space left on device"), PrerequisiteError, "disk is full"),
        (requests.ConnectionError("Connection aborted."), PrerequisiteError, "stopped answering"),
        (BrokenPipeError(32, "Broken pipe"), PrerequisiteError, "stopped answering"),
    ],
)
def test_the_engines_errors_become_sentences(raised: Exception, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"could not make a network.*{words}"), explained("make a network"):
        raise raised


@pytest.mark.skipif(sys.byteorder != "little", reason="the tables below are those of a little-endian machine")
def test_listeners_are_read_from_the_kernels_tables() -> None:
    tables = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 102168 1
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 102169 1
   2: 020015AC:1F90 010015AC:C350 01 00000000:00000000 00:00000000 00000000  1000        0 102170 1
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000001000000:0BB9 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000000000000:0BBA 00000000000000000000000000000000:0000 0A 00000000:00000000
"""
    found = inside.parse(tables, 7)
    assert found == [
        Listener("127.0.0.1", 3000, 7),
        Listener("0.0.0.0", 8080, 7),
        Listener("::1", 3001, 7),
        Listener("::", 3002, 7),
    ]
