"""The Docker engine as one run uses it: its errors in plain words, and the removal of all that the run has made in it.

Everything that a run makes carries its token as a label, so that whoever cleans up finds it. The layers of an
unfinished build cannot be labelled; they are noted one by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, NotFound

from coach.errors import PrerequisiteError, ServiceError
from coach.processes import poll
from coach.runtime.container import address, guard

LABEL = "coach.run"
LAYER_PATIENCE = 5.0
"""Seconds that a build which was given up may hold on to its layers."""
PATIENCE = 60
"""Seconds that the engine may take for one answer."""

FREE_SPACE = "See what takes it: docker system df. Then free some: docker system prune"

EngineError = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""What the SDK raises: its own exceptions, and where it maps none, those of what it is built on."""


class Engine:
    """A connection for one run, with a guard that cleans up, the scratch folder included, should coach be killed."""

    def __init__(self, token: str, scratch: Path) -> None:
        self.token = token
        self.name = f"coach-{token}"
        """What the run's image, network and volume are called."""
        self.labels = {LABEL: token}
        self.scratch = scratch
        self.address = address.find()
        self.client = connect(self.address)
        self._layers: list[str] = []
        self._guard = guard.spawn(token, self.address, scratch)

    def note_layer(self, layer: str) -> None:
        """Remember a layer that a build has made, in case that no image comes of it."""
        self._layers.append(layer)
        self._tell_guard(layer)

    def close(self) -> None:
        """Remove all that the run has made; safe to call twice.

        Raises:
            PrerequisiteError, ServiceError: when the engine does not do it; the guard then goes on trying.
        """
        if self._guard.stdin is None or self._guard.stdin.closed:
            return
        try:
            with explained("remove what coach has made"):
                sweep(self.client, self.token, self._layers)
            self._tell_guard(guard.GOODBYE)
            with suppress(BrokenPipeError):
                self._guard.stdin.close()
            self._guard.wait()
        finally:
            self.client.close()

    def _tell_guard(self, word: str) -> None:
        assert self._guard.stdin is not None  # noqa: S101 - opened by spawn
        with suppress(BrokenPipeError):
            self._guard.stdin.write(f"{word}\n".encode())
            self._guard.stdin.flush()


def connect(address: str) -> docker.DockerClient:
    """Open a connection to an engine.

    Raises:
        PrerequisiteError: when what listens there is no engine that the SDK can speak to.
    """
    try:
        client = docker.from_env(environment={**os.environ, "DOCKER_HOST": address}, timeout=PATIENCE)
        client.ping()
    except EngineError as exc:
        raise PrerequisiteError(
            f"What listens at {address} does not answer as a Docker engine: {reason(exc)}.", "Does `docker info` work?"
        ) from exc
    return client


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the SDK's exceptions into sentences; `doing` ends the sentence "The Docker engine could not …".

    Raises:
        ServiceError: when the engine refuses.
        PrerequisiteError: when it no longer answers, or its disk is full.
    """
    try:
        yield
    except APIError as exc:
        if "no space left on device" in reason(exc).lower():
            raise PrerequisiteError(f"The Docker engine could not {doing}: its disk is full.", FREE_SPACE) from exc
        raise ServiceError(f"The Docker engine could not {doing}: {reason(exc)}.", "Does `docker info` work?") from exc
    except EngineError as exc:
        raise PrerequisiteError(
            f"The Docker engine could not {doing}, because it stopped answering: {reason(exc)}.",
            "Does it still run? Try: docker info",
        ) from exc


def reason(exc: BaseException) -> str:
    """Return the engine's own words, on one line and without a final full stop."""
    text = str(getattr(exc, "explanation", None) or exc)
    return " ".join(text.split()).rstrip(".")


def sweep(client: docker.DockerClient, token: str, layers: Iterable[str] = ()) -> int:
    """Remove all that a run has made, its layers too; return how many things there were, or are still.

    Raises:
        DockerException: when something could not be removed.
    """
    mine: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={token}"}
    containers = client.containers.list(all=True, filters=mine, ignore_removed=True)
    found = sum(_remove(partial(container.remove, force=True, v=True)) for container in containers)
    # What containers use can be removed only after them.
    found += sum(_remove(network.remove) for network in client.networks.list(filters=mine))
    found += sum(_remove(partial(volume.remove, force=True)) for volume in client.volumes.list(filters=mine))
    for image in client.images.list(all=True, filters=mine):
        found += _remove(partial(client.images.remove, str(image.id), force=True))
    left = list(layers)[::-1]

    def gone() -> bool:
        left[:] = [layer for layer in left if not _is_removed(client, layer)]
        return not left

    poll(gone, LAYER_PATIENCE)
    return found + len(left)


def _remove(remove: Callable[[], Any]) -> int:
    """Remove one thing; that it is gone, or just going, is as good."""
    try:
        remove()
    except NotFound:
        return 0
    except APIError as exc:
        if "already in progress" not in reason(exc):
            raise
    return 1


def _is_removed(client: docker.DockerClient, layer: str) -> bool:
    """Remove a layer; tell whether it is gone."""
    try:
        client.images.remove(layer)
    except NotFound:
        return True
    except APIError:
        return False
    return True
