"""A server that answers with the bytes it is told, and keeps the bytes it was sent."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

PAUSE = 0.02
"""Seconds between two bytes of a server that dribbles."""

Handler = Callable[[socket.socket, threading.Event], None]
"""Answers on a connection whose request has been read; the event is set when the test is over."""


class RawServer:
    """Listens on 127.0.0.1 in a thread; each connection serves one request."""

    def __init__(self, answer: bytes | Handler) -> None:
        self._answer = answer
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.requests: list[bytes] = []
        self.connections = 0

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._socket.getsockname()
        return host, port

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self.requests.append(read_request(connection))
                if callable(self._answer):
                    self._answer(connection, self._over)
                else:
                    connection.sendall(self._answer)
            except OSError:
                """The client has hung up, which some tests are about."""


def read_request(connection: socket.socket) -> bytes:
    """Read one request to the end of its body, as long as Content-Length says."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(1 << 16)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        more = connection.recv(1 << 16)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Write a response; `Content_Type="…"` becomes a header."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def dribble(data: bytes) -> Handler:
    """Send these bytes one by one, over and over."""

    def send(connection: socket.socket, over: threading.Event) -> None:
        while True:
            for byte in data:
                connection.sendall(bytes([byte]))
                if over.wait(PAUSE):
                    return

    return send
