"""What a daemon does: two forks, a session, a folder and an environment of its own."""

import os
import sys

EXPIRES = 120
"""Seconds after which a daemon ends by itself, should coach not find it."""


def daemonise(program):
    """Run the Python text `program` as a daemon that shares nothing with this process but its output."""
    if os.fork():
        os.wait()
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    guard = f"import signal; signal.alarm({EXPIRES})\n"
    os.execve(sys.executable, [sys.executable, "-c", guard + program], {})
