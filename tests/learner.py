"""A person at a terminal: types coach's commands and keeps what the screen shows."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

UNWANTED = re.compile(r"(PYTEST|COV|XDG|PYTHON|LC|COACH|GITHUB)_|PYTHON|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|LANG|CI$")
"""Variables of this machine that would show in what coach prints."""
VARYING = (
    (r"\b(\d+\.\d s|\d+ ms)\b", "<time>"),
    (r"(PORT=|on port |127\.0\.0\.1:|localhost:)\d{5}", r"\1<port>"),
    (r"\d\d/[A-Z][a-z]{2}/\d{4}[ :]\d\d:\d\d:\d\d", "<date>"),
    (r"process \[\d+\]", "process [<pid>]"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>"),
    (r"\b20\d\d-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "<date>"),
    (r"20\d\d-\d\d-\d\d[T\d:.]* …", "<date> …"),
    (r"\"/\S+/lib/python3\S+\", line \d+", '"<library>", line <line>'),
    (r"^  │ +[~^]+\n", ""),
    (r"(127\.0\.0\.1:9/simple)/\w+/", r"\1/<package>/"),  # uv asks for all at once
    (r"JSONParseError: .*", "JSONParseError: <what Node.js says>"),
    # A server says so a moment before or after its port is open, and so before or within the first check.
    (r"^  │ (Listening on http|INFO: +Uvicorn running on| \* Running on |Press CTRL\+C to quit).*\n", ""),
    (r"^  (The program|It) printed[^:\n]*:\n(?!  │)", ""),
    (r"Unprocessable (Entity|Content)", "Unprocessable <name>"),
    (r"CPython [\d.]+ interpreter at: \S+", "CPython <version> interpreter at: <python>"),
)
"""What differs from run to run and from machine to machine, with what stands for it in a golden file."""


class Learner:
    """Sits in the folder `home` and types. `screen` is all that the terminal has shown so far."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.scratch = home.with_name(f"{home.name}-tmp")
        self.screen = ""
        for folder in (self.home, self.scratch):
            folder.mkdir(parents=True)
        caches = Path.home()
        settings = {name: value for name, value in os.environ.items() if not UNWANTED.match(name)}
        self.env = settings | {
            "HOME": str(self.home),
            "TMPDIR": str(self.scratch),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            "UV_CACHE_DIR": settings.get("UV_CACHE_DIR", str(caches / ".cache" / "uv")),
            "npm_config_cache": settings.get("npm_config_cache", str(caches / ".npm")),
            "npm_config_userconfig": settings.get("npm_config_userconfig", str(caches / ".npmrc")),
        }

    def spawn(
        self,
        *words: str,
        within: str = ".",
        env: Mapping[str, str] | None = None,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        **more: Any,
    ) -> "subprocess.Popen[bytes]":
        """Start `coach` with these words in a folder below home."""
        return subprocess.Popen(
            [sys.executable, "-m", "coach", *words],
            cwd=self.home / within,
            env=self.env | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=False,
            **more,
        )

    def run(self, *words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Run `coach` to its end; return its exit code and both streams."""
        process = self.spawn(*words, **more)
        try:
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
        return subprocess.CompletedProcess(
            words, process.returncode, (stdout or b"").decode(), (stderr or b"").decode()
        )

    def types(self, *words: str, **more: Any) -> int:
        """Run `coach` to its end with both streams on the screen; return its exit code."""
        done = self.run(*words, stderr=subprocess.STDOUT, **more)
        self.screen += f"$ {' '.join(['coach', *words])}\n{done.stdout}[exit code {done.returncode}]\n"
        return done.returncode

    def transcript(self) -> str:
        """Return the screen with placeholders for what varies."""
        text = self.screen.replace(str(self.scratch), "<tmp>").replace(str(self.home), "<home>")
        for pattern, placeholder in VARYING:
            text = re.sub(pattern, placeholder, text, flags=re.MULTILINE)
        return text


def offline(home: Path) -> dict[str, str]:
    """Return settings with which npm and uv find neither a registry nor anything in their caches."""
    closed = "http://127.0.0.1:9"
    return {
        "npm_config_registry": closed,
        "npm_config_userconfig": os.devnull,
        "npm_config_fetch_retries": "0",
        "npm_config_cache": str(home / "npm-cache"),
        "UV_DEFAULT_INDEX": f"{closed}/simple",
        "UV_HTTP_RETRIES": "0",
        "UV_CACHE_DIR": str(home / "uv-cache"),
    }
