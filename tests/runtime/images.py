"""What the tests of the container runner build: a server that runs any Python it is sent, and ways to start it."""

import hashlib
import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coach.model import Limits
from coach.runtime.program import Program, Spec

SERVER = """\
import contextlib, io, json, os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Obeys(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(self.rfile.read(length).decode(), {})
        body = printed.getvalue().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

def finish(number, frame):
    time.sleep(0.3)
    with open(os.path.join(os.environ["DATA_DIR"], "finished"), "a") as file:
        file.write("x")
    print("finished", flush=True)
    os._exit(0)

if "polite" in sys.argv:
    signal.signal(signal.SIGTERM, finish)
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("starting", os.environ.get("GREETING", ""), flush=True)
exec(os.environ.get("FIRST", ""))
host = os.environ.get("HOST", "0.0.0.0")
if ":" in host:
    import socket
    ThreadingHTTPServer.address_family = socket.AF_INET6
ThreadingHTTPServer((host, int(os.environ.get("FIXED_PORT") or os.environ["PORT"])), Obeys).serve_forever()
"""
PACKAGE = json.dumps({"name": "wrapped", "scripts": {"start": "python3 server.py polite"}})
DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
COPY . .
"""
COMMAND = 'CMD ["python3", "server.py"]'


def make_spec(
    root: Path, command: str = COMMAND, *, env: Mapping[str, str] | None = None, dockerfile: str = "", **more: Any
) -> Spec:
    """Make a workspace whose Dockerfile ends with `command`, and what it takes to run it."""
    workspace, scratch = root / "workspace", root / "scratch"
    for folder in (workspace, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    (workspace / "server.py").write_text(SERVER)
    (workspace / "package.json").write_text(PACKAGE)
    (workspace / "Dockerfile").write_text(dockerfile or f"{DOCKERFILE}{command}\n")
    settings: dict[str, Any] = {
        "token": hashlib.sha256(bytes(root)).hexdigest()[:32],
        "limits": Limits(boot=20),
        **more,
    }
    return Spec(workspace=workspace, scratch=scratch, start="", env=env or {}, **settings)


def inside(program: Program, code: str) -> str:
    """Have the server run Python code, and return what it printed."""
    connection = http.client.HTTPConnection(*program.address, timeout=15)
    try:
        connection.request("POST", "/", code.encode())
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()
