"""The recording client: what a check sends goes out here, and what comes back is kept for the learner to read."""

from __future__ import annotations

import shlex
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from coach.errors import CheckFailed
from coach.grading.difference import excerpt
from coach.grading.transport import Deadline, Transport
from coach.model import Exchange, Request, Response

REQUEST_LIMIT = 5.0
"""Seconds that one request may take, from the connection to the last byte."""
BODY_LIMIT = 10 << 20
"""Bytes that a body may have, decompressed."""
KEPT_REQUEST = 64 << 10
KEPT_RESPONSE = 8 << 10
"""Characters of a body that a report keeps."""
TRANSPORT_ERRORS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError)
# An exclamation mark leaves the quotes: within them interactive shells look for an earlier command.
_IN_DOUBLE_QUOTES = str.maketrans({char: f"\\{char}" for char in '\\"$`'} | {"!": "\"'!'\""})
_DULL_REQUEST = {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}
_DULL_RESPONSE = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "x-powered-by"}


class Budget:
    """The time that is left to the running check."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds
        self.paused = False

    def left(self) -> float:
        """Return the seconds left.

        Raises:
            CheckFailed: with code `check-timeout` when none are.
        """
        left = self.end - time.monotonic()
        if left <= 0:
            raise CheckFailed(
                f"The check took longer than {self.seconds:g} s.",
                expected=f"all answers within {self.seconds:g} s",
                got="answers that came too slowly",
                code="check-timeout",
            )
        return left

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Give back the time that passes in here, which is not the check's own, such as a restart."""
        began, self.paused = time.monotonic(), True
        try:
            yield
        finally:
            self.end += time.monotonic() - began
            self.paused = False


