"""What a check sends arrives, and what comes back is kept within bounds, of size and of time."""

import gzip
import os
import socket
import threading
import time
import zlib
from typing import Any

import httpcore
import pytest

from coach.errors import CheckFailed
from coach.grading import client as module
from coach.grading.client import Api, Budget, Wire
from coach.processes import poll
from tests.grading.callers import Call, Caller
from tests.grading.raw import PAUSE, Handler, answer, dribble, read_request


def failure(caller: Caller, **options: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        caller.client().get("/", **options)
    return caught.value


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_every_method_is_sent(method: str, calls: Call) -> None:
    caller = calls()
    assert getattr(caller.client(), method)("/notes").status == 200
    assert caller.sent().startswith(f"{method.upper()} /notes HTTP/1.1\r\n")


def test_a_path_goes_below_the_base_path_with_its_parameters(calls: Call) -> None:
    caller = calls(base_path="/api/v1")
    caller.client().get("/notes", params={"q": "a&b=ü /?", "page": 2})
    assert caller.sent().startswith("GET /api/v1/notes?q=a%26b%3D%C3%BC+%2F%3F&page=2 HTTP/1.1\r\n")
    assert caller.wire.exchanges[0].request.path == "/api/v1/notes?q=a%26b%3D%C3%BC+%2F%3F&page=2"


def test_json_is_sent_as_json(calls: Call) -> None:
    caller = calls()
    caller.client().post("/notes", json={"title": "Grüße"})
    assert "content-type: application/json" in caller.sent().lower()
    assert caller.sent().endswith('\r\n\r\n{"title":"Grüße"}')


def test_content_is_sent_as_it_is(calls: Call) -> None:
    caller = calls()
    caller.client().post("/notes", content=b"\x00{", headers={"content-type": "text/plain", "x-a": "b"})
    assert "content-type: text/plain" in caller.sent().lower()
    assert "x-a: b" in caller.sent().lower()
    assert caller.sent().endswith("\r\n\r\n\x00{")


def test_nothing_of_the_machine_is_sent(calls: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", os.devnull)
    caller = calls()
    caller.client().get("/")
    names = {line.split(":")[0].lower() for line in caller.sent().splitlines()[1:] if line}
    assert names == {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert "user-agent: coach" in caller.sent().lower()


def test_each_client_has_cookies_of_its_own(calls: Call) -> None:
    caller = calls(answer(b"", Set_Cookie="session=abc; Path=/"))
    one, other = caller.client(), caller.client()
    one.get("/")
    one.get("/")
    other.get("/")
    cookies = ["cookie: session=abc" in request.decode().lower() for request in caller.server.requests]
    assert cookies == [False, True, False]


@pytest.mark.parametrize(
    "location",
    ["/elsewhere", "http://", "http://[", "http://a:b:c/", "//[::", "javascript:alert(1)", "http://ü ü/", "x" * 5000],
)
def test_no_redirect_is_followed_wherever_it_leads(location: str, calls: Call) -> None:
    caller = calls(answer(b"", "302 Found", Location=location))
    reply = caller.client().get("/")
    assert reply.status == 302
    assert len(reply.headers["location"]) >= len(location)
    assert len(caller.server.requests) == 1


def test_a_connection_is_used_again(calls: Call) -> None:
    def serve(connection: socket.socket, over: threading.Event) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            if not read_request(connection):
                return

    caller = calls(serve)
    client = caller.client()
    assert [client.get("/").status for _ in range(3)] == [204, 204, 204]
    assert caller.server.connections == 1


def test_a_closed_client_has_no_connection_left(calls: Call) -> None:
    closed = threading.Event()

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        if connection.recv(1) == b"":
            closed.set()

    client = calls(serve).client()
    client.get("/")
    client.close()
    assert closed.wait(10)


@pytest.mark.parametrize(
    "options",
    [
        {"path": "/notes/a\nb"},
        {"path": "/notes/" + "x" * 70_000},
        {"path": "/", "headers": {"authorization": "Bearer ü"}},
        {"path": "/", "headers": {"authorization": "Bearer a\r\nb"}},
        {"path": "/", "json": {"text": "\ud800"}},
    ],
)
def test_what_fits_into_no_request_is_named(options: dict[str, Any], calls: Call) -> None:
    """Ids and tokens come from the learner's server."""
    with pytest.raises(CheckFailed) as caught:
        calls().client().request("POST", **options)
    assert caught.value.message.startswith("What the server gave out fits into no request: ")
    assert caught.value.got.startswith(f"POST {options['path'][:50]}")
    assert len(caught.value.message + caught.value.got) < 500


# ── exchanges ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_exchange_keeps_what_a_person_needs(calls: Call) -> None:
    caller = calls(answer(b'{"id": 1}', "201 Created", Content_Type="application/json", Date="now", X_Powered_By="x"))
    caller.client().post("/notes", json={"a": 1}, headers={"authorization": "Bearer t"})
    [exchange] = caller.wire.exchanges
    assert (exchange.request.method, exchange.request.path, exchange.request.body) == ("POST", "/notes", '{"a":1}')
    assert exchange.request.headers == {"content-type": "application/json", "authorization": "Bearer t"}
    assert exchange.response is not None
    assert (exchange.response.status, exchange.response.body) == (201, '{"id": 1}')
    assert exchange.response.headers == {"content-type": "application/json"}
    assert 0 < exchange.ms < 20_000


def test_an_exchange_without_an_answer_is_kept(calls: Call) -> None:
    caller = calls(b"")
    failure(caller)
    [exchange] = caller.wire.exchanges
    assert exchange.response is None


def test_long_texts_are_cut_in_what_is_kept_and_whole_in_the_reply(calls: Call) -> None:
    caller = calls(answer(b"x" * 100_000, X_Long="y" * 5_000))
    reply = caller.client().post("/", content="z" * 200_000)
    [exchange] = caller.wire.exchanges
    assert len(reply.content) == 100_000
    assert exchange.response is not None
    assert len(exchange.response.body) < 9_000
    assert len(exchange.response.headers["x-long"]) < 600
    assert len(exchange.request.body) < 70_000


def test_a_new_check_begins_without_exchanges_and_with_all_its_time(calls: Call) -> None:
    caller = calls()
    caller.client().get("/")
    caller.wire.begin(5)
    assert caller.wire.exchanges == []
    assert 4 < caller.wire.budget.left() <= 5


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nX-Slow: "
DRIBBLES: dict[str, Handler] = {
    "nothing": lambda connection, over: void(over.wait(20)),
    "a header": dribble(HEAD),
    "many headers": dribble(HEAD + b"a\r\n" + b"A: b\r\n" * 1000),
    "interim responses": dribble(CONTINUE),
    "interim responses at full speed": lambda connection, over: flood(
        connection, b"HTTP/1.1 100 Continue\r\n\r\n", over
    ),
    "a body": lambda connection, over: send_all(connection, answer(b"")[:-2], b"\r\n", dribble(b"x"), over),
}


def flood(connection: socket.socket, data: bytes, over: threading.Event) -> None:
    """Send these bytes over and over, as fast as they are read."""
    while not over.is_set():
        connection.sendall(data * 100)


def void(_: object) -> None:
    """Turn any result into none."""


def send_all(connection: socket.socket, head: bytes, end: bytes, more: Handler, over: threading.Event) -> None:
    connection.sendall(head.replace(b"Content-Length: 0", b"Content-Length: 100000") + end)
    more(connection, over)


@pytest.mark.parametrize("name", DRIBBLES)
def test_a_request_has_one_deadline_however_the_answer_dribbles(
    name: str, calls: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REQUEST_LIMIT", 0.3)
    began = time.monotonic()
    failed = failure(calls(DRIBBLES[name]))
    assert failed.code == "ReadTimeout"
    assert time.monotonic() - began < 10


def test_a_check_that_has_less_time_left_waits_no_longer(calls: Call) -> None:
    caller = calls(DRIBBLES["nothing"], seconds=0.2)
    assert failure(caller).code == "ReadTimeout"
    failed = failure(caller)
    assert failed.code == "check-timeout"
    assert failed.message == "The check took longer than 0.2 s."
    assert len(caller.server.requests) == 1


@pytest.mark.parametrize("slowly", [False, True])
def test_a_server_that_reads_nothing_or_slowly_is_given_up(slowly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_LIMIT", 0.3)
    over = threading.Event()

    def read() -> None:
        connection, _ = server.accept()
        with connection:
            while not over.wait(PAUSE):
                connection.recv(100_000)

    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = threading.Thread(target=read)
        if slowly:
            reader.start()
        wire = Wire(server.getsockname, "", lambda exc: CheckFailed(str(exc), code=type(exc).__name__))
        wire.begin(20)
        client = Api(wire)
        with pytest.raises(CheckFailed) as caught:
            client.post("/", content=b"x" * (32 << 20))
        client.close()
        over.set()
        if slowly:
            reader.join()
    assert caught.value.code == "WriteTimeout"
    assert time.monotonic() - began < 10


def test_each_thread_has_a_deadline_of_its_own(calls: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread's late request does not lengthen the one that another thread has begun."""
    caller = calls(DRIBBLES["nothing"])
    client = caller.client()
    codes: list[str] = []

    def ask(limit: float) -> None:
        monkeypatch.setattr(module, "REQUEST_LIMIT", limit)
        with pytest.raises(CheckFailed) as caught:
            client.get("/")
        codes.append(f"{caught.value.code} {limit}")

    long = threading.Thread(target=ask, args=(0.6,))
    long.start()
    assert poll(lambda: caller.server.requests, 10)
    ask(0.1)
    long.join()
    assert codes == ["ReadTimeout 0.1", "ReadTimeout 0.6"]


def test_time_can_be_given_back() -> None:
    budget = Budget(-1)
    with pytest.raises(CheckFailed):
        budget.left()
    left = budget.end - time.monotonic()
    with budget.pause():
        poll(lambda: False, 0.5)
    assert budget.end - time.monotonic() > left - 0.4


# ── size ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Lower the limit on bodies to this many bytes."""
    monkeypatch.setattr(module, "BODY_LIMIT", 1 << 20)
    return 1 << 20


def test_a_body_may_have_as_much_as_the_limit(small: int, calls: Call) -> None:
    assert len(calls(answer(b"x" * small)).client().get("/").content) == small


def endless(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"abc" * 20_000)


@pytest.mark.parametrize(
    "body",
    [
        answer(b"abc" * 400_000),
        endless,
        answer(gzip.compress(b"abc" * 40_000_000, 1), Content_Encoding="gzip"),
        answer(zlib.compress(b"abc" * 40_000_000, 1), Content_Encoding="deflate"),
        answer(gzip.compress(b"abc" * 350_000), Content_Encoding=" X-GZIP "),
    ],
    ids=["long", "endless", "gzip bomb", "zlib bomb", "a little too long"],
)
def test_a_body_beyond_the_limit_is_not_read_to_its_end(body: bytes | Handler, small: int, calls: Call) -> None:
    failed = failure(calls(body))
    assert failed.code == "body-too-large"
    assert failed.message == "The body has more than 1 MiB."
    assert failed.got.endswith(", and no end")
    assert len(failed.got) < 300


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")),
        ("identity", b"hello"),
        ("br", b"hello"),
    ],
)
def test_a_compressed_body_is_read(encoding: str, body: bytes, calls: Call) -> None:
    """What coach cannot decompress stays as it came."""
    assert calls(answer(body, Content_Encoding=encoding)).client().get("/").content == b"hello"


def test_a_body_that_is_not_compressed_as_it_says_is_invalid(calls: Call) -> None:
    failed = failure(calls(answer(b"hello", Content_Encoding="gzip")))
    assert (failed.code, failed.message) == ("RemoteProtocolError", "the body is not gzip, as its header says")


# ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        (b"", "RemoteProtocolError", "disconnected without sending a response"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "RemoteProtocolError", "no status line, but b'SSH-2.0-OpenSSH_9.6"),
        (b"HTTP/1.1 abc\r\n\r\n", "RemoteProtocolError", "status"),
        (b"HTTP/1.1 200 OK\r\nA" + b"x" * 200_000, "RemoteProtocolError", "Receive buffer too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "RemoteProtocolError", "peer closed connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "RemoteProtocolError", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "RemoteProtocolError", "chunk"),
    ],
)
def test_what_is_no_answer_is_named(sent: bytes, code: str, words: str, calls: Call) -> None:
    failed = failure(calls(sent))
    assert failed.code == code
    assert words in failed.message


def test_a_server_that_is_gone_is_named(calls: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    wire = Wire(lambda: address, "", lambda exc: CheckFailed(str(exc), code=type(exc).__name__))
    wire.begin(5)
    client = Api(wire)
    with pytest.raises(CheckFailed) as caught:
        client.get("/")
    client.close()
    assert caught.value.code == httpcore.ConnectError.__name__
