"""Images: what a build may use, what its failures are called, and that none of it is left."""

import io
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import docker
import pytest

from coach.errors import CoachError, InputError, PrerequisiteError, SubmissionError
from coach.runtime.container import image
from coach.runtime.container.engine import Engine
from coach.runtime.container.image import LOG, build_image
from tests.docker_engine import is_there

pytestmark = pytest.mark.usefixtures("nothing_left")
docker_only = pytest.mark.docker

Build = Callable[..., list[str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def build(
    tmp_path: Path,
    workspace: Path,
    docker_engine: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Build]:
    """Build Dockerfiles with the engine's own builder, return what was printed, and see that nothing of it is left."""
    monkeypatch.setattr(image, "_has_buildx", lambda: False)
    engine = Engine(os.urandom(8).hex(), tmp_path)

    def build(*lines: str, limit: float = 60) -> list[str]:
        printed: list[str] = []
        (workspace / "Dockerfile").write_text("\n".join(lines))
        build_image(engine, workspace, printed.append, limit)
        return printed

    yield build
    layers = list(engine._layers)
    engine.close()
    assert [layer for layer in layers if is_there(docker_engine, layer)] == []
    assert docker_engine.containers.list(all=True, filters={"ancestor": layers}) == []


def refusal(build: Build, *lines: str, **more: float) -> CoachError:
    with pytest.raises(CoachError) as caught:
        build("FROM python:3.13-slim", *lines, **more)
    return caught.value


@docker_only
def test_each_line_is_reported_and_kept(build: Build, workspace: Path) -> None:
    printed = build("FROM python:3.13-slim", "RUN echo one; echo; echo two >&2")
    assert {"one", "two"} < set(printed)
    assert "" not in printed
    assert {"one", "two", ""} < set((workspace / LOG).read_text().splitlines())


@docker_only
def test_the_image_holds_what_dockerignore_leaves_and_nothing_of_coach(build: Build, workspace: Path) -> None:
    (workspace / ".dockerignore").write_text("# what stays out\nsecret*\n!secret.txt\nnode_modules/\n")
    for name in ("secret.key", "secret.txt", "a b.txt", "ä", "node_modules/left.js", "src/kept.js", ".coach/own"):
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).touch()
    (workspace / "link").symlink_to("src/kept.js")
    printed = build("FROM python:3.13-slim", "COPY . /here", "RUN cd /here && find . -type f -o -type l | sort")
    found = {line.removeprefix("./") for line in printed if line.startswith("./")}
    assert found == {".dockerignore", "Dockerfile", "secret.txt", "a b.txt", "ä", "src/kept.js", "link"}


@docker_only
def test_without_a_dockerignore_what_belongs_to_this_machine_stays_out(build: Build, workspace: Path) -> None:
    for folder in ("node_modules", ".venv", ".git", "src"):
        (workspace / folder).mkdir()
    printed = build("FROM python:3.13-slim", "COPY . /here", "RUN ls -A /here")
    assert printed[printed.index("Dockerfile") : printed.index("src") + 1] == ["Dockerfile", "src"]
    assert not {"node_modules", ".venv", ".git", ".coach"} & set(printed)


def test_a_missing_dockerfile_is_named(workspace: Path) -> None:
    with pytest.raises(SubmissionError) as caught:
        build_image(cast("Engine", None), workspace, print)
    assert caught.value.code == "dockerfile-missing"
    assert str(workspace) in caught.value.message


@docker_only
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("RUN echo 'no such module'; exit 3", "returned a non-zero code: 3"),
        ("COPY missing.txt .", "missing.txt"),
        ("FOO bar", "unknown instruction: FOO"),
        ("RUN --tmount=x true", "tmount"),
    ],
)
def test_what_is_wrong_in_the_dockerfile_is_the_learners(line: str, words: str, build: Build) -> None:
    error = refusal(build, "RUN echo first", line)
    assert isinstance(error, SubmissionError)
    assert error.code == "build-failed"
    assert words in error.message
    assert ("no such module" in error.log) == ("no such module" in line)


@docker_only
def test_an_empty_dockerfile_is_the_learners_too(build: Build) -> None:
    with pytest.raises(SubmissionError) as caught:
        build("")
    assert caught.value.code == "build-failed"


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=cache,target=/root/.npm true",
        "COPY --chmod=755 Dockerfile /",
        "copy --link Dockerfile /",
        "RUN <<END\necho from here\nEND",
        "COPY <<-'END' /here\nhello\nEND",
        "FROM --platform=$BUILDPLATFORM python:3.13-slim",
    ],
)
def test_what_only_buildkit_can_do_is_named(line: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_has_buildx", lambda: False)
    (workspace / "Dockerfile").write_text(f"FROM python:3.13-slim\n{line}\n")
    with pytest.raises(PrerequisiteError, match="builder-missing") as caught:
        build_image(cast("Engine", None), workspace, print)
    assert line.splitlines()[0] in caught.value.message
    assert "buildx" in caught.value.hint


@docker_only
def test_what_looks_like_buildkit_is_built(build: Build) -> None:
    lines = [
        "# RUN --mount=type=cache true",
        "RUN echo $((1 << 2)) && echo $((1<<3))",
        """RUN bash -c 'cat <<<"text"'""",
    ]
    printed = build("FROM python:3.13-slim", *lines)
    assert {"4", "8", "text"} < set(printed)


@docker_only
def test_a_registry_that_cannot_be_reached_is_not_the_learners_fault(build: Build) -> None:
    with pytest.raises(PrerequisiteError, match=r"registry of the base image cannot be reached: .*registry\.invalid"):
        build("FROM registry.invalid/node:22")


@docker_only
@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("npm error code EAI_AGAIN", "could not reach the network"),
        ("write /app: no space left on device", "disk is full"),
    ],
)
def test_what_the_machine_lacks_is_not_the_learners_fault(printed: str, words: str, build: Build) -> None:
    error = refusal(build, f"RUN echo '{printed}' >&2; exit 1")
    assert isinstance(error, PrerequisiteError)
    assert words in error.message


