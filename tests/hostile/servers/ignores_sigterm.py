"""Correct, and ends at SIGKILL alone."""

import signal

from echo_server import serve

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
serve()
