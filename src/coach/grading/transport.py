"""An HTTP transport whose every request has one deadline for all of it, down to the last byte of the headers."""

from __future__ import annotations

import threading
import time
import typing
from collections.abc import Callable, Iterable, Iterator

import httpcore
import httpx

KEEP_ALIVE = 1.0
"""Seconds that an idle connection is used again; shorter than servers' own limits, so that none is closed under us."""
CONNECTIONS = 200
PIECE = 16 << 10
"""Bytes that are sent before the deadline is looked at again: a server that reads slowly must not stretch it."""
HEARD = 100
"""Bytes that are kept of an answer which ends before it was one."""


class Deadline(threading.local):
    """The moment, on the monotonic clock, at which the request of this thread ends, and the first bytes it got back."""

    at = 0.0
    heard = b""

    def begin(self, seconds: float) -> None:
        """Begin a request of at most so many seconds."""
        self.at = time.monotonic() + seconds
        self.heard = b""

    def left(self) -> float:
        """Return the seconds until then, never below a millisecond: 0 would mean "do not block"."""
        return max(self.at - time.monotonic(), 0.001)

    def passed(self) -> bool:
        """Tell whether that moment is over."""
        return time.monotonic() >= self.at


class _Stream(httpcore.NetworkStream):
    """A connection whose reads and writes wait no longer than the deadline of the thread that makes them."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._deadline.passed():
            raise httpcore.ReadTimeout("the deadline of the request has passed")
        data = self._inner.read(max_bytes, self._deadline.left())
        self._deadline.heard = self._deadline.heard or data[:HEARD]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            if self._deadline.passed():
                raise httpcore.WriteTimeout("the deadline of the request has passed")
            self._inner.write(buffer[start : start + PIECE], self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> typing.Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(host, port, self._deadline.left(), local_address, socket_options)
        return _Stream(stream, self._deadline)


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes], close: Callable[[], None]) -> None:
        self._stream = stream
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._close()


class Transport(httpx.BaseTransport):
    """Sends httpx requests over httpcore connections that keep `deadline`; raises httpcore's exceptions."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._pool = httpcore.ConnectionPool(
            max_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE, network_backend=_Backend(deadline)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return its response with the body still to be read."""
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions={},
        )
        try:
            response = self._pool.handle_request(sent)
        except httpcore.RemoteProtocolError as exc:
            heard = self._deadline.heard
            if heard and not heard.startswith(b"HTTP/"):
                raise httpcore.RemoteProtocolError(f"no status line, but {heard!r}") from exc
            raise
        body = _Body(typing.cast("Iterable[bytes]", response.stream), response.close)
        return httpx.Response(response.status, headers=response.headers, stream=body, extensions=response.extensions)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