class Reply:
    """What came back for one request. Graders read it through `expect`, which says in words what is wrong.

    `status` alone, the code as a number, is theirs to compare: where several are right, it tells which of them came,
    as in `[reply.status for reply in replies].count(201)`.
    """

    def __init__(self, status: int, headers: httpx.Headers, content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    def preview(self) -> str:
        """Return the start of the body as text for a message."""
        return excerpt(self.content.decode("utf-8", "replace"))


class Wire:
    """Where requests of a check go, how long they may take, and what was exchanged; shared by all its clients."""

    def __init__(
        self, address: Callable[[], tuple[str, int]], base_path: str, failure: Callable[[Exception], CheckFailed]
    ) -> None:
        self.address = address
        self.base_path = base_path
        self.failure = failure
        self.exchanges: list[Exchange] = []
        self.budget = Budget(0)
        self.restarted = ""

    def begin(self, seconds: float) -> None:
        """Begin a check of at most so many seconds."""
        self.exchanges = []
        self.restarted = ""
        self.budget = Budget(seconds)


class Api:
    """An HTTP client bound to the learner's server: paths only, redirects never followed, every exchange recorded.

    A request may take 5 s, or what is left of the check's time. Several threads may use one client at once; they share
    its cookies.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._deadline = Deadline()
        self._transport = Transport(self._deadline)
        self._client = httpx.Client(
            transport=self._transport,
            trust_env=False,
            headers={"user-agent": "coach", "accept-encoding": "identity"},
        )

    def get(self, path: str, **options: Any) -> Reply:
        """Send a GET request; options as for `request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Reply:
        """Send a POST request; options as for `request`."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Reply:
        """Send a PUT request; options as for `request`."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Reply:
        """Send a PATCH request; options as for `request`."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Reply:
        """Send a DELETE request; options as for `request`."""
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | str | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return what came back.

        `json` is sent as a JSON body; `content` as it is, with the `content-type` of `headers`; `params` become the
        query string.

        Raises:
            CheckFailed: with code `crashed`, `hung`, `connection-closed`, `invalid-http`, `body-too-large` or
                `check-timeout`, when no whole answer came; without one, when an id or a token that the server gave out
                fits into no request.
        """
        host, port = self._wire.address()
        # A container has an address of its own; a server that looks at Host must not tell it from a process.
        own = httpx.Headers({"host": f"127.0.0.1:{port}"})
        try:
            own.update(headers)
            request = self._client.build_request(
                method,
                f"http://{host}:{port}{self._wire.base_path}{path}",
                json=json,
                content=content,
                params=params or None,
                headers=own,
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as exc:
            raise _unsendable(method, path, exc) from exc
        limit = min(self._wire.budget.left(), REQUEST_LIMIT)
        started = time.monotonic()
        self._deadline.begin(limit)
        response: httpx.Response | None = None
        body = b""
        try:
            response = self._send(request)
            body = _read(response)
        except TRANSPORT_ERRORS as exc:
            raise self._wire.failure(exc) from exc
        except httpcore.LocalProtocolError as exc:
            raise _unsendable(method, path, exc) from exc
        finally:
            self._record(request, response, body, time.monotonic() - started)
        return Reply(response.status_code, response.headers, body)

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Send a request and keep the cookies of its answer.

        Not by way of the client: that looks where a redirect leads, and gives up on a location that makes no sense.
        """
        response = self._transport.handle_request(request)
        response.request = request
        self._client.cookies.extract_cookies(response)
        return response

    def _record(self, request: httpx.Request, response: httpx.Response | None, body: bytes, seconds: float) -> None:
        sent = request.content.decode("utf-8", "replace")
        headers = {name: value for name, value in request.headers.items() if name not in _DULL_REQUEST}
        path = request.url.raw_path.decode("ascii")
        if response is not None:
            response.close()
        answer = (
            None
            if response is None
            else Response(
                status=response.status_code,
                headers={
                    name: excerpt(value, width=500)
                    for name, value in response.headers.items()
                    if name not in _DULL_RESPONSE
                },
                body=excerpt(body[: 4 * KEPT_RESPONSE].decode("utf-8", "replace"), width=KEPT_RESPONSE),
            )
        )
        restarted, self._wire.restarted = self._wire.restarted, ""
        self._wire.exchanges.append(
            Exchange(
                request=Request(
                    method=request.method, path=path, headers=headers, body=excerpt(sent, width=KEPT_REQUEST)
                ),
                response=answer,
                ms=round(seconds * 1000, 1),
                curl=curl(request.method, path, headers, sent),
                restarted=restarted,
            )
        )

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


def curl(method: str, path: str, headers: Mapping[str, str], body: str) -> str:
    """Write a request as a command to paste; $URL stands for where the server listens."""
    words = ["curl", "-i"]
    if method == "HEAD":
        words.append("--head")
    elif method != "GET":
        words += ["-X", method]
    if any(char in path for char in "[]{}"):
        words.append("--globoff")  # else curl takes brackets and braces for a list of addresses
    words.append('"$URL' + path.translate(_IN_DOUBLE_QUOTES) + '"')
    for name, value in headers.items():
        words += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
    if body:
        if "content-type" not in headers:
            words += ["-H", "content-type:"]  # else curl says that it sends a form
        words += ["--data-raw", shlex.quote(body)]
    return " ".join(words)


def _unsendable(method: str, path: str, exc: Exception) -> CheckFailed:
    return CheckFailed(
        f"What the server gave out fits into no request: {exc}.",
        expected="ids and tokens without control characters, of a sensible length",
        got=excerpt(f"{method} {path}"),
    )


def _read(response: httpx.Response) -> bytes:
    """Read a body up to BODY_LIMIT bytes, decompressed no further than that."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding in ("gzip", "x-gzip", "deflate") else None
    parts: list[bytes] = []
    size = 0
    for chunk in response.iter_raw():
        try:
            data = unzip.decompress(chunk, BODY_LIMIT + 1 - size) if unzip else chunk
        except zlib.error as exc:
            raise httpcore.RemoteProtocolError(f"the body is not {encoding}, as its header says") from exc
        size += len(data)
        if size > BODY_LIMIT:
            raise CheckFailed(
                f"The body has more than {BODY_LIMIT >> 20} MiB.",
                expected="an answer of a sensible size",
                got=f"{excerpt(b''.join(parts)[:200].decode('utf-8', 'replace'))}, and no end",
                code="body-too-large",
            )
        parts.append(data)
    return b"".join(parts)
