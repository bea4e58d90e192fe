"""Removes what a run has made in the Docker engine and its scratch folder, should coach end without having done so.

Runs as a script, `python -I guard.py FOLDER TOKEN SCRATCH`: waits for the end of its standard input, which coach holds
open while it lives. coach writes the layers of an unfinished build, one a line, and "done" when nothing is left to
remove. Nothing but the standard library is imported until then, so that waiting costs little.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

GOODBYE = "done"
SETTLED = 2.0
"""Seconds without a find after which all is gone: the engine may still be doing what a killed coach had asked for."""
PATIENCE = 60.0


def spawn(token: str, address: str, scratch: Path) -> subprocess.Popen[bytes]:
    """Start a guard over the run with this token, in a session of its own: Ctrl-C in the terminal does not reach it."""
    passed_on = ("PATH", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    env = {name: os.environ[name] for name in passed_on if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__)), str(Path(__file__).parents[3]), token, str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**env, "DOCKER_HOST": address},
        start_new_session=True,
    )


def main() -> None:
    """Wait for the end of coach, and clean up unless it says that it has."""
    layers = sys.stdin.read().split()
    if GOODBYE in layers:
        return
    folder, token, scratch = sys.argv[1:]
    sys.path.append(folder)  # coach need not be installed to be run
    from coach.errors import PrerequisiteError  # noqa: PLC0415 - here and below: seldom needed
    from coach.processes import kill_all, marked, poll  # noqa: PLC0415
    from coach.runtime.container.engine import EngineError, connect, sweep  # noqa: PLC0415
    from coach.runtime.supervisor import remove_scratch  # noqa: PLC0415

    kill_all(lambda: marked(token))  # a build by docker's command line goes on without coach
    remove_scratch(Path(scratch))

    def found() -> bool:
        try:
            return sweep(connect(os.environ["DOCKER_HOST"]), token, layers) > 0
        except (PrerequisiteError, *EngineError):
            return True

    poll(lambda: not found() and not poll(found, SETTLED, every=0.5), PATIENCE, every=0.1)


if __name__ == "__main__":
    main()
