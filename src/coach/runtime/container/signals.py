"""Sends a signal to every process of a container, as process mode does, and lets each finish what it is doing."""

from __future__ import annotations

import signal

from docker.errors import APIError
from docker.models.containers import Container

STEP = 0.02
SCRIPT = """
read -r main rest < /proc/1/task/1/children
state() {
  read -r status < "/proc/$1/stat" && status=${status##*) } && status=${status%% *}
} 2>/dev/null
each_other() {
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    case $pid in 1|"$main"|$$) continue;; esac
    state "$pid" && [ "$status" != Z ] && "$@" "$pid"
  done
} 2>/dev/null
note() { left=yes; }
kill -s STOP "$main"
while state "$main" && [ "$status" != T ]; do :; done
each_other kill -s "$1"
steps=$2
while left=; each_other note; [ "$left" ] && [ "$steps" -gt 0 ]; do
  sleep "$3"
  steps=$((steps - 1))
done
kill -s "$1" "$main"
kill -s CONT "$main"
"""
"""The container ends with its main process. Where that is a shell or npm, which ends at once, the server behind it
would be cut short; so the main process is stopped, and gets the signal when the others have ended or the steps are
over. Arguments: the signal's name, the number of steps, the seconds of one. All of it is POSIX sh but the fraction for
sleep, which every sleep of a Linux system takes.
"""


def send(container: Container, number: int, patience: float) -> None:
    """Send a signal; the main process gets it after the others have ended, at the latest after `patience` seconds."""
    name = signal.Signals(number).name.removeprefix("SIG")
    command = ["/bin/sh", "-c", SCRIPT, "sh", name, str(round(patience / STEP)), str(STEP)]
    api = container.client.api  # type: ignore[union-attr]
    try:
        api.exec_start(api.exec_create(container.id, command)["Id"], detach=True)
    except APIError:
        # An image without a shell: then none stands between the container's init and the server, and init passes it on.
        try:
            container.kill(name)
        except APIError as exc:
            if not is_over(exc):
                raise


def is_over(exc: APIError) -> bool:
    """Tell whether the engine refused because the container does not run any more."""
    return exc.status_code == 409
