"""A Docker engine for tests: the one that runs here, else one of our own, also where no image can be pulled.

    python -m tests.docker_engine start     starts it where none runs, and prints its address for DOCKER_HOST
    python -m tests.docker_engine stop      ends it, if we started it

Our own engine keeps its images between runs. Its base images are a small Debian with this machine's Node.js, under the
names that the Dockerfiles of our stacks begin with, so that these are built just as learners build them.
"""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from coach.errors import CoachError
from coach.processes import poll
from coach.runtime.container.address import find
from coach.runtime.container.engine import connect

PROJECT = Path(__file__).parents[1]
ROOT = Path("/var/lib/coach-test-engine")
RUN = Path("/run/coach-test-engine")
SOCKET = RUN / "docker.sock"
ADDRESS = f"unix://{SOCKET}"
PID = RUN / "engine.pid"
PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "debootstrap": "debootstrap"}
BASE = "coach-test-base"
INSIDE = "python3,python3-pip,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class NoEngineError(Exception):
    """There is no engine, and none can be started."""


def base_images() -> set[str]:
    """Return what the Dockerfiles of our stacks begin with."""
    files = (PROJECT / "templates" / "stacks").rglob("Dockerfile*")
    return {name for file in files for name in re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE)}


def start() -> str:
    """Return the address of an engine, started and filled with base images where that is needed.

    Raises:
        NoEngineError: saying why there is none.
    """
    try:
        return find()
    except CoachError as error:
        if sys.platform != "linux" or os.geteuid() != 0:
            raise NoEngineError(f"{error.message} {error.hint}") from error
    RUN.mkdir(exist_ok=True)
    with (RUN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _answers():
            _install()
            _spawn()
        with closing(connect(ADDRESS)) as client:
            _make_base_images(client)
    return ADDRESS


def stop() -> None:
    """End our own engine, if it runs."""
    if PID.exists() and _answers():
        os.kill(int(PID.read_text()), signal.SIGTERM)
        poll(lambda: not PID.exists(), 30)


def _answers() -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(SOCKET))
        connect(ADDRESS).close()
    except (OSError, CoachError):
        return False
    return True


def _install() -> None:
    """Install what is missing of Debian's packages."""
    missing = [package for command, package in PACKAGES.items() if shutil.which(command) is None]
    if missing:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run("apt-get", "update", env=env)
        _run("apt-get", "install", "-y", "--no-install-recommends", *missing, env=env)


def _spawn() -> None:
    """Start the engine as nobody's child, so that it can outlive whoever needs it first."""
    ROOT.mkdir(exist_ok=True)
    engine = ["dockerd", f"--data-root={ROOT}", f"--exec-root={RUN}", f"--pidfile={PID}", f"--host={ADDRESS}"]
    with (ROOT / "engine.log").open("w") as log:
        subprocess.run(["setsid", "--fork", *engine], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
    if not poll(_answers, 60, every=0.1):
        raise NoEngineError(f"dockerd does not start: {(ROOT / 'engine.log').read_text()[-2000:]}")


def _make_base_images(client: docker.DockerClient) -> None:
    missing = [name for name in base_images() if not _has(client, name)]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        system = Path(folder) / "system"
        _make_system(system)
        archive = Path(folder) / "system.tar"
        _run("tar", "-C", str(system), "-cf", str(archive), ".")
        client.api.import_image_from_file(str(archive), repository=BASE)
    for name in missing:
        client.images.get(BASE).tag(name)


def _has(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _make_system(root: Path) -> None:
    """Make a Debian of this machine's release with Python, Node.js and npm, as the official images have them."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    _run("debootstrap", "--variant=minbase", f"--include={INSIDE}", release[1] if release else "stable", str(root))
    _run("chroot", str(root), "useradd", "--create-home", "--uid", "1000", "node")
    (root / "usr/bin/python").symlink_to("python3")
    for refusal in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        refusal.unlink()
    _copy_node(root)
    # The machine's own certificates: a proxy between here and the registries may need them.
    shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    (root / "etc/pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\nroot-user-action = ignore\n")
    (root / "usr/etc").mkdir()
    (root / "usr/etc/npmrc").write_text(f"cafile={CERTIFICATES}\nupdate-notifier=false\n")
    shutil.rmtree(root / "var/cache/apt/archives")


def _copy_node(root: Path) -> None:
    node = shutil.which("node")
    if node is None:
        raise NoEngineError("The base images need Node.js and npm on this machine.")
    modules = subprocess.run(["npm", "root", "--global"], capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(Path(node).resolve(), root / "usr/bin/node")
    shutil.copytree(Path(modules) / "npm", root / "usr/lib/node_modules/npm", symlinks=True)
    for command in ("npm", "npx"):
        (root / "usr/bin" / command).symlink_to(f"../lib/node_modules/npm/bin/{command}-cli.js")


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoEngineError(f"{' '.join(command)} failed: {(done.stdout + done.stderr)[-2000:]}")


@contextmanager
def running() -> Iterator[str]:
    """Have an engine for a while, with its address in DOCKER_HOST; end it if it was started for this."""
    ran_before = _answers()
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = start()
    try:
        yield os.environ["DOCKER_HOST"]
    finally:
        if os.environ["DOCKER_HOST"] == ADDRESS and not ran_before:
            stop()
        os.environ.pop("DOCKER_HOST")
        if before is not None:
            os.environ["DOCKER_HOST"] = before


def is_there(client: docker.DockerClient, layer: str) -> bool:
    """Tell whether a layer of a build is left, other than the base image."""
    return _has(client, layer) and not client.images.get(layer).tags


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[docker.DockerClient]:
    """Give tests a Docker engine; where there is none they are skipped, but never in CI."""
    try:
        with running() as address, closing(connect(address)) as client:
            yield client
    except NoEngineError as reason:
        if os.environ.get("CI"):
            pytest.fail(f"CI runs the container tests, and there is no Docker engine: {reason}")
        pytest.skip(str(reason))


@pytest.fixture(autouse=True)
def engine_for_marked_tests(request: pytest.FixtureRequest) -> None:
    """Start the engine for tests that are marked `docker`."""
    if request.node.get_closest_marker("docker") is not None:
        request.getfixturevalue("docker_engine")


if __name__ == "__main__":
    try:
        stop() if sys.argv[1:] == ["stop"] else print(start())
    except (NoEngineError, DockerException) as problem:
        sys.exit(f"No Docker engine: {problem}")
