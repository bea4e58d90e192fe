"""Small programs that the tests of the runner run, and the specification to run them with."""

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from coach.model import Limits
from coach.processes import descendants
from coach.runtime.process import ProcessProgram
from coach.runtime.program import Spec

Make = Callable[..., ProcessProgram]
"""Makes a program from a start command and fields of its specification."""

PYTHON = f"{shlex.quote(sys.executable)} -I -S"

SERVER = """\
import json, os, pathlib, signal, socket, sys
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
host = os.environ.get("HOST", "127.0.0.1")
port = int(os.environ.get("FIXED_PORT") or os.environ["PORT"])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
starts = pathlib.Path(os.environ["DATA_DIR"], "starts")
with starts.open("a") as file:
    file.write("start\\n")
print("start", len(starts.read_text().splitlines()), os.environ.get("GREETING", ""), flush=True)
server = socket.create_server((host, port), family=family, dualstack_ipv6=":" in host and host != "::1")
while True:
    connection, _ = server.accept()
    connection.close()
"""

DAEMON = """\
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
for _ in range(2):
    if os.fork():
        os._exit(0)
    os.setsid()
if "forget" in sys.argv:
    os.environ.clear()
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"], {})
signal.pause()
"""

HTTP_SERVER = """\
import json, os, pathlib, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STARTS = pathlib.Path(os.environ["DATA_DIR"], "starts")
with STARTS.open("a") as file:
    file.write("start\\n")
start = len(STARTS.read_text().splitlines())

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/crash":
            print("about to crash", flush=True)
            os._exit(3)
        if path == "/hang":
            threading.Event().wait()
        if path == "/close":
            self.close_connection = True
            return
        if path == "/print":
            print(query, flush=True)
        body = json.dumps({"start": start, "env": dict(os.environ), "cookie": self.headers.get("cookie")}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", "seen=1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

if os.environ.get("REFUSE"):
    sys.exit("refused to start")
print("start", start, flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
HTTP_START = f"exec {PYTHON} server.py"


def serve(*words: str) -> str:
    """Return the start command of the server above."""
    return " ".join(["exec", PYTHON, "server.py", *words])


def make_spec(root: Path, start: str = "", *, env: Mapping[str, str] | None = None, **more: Any) -> Spec:
    """Make a workspace with these programs, a scratch folder, and what it takes to run the server."""
    workspace, scratch = root / "workspace", root / "scratch"
    for folder in (workspace, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    (workspace / "server.py").write_text(SERVER)
    (workspace / "daemon.py").write_text(DAEMON)
    settings: dict[str, Any] = {"token": f"test-{root.name}", "limits": Limits(boot=10), **more}
    return Spec(workspace=workspace, scratch=scratch, start=start or serve(), env=env or {}, **settings)


ON_GO = "until [ -e go ]; do sleep 0.05; done"
"""Shell code that waits for `go`."""


def go(program: ProcessProgram) -> None:
    """Let a program go on that waits for the test, rather than for the clock of a busy machine."""
    (program.spec.workspace / "go").touch()


def booted(program: ProcessProgram, **env: str) -> ProcessProgram:
    """Start a program and wait until it is ready and its first lines are in the log."""
    program.start(env)
    program.wait_ready()
    program.log.settle()
    return program


def tree(program: ProcessProgram) -> list[psutil.Process]:
    """Return all processes of a program."""
    return descendants(program._supervisor.pid)
