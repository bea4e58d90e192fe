"""A request can be repeated with the curl command that a report shows."""

import os
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coach.grading.client import curl
from tests.grading.callers import Call


def repeated(command: str, address: tuple[str, int]) -> None:
    """Run a command as a person who has set URL."""
    url = f"http://{address[0]}:{address[1]}"
    env = {"PATH": os.environ["PATH"], "URL": url, "HOME": "/nonexistent"}
    done = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("HTTP/1.1 200 OK")


def comparable(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return request line, headers that matter and body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    dull = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
    return line, {name: value for name, value in headers.items() if name not in dull}, body


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
paths = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="#"))
header_values = st.text(st.characters(codec="ascii", exclude_categories=["Cc"])).map(str.strip)
REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {"method": "GET", "path": "/"},
    "json": {"method": "POST", "path": "/notes", "json": {"text": 'it\'s "quoted" $HOME `id` \\ !1'}},
    "a file": {"method": "POST", "path": "/", "content": "@/etc/passwd"},
    "no type": {"method": "PUT", "path": "/", "content": "a=b"},
    "an empty header": {"method": "GET", "path": "/", "headers": {"x-empty": ""}},
    "brackets": {"method": "GET", "path": "/a[1-3]{b,c}"},
    "shell": {"method": "DELETE", "path": "/$HOME/`id`/!1/\\'\"?a=$(id)&b=!!"},
    "lines": {"method": "PATCH", "path": "/", "content": "one\r\ntwo\n\tthree\n"},
    "a secret": {"method": "GET", "path": "/", "headers": {"authorization": "Bearer a'b$c"}},
}


@needs_curl
@pytest.mark.parametrize("name", REQUESTS)
def test_curl_repeats_a_request(name: str, calls: Call) -> None:
    caller = calls()
    caller.client().request(**REQUESTS[name])
    repeated(caller.wire.exchanges[0].curl, caller.server.address)
    one, other = caller.server.requests
    assert comparable(other) == comparable(one)


@needs_curl
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=paths, query=text, header=header_values, body=text)
def test_curl_repeats_any_request(path: str, query: str, header: str, body: str, calls: Call) -> None:
    caller = calls()
    caller.client().post("/" + path, params={"q": query}, headers={"x-any": header}, content=body)
    repeated(caller.wire.exchanges[0].curl, caller.server.address)
    one, other = caller.server.requests
    assert comparable(other) == comparable(one)


@needs_curl
def test_curl_asks_for_the_head_alone(calls: Call) -> None:
    caller = calls()
    repeated(curl("HEAD", "/notes", {}, ""), caller.server.address)
    assert caller.sent().startswith("HEAD /notes HTTP/1.1\r\n")


def test_a_simple_command_stays_simple() -> None:
    headers = {"content-type": "application/json"}
    assert curl("GET", "/notes?q=milk", {}, "") == 'curl -i "$URL/notes?q=milk"'
    assert curl("POST", "/notes", headers, '{"a": 1}') == (
        "curl -i -X POST \"$URL/notes\" -H 'content-type: application/json' --data-raw '{\"a\": 1}'"
    )
