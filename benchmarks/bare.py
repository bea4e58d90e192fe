"""The bare script that coach is compared with: boot, poll, send the recorded requests with the same restarts, stop.

Standard library only, so that nothing but the work itself is measured: `python bare.py plan.json`.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server that is booted, polled and stopped as plainly as can be."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.start()

    def start(self) -> None:
        """Boot it and wait for its port."""
        self.port = free_port()
        env = {**self.plan["env"], "PORT": str(self.port)}
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", self.plan["start"]],
            cwd=self.plan["cwd"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the server ended before it listened")
                time.sleep(0.01)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def stop(self, number: int) -> None:
        """Send a signal to its group and wait for its end."""
        self.connection.close()
        os.killpg(self.process.pid, number)
        self.process.wait()


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    server = Server(plan)
    ids: dict[str, str] = {}
    unexpected = 0
    for step in plan["steps"]:
        if step["restarted"]:
            server.stop(signal.Signals[step["restarted"]])
            server.start()
        path, _, query = step["path"].partition("?")
        path = "/".join(ids.get(part, part) for part in path.split("/")) + (f"?{query}" if query else "")
        server.connection.request(step["method"], path, body=step["body"].encode() or None, headers=step["headers"])
        response = server.connection.getresponse()
        body = response.read()
        unexpected += response.status != step["status"]
        if step["id"]:
            ids[step["id"]] = str(json.loads(body)["id"])
    server.stop(signal.SIGTERM)
    if unexpected:
        sys.exit(f"{unexpected} answers differ from the recorded ones")


if __name__ == "__main__":
    main()