@docker_only
@pytest.mark.parametrize("line", ["RUN sleep 60", "RUN while true; do echo line; sleep 0.1; done"])
def test_a_build_is_given_up_after_its_limit(line: str, build: Build) -> None:
    began = time.monotonic()
    error = refusal(build, "RUN true", line, limit=4)
    assert isinstance(error, PrerequisiteError)
    assert "longer than 4 s" in error.message
    assert time.monotonic() - began < 10


def test_a_workspace_without_room_for_the_log_is_named(workspace: Path) -> None:
    (workspace / "Dockerfile").touch()
    (workspace / ".coach").touch()
    with pytest.raises(PrerequisiteError, match="cannot write"):
        build_image(cast("Engine", None), workspace, print)


def test_a_dockerignore_that_is_no_text_is_named(workspace: Path) -> None:
    (workspace / "Dockerfile").touch()
    (workspace / ".dockerignore").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"\.dockerignore"):
        build_image(cast("Engine", None), workspace, print)


# ── buildx ───────────────────────────────────────────────────────────────────────────────────────────────────────────

BUILDX = """\
#!/bin/sh
[ "$1 $2" = "buildx version" ] && exit
cd {folder}
echo "$@" > words
env > environment
cat > context.tar
{then}
"""


class StandIn:
    """Has what buildx is told of an engine."""

    name, token, address = "coach-of-a-test", "token-of-a-test", "unix:///engine.sock"

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch


@pytest.fixture
def buildx(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Build with a `docker` that notes how it is called and then does what the test says."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (workspace / "Dockerfile").write_text("FROM python:3.13-slim\n")

    def build(then: str, limit: float = 20) -> list[str]:
        command = tmp_path / "bin" / "docker"
        command.write_text(BUILDX.format(folder=tmp_path, then=then))
        command.chmod(0o755)
        printed: list[str] = []
        build_image(cast("Engine", StandIn(tmp_path)), workspace, printed.append, limit)
        return printed

    return build


def test_buildx_is_used_where_it_is_present(buildx: Build, tmp_path: Path, workspace: Path) -> None:
    (workspace / ".coach").mkdir()
    (workspace / ("long" * 40)).touch()
    assert buildx("echo '#5 DONE 0.1s'") == ["#5 DONE 0.1s"]
    words = (tmp_path / "words").read_text().split()
    assert words[:3] == ["buildx", "build", "--load"]
    assert {"--tag=coach-of-a-test", "--label=coach.run=token-of-a-test", "-"} < set(words)
    assert "DOCKER_HOST=unix:///engine.sock" in (tmp_path / "environment").read_text().splitlines()
    context = (tmp_path / "context.tar").read_bytes()
    # buildx looks at the first 512 bytes alone to tell an archive from a Dockerfile.
    assert tarfile.TarInfo.frombuf(context[:512], "utf-8", "strict").name == "Dockerfile"
    with tarfile.open(fileobj=io.BytesIO(context)) as archive:
        assert archive.getnames() == ["Dockerfile", "long" * 40]


def test_a_failed_build_by_buildx_is_told_without_its_preamble(buildx: Build) -> None:
    error = 'ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1'
    with pytest.raises(SubmissionError, match=r'could not be built: process "/bin/sh -c false" did not') as caught:
        buildx(f"echo '#5 no such module'; echo '{error}'; exit 1")
    assert caught.value.code == "build-failed"
    assert caught.value.log[0] == "#5 no such module"


def test_a_buildx_that_ends_without_a_word_is_told_by_its_code(buildx: Build) -> None:
    with pytest.raises(SubmissionError, match="exit code 7"):
        buildx("exit 7")


def test_a_registry_that_buildx_cannot_reach_is_not_the_learners_fault(buildx: Build) -> None:
    with pytest.raises(PrerequisiteError, match="registry of the base image"):
        buildx("echo 'ERROR: failed to solve: failed to do request: dial tcp: lookup registry: no such host'; exit 1")


def test_a_build_by_buildx_is_given_up_after_its_limit(buildx: Build) -> None:
    with pytest.raises(PrerequisiteError, match="longer than 1 s"):
        buildx("trap '' TERM; sleep 60 & sleep 60", limit=1)  # `nothing_left` looks for what it has started


def test_without_docker_on_the_path_there_is_no_buildx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not image._has_buildx()
