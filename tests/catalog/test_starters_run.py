"""Every rendered starter installs, boots, answers each of its routes, and ends when asked to."""

import os
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from coach.catalog.packs import Pack
from coach.catalog.starters import render_starter, write_tree
from coach.model import Stack, WorkspaceConfig
from coach.processes import accepts, free_port, poll
from coach.runtime.prepare import prepare

pytestmark = pytest.mark.network


@contextmanager
def started(workspace: Path, stack: Stack) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Install and start what the workspace's `coach.toml` says; give the process and its URL."""
    config = msgspec.convert(tomllib.loads((workspace / "coach.toml").read_text()), WorkspaceConfig)
    prepare(workspace, config, stack, print)
    port = free_port()
    path = os.pathsep.join([*(str(workspace / folder) for folder in stack.path), os.environ["PATH"]])
    server = subprocess.Popen(
        ["/bin/sh", "-c", f"exec {config.start}"],
        cwd=workspace,
        env={"PATH": path, "PORT": str(port), "DATA_DIR": str(workspace / "data")},
    )
    try:
        poll(lambda: accepts("127.0.0.1", port) or server.poll() is not None, within=20)
        assert server.poll() is None
        yield server, f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def assert_error(reply: httpx.Response, *statuses: int) -> None:
    assert reply.status_code in statuses, reply.text
    assert reply.headers["content-type"].startswith("application/json")
    if reply.request.method != "HEAD":
        assert isinstance(reply.json()["error"], str)
        assert reply.json()["error"]


STACKS = ["express", "fastapi", "flask"]


@pytest.mark.parametrize("name", STACKS)
def test_the_lines_that_start_it_by_hand_do_so(pack: Pack, name: str, tmp_path: Path) -> None:
    workspace, port = tmp_path / "wörk space", free_port()
    write_tree(render_starter(pack, pack.exercise("phase-1-posts"), pack.stack(name)), workspace)
    with started(workspace, pack.stack(name)):
        pass
    text = (workspace / ".env.example").read_text()
    (workspace / ".env").write_text(text.replace("PORT=3000", f"PORT={port}"))
    lines = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    server = subprocess.Popen(
        ["/bin/sh", "-c", "\n".join([*lines[:-1], f"exec {lines[-1]}"])],
        cwd=workspace,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        assert poll(lambda: accepts("127.0.0.1", port), within=20)
        assert_error(httpx.get(f"http://127.0.0.1:{port}/nowhere"), 404)
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("name", STACKS)
def test_a_starter_boots_answers_and_ends(pack: Pack, name: str, tmp_path: Path) -> None:
    exercise, stack = pack.exercise("phase-1-posts"), pack.stack(name)
    workspace = tmp_path / "wörk space"
    write_tree(render_starter(pack, exercise, stack), workspace)
    with started(workspace, stack) as (server, url), httpx.Client(base_url=url) as client:
        json_type = {"Content-Type": "application/json"}
        for route in exercise.routes:
            path = route.path.replace("{postId}", "7").replace("{id}", "8").replace("{name}", "K%C3%B6ln")
            reply = client.request(route.method, path, content=route.body, headers=json_type if route.body else {})
            assert_error(reply, 501)
            assert route.method == "HEAD" or reply.json() == {"error": f"TODO task {route.task}"}
        assert_error(client.get("/nowhere"), 404)
        assert_error(client.post("/posts", content='{"title": ', headers=json_type), 400, 422)
        assert_error(client.post("/posts", content=b'{"title": "\xff"', headers=json_type), 400, 422)

        longest = r"\ud83d\ude00" * 10_000
        assert_error(client.post("/posts", content=f'{{"title": "{longest}"}}', headers=json_type), 501)

        server.send_signal(signal.SIGTERM)
        assert poll(lambda: server.poll() is not None, within=1.5), "still runs after SIGTERM"
