"""Programs run in containers: how they become ready, what they can do inside, how they end, and what is left."""

import itertools
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

from coach.errors import SubmissionError
from coach.model import Limits
from coach.processes import poll
from coach.runtime import elsewhere
from coach.runtime.container import ContainerProgram, box, output
from coach.runtime.container.engine import LABEL
from coach.runtime.program import Exit
from tests.docker_engine import is_there
from tests.runtime.images import DOCKERFILE, inside, make_spec

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("nothing_left")]

Make = Callable[..., ContainerProgram]


def things(client: docker.DockerClient, token: str) -> list[str]:
    """Return what an engine holds of a run: containers, networks, volumes, images."""
    mine: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={token}"}
    containers = client.containers.list(all=True, filters=mine, ignore_removed=True)
    kinds = (
        containers,
        client.networks.list(filters=mine),
        client.volumes.list(filters=mine),
        client.images.list(all=True, filters=mine),
    )
    return [str(thing) for kind in kinds for thing in kind]


@pytest.fixture
def make(tmp_path: Path, docker_engine: docker.DockerClient) -> Iterator[Make]:
    """Make programs whose images are built; fail a test after which anything of them is left in the engine."""
    made: list[ContainerProgram] = []

    def make(*command: str, **more: Any) -> ContainerProgram:
        made.append(ContainerProgram(make_spec(tmp_path, *command, **more)))
        made[-1].build(lambda line: None)
        return made[-1]

    yield make
    for program in made:
        program.close()
        assert things(docker_engine, program.spec.token) == []
    assert [layer for program in made for layer in program._engine._layers if is_there(docker_engine, layer)] == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell at once when a program listens elsewhere."""
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.0)
    monkeypatch.setattr(elsewhere, "OTHER_HOST_PATIENCE", 0.0)


@pytest.fixture
def no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behave as with Docker Desktop, whose networks are not of this machine."""
    monkeypatch.setattr(box, "_is_ours", lambda host: False)


def booted(program: ContainerProgram, **env: str) -> ContainerProgram:
    program.start(env)
    program.wait_ready()
    return program


def failure(program: ContainerProgram, **env: str) -> SubmissionError:
    """Start a program that does not become ready, and return the cause."""
    program.start(env)
    with pytest.raises(SubmissionError) as caught:
        program.wait_ready()
    return caught.value


def container_id(program: ContainerProgram) -> str:
    assert program._box is not None
    return str(program._box.container.id)


# ── ready ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_program_is_ready_when_it_listens_on_its_port(host: str, make: Make) -> None:
    program = booted(make(), HOST=host)
    assert inside(program, "import os; print(os.environ['PORT'])") == str(program.address[1])
    assert [(found.host, found.port) for found in program.listens()] == [(host, program.address[1])]
    assert (program.mode, program.network) == ("container", "cut")
    assert program.ended() is None


def test_a_published_port_does_where_containers_cannot_be_reached(make: Make, no_route: None) -> None:
    program = booted(make())
    assert program.network == "open"
    assert program.address[0] == "127.0.0.1"
    assert inside(program, "print('here')") == "here"
    program.stop(signal.SIGKILL)
    assert inside(booted(program), "print('again')") == "again"


def test_a_published_port_is_no_sign_of_readiness(make: Make, no_route: None) -> None:
    program = booted(make(), FIRST="time.sleep(2)")
    assert inside(program, "print('here')") == "here"


# ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_environment_holds_what_was_declared_and_nothing_else(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the person")
    program = booted(make(env={"GREETING": "hello", "PORT": "1"}), ONLY="now")
    env = json.loads(inside(program, "import json, os; print(json.dumps(dict(os.environ)))"))
    assert {name: env[name] for name in ("GREETING", "ONLY")} == {"GREETING": "hello", "ONLY": "now"}
    assert env["PORT"] == str(program.address[1])
    known = {"GREETING", "ONLY", "PORT", "DATA_DIR", "HOME", "TMPDIR", "PYTHONUNBUFFERED"}
    assert set(env) - known == {"PATH", "HOSTNAME", "PWD", "LC_CTYPE"} & set(env)


def test_there_is_no_way_out(make: Make) -> None:
    program = booted(make())
    seconds = inside(
        program,
        "import socket, time; began = time.monotonic()\n"
        "for host in ('192.0.2.1', 'example.com'):\n"
        "    try: socket.create_connection((host, 80)); print('connected to', host)\n"
        "    except OSError: pass\n"
        "print(time.monotonic() - began)",
    )
    assert float(seconds) < 10, "a call to the outside fails soon"


@pytest.mark.parametrize("account", ["root", "1000"])
def test_only_data_temporary_files_and_home_can_be_written(account: str, make: Make) -> None:
    program = booted(make(f'USER {account}\nCMD ["python3", "server.py"]'))
    writable = inside(
        program,
        "import os, tempfile\n"
        "for folder in ('/', '/app', '/etc', *(os.environ[name] for name in ('DATA_DIR', 'TMPDIR', 'HOME'))):\n"
        "    try: tempfile.TemporaryFile(dir=folder).close(); print(folder)\n"
        "    except OSError: pass",
    )
    assert writable.split() == [box.DATA_DIR, "/tmp", box.HOME]


def test_a_program_has_no_rights(make: Make) -> None:
    program = booted(make())
    status = dict(
        line.split(":\t", 1) for line in inside(program, "print(open('/proc/self/status').read())").splitlines()
    )
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_nothing_of_coach_is_inside(make: Make) -> None:
    program = make()
    (program.spec.workspace / ".coach").mkdir(exist_ok=True)
    (program.spec.workspace / ".coach" / "secret").write_text("coach's own")
    program.build(lambda line: None)
    booted(program)
    assert inside(program, "import os; print('.coach' in os.listdir('.'), os.getcwd())") == "False /app"
    mounts = inside(program, "print(*(line.split()[1] for line in open('/proc/mounts')))").split()
    assert sorted(mount for mount in mounts if "coach" in mount) == [box.HOME, box.VOLUME]


# ── boot failures ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_crash_at_boot_is_told_at_once_with_code_and_log(make: Make) -> None:
    began = time.monotonic()
    cause = failure(make(), FIRST="sys.exit('no database')")
    assert cause.code == "boot-crashed"
    assert "exit code 1" in cause.message
    assert cause.log[-1] == "no database"
    assert time.monotonic() - began < 10


def test_a_program_that_never_listens_is_given_its_budget(make: Make) -> None:
    program = make(limits=Limits(boot=1))
    cause = failure(program, FIRST="time.sleep(60)")
    assert cause.code == "boot-timeout"
    assert program.ended() is not None


@pytest.mark.parametrize("kind", ["cut", "open"])
def test_another_port_is_named(kind: str, make: Make, impatient: None, request: pytest.FixtureRequest) -> None:
    if kind == "open":
        request.getfixturevalue("no_route")
    cause = failure(make(), FIXED_PORT="3000")
    assert cause.code == "wrong-port"
    assert "port 3000" in cause.message


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_another_host_is_named(host: str, make: Make, impatient: None) -> None:
    cause = failure(make(), HOST=host)
    assert cause.code == "wrong-host"
    assert host in cause.message
    assert "0.0.0.0" in cause.hint


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("CMD nodejss server.js", "nodejss server.js"),
        ('CMD ["nodejss", "server.js"]', "nodejss server.js"),
        ('CMD ["./package.json"]', "./package.json"),
    ],
)
def test_a_command_that_cannot_be_run_is_named(command: str, shown: str, make: Make) -> None:
    cause = failure(make(command))
    assert cause.code == "start-command-missing"
    assert shown in cause.message


def test_a_dockerfile_without_a_command_is_named(make: Make) -> None:
    cause = failure(make(""))
    assert cause.code == "start-command-missing"
    assert "CMD" in cause.hint


def test_what_the_engine_refuses_to_start_is_the_dockerfiles_mistake(make: Make) -> None:
    program = make('USER nobody-at-all\nCMD ["python3", "server.py"]')
    cause = failure(program)
    assert cause.code == "boot-crashed"
    assert "nobody-at-all" in cause.message
    assert program.stop() == Exit()


def test_a_port_that_is_taken_inside_is_named(make: Make) -> None:
    taken = "import socket; holder = socket.socket(); holder.bind(('0.0.0.0', int(os.environ['PORT'])))"
    assert failure(make(), FIRST=taken).code == "port-taken"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("held = [b'x' * (1 << 20) for _ in range(1 << 10)]", "memory-limit"),
        ("[os.fork() or (time.sleep(60), os._exit(0)) for _ in range(300)]; time.sleep(60)", "processes-limit"),
    ],
)
def test_a_limit_that_is_broken_at_boot_is_named(first: str, code: str, make: Make) -> None:
    assert failure(make(limits=Limits(boot=20, memory="128MiB")), FIRST=first).code == code


# ── stop and start ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_data_outlives_restarts_by_term_and_kill(make: Make) -> None:
    program = booted(make())
    first, address = container_id(program), program.address
    inside(program, "import os; open(os.environ['DATA_DIR'] + '/notes', 'a').write('kept')")
    for number in (signal.SIGTERM, signal.SIGKILL):
        program.stop(number)
        assert booted(program).address == address
        assert inside(program, "import os; print(open(os.environ['DATA_DIR'] + '/notes').read())") == "kept"
    assert container_id(program) == first


def test_another_environment_means_another_container_on_the_same_data(make: Make) -> None:
    program = booted(make(env={"GREETING": "hello"}))
    first = container_id(program)
    inside(program, "import os; open(os.environ['DATA_DIR'] + '/notes', 'a').write('kept')")
    program.stop()
    booted(program, GREETING="good evening")
    assert container_id(program) != first
    assert inside(program, "import os; print(open(os.environ['DATA_DIR'] + '/notes').read())") == "kept"
    program.log.settle()
    assert program.log.since() == ["starting hello", "starting good evening"]


@pytest.mark.parametrize(
    "command",
    [
        'CMD ["python3", "server.py", "polite"]',
        "CMD python3 server.py polite",
        "CMD cd /app && python3 server.py polite; echo",
        "CMD python3 server.py polite | cat",
        'CMD ["npm", "start"]',
        'RUN rm /bin/sh\nCMD ["python3", "server.py", "polite"]',
    ],
    ids=["exec form", "shell form", "shell that goes on", "pipe", "npm", "no shell"],
)
def test_a_server_hears_sigterm_and_may_finish_however_it_is_started(command: str, make: Make) -> None:
    program = booted(make(command))
    program.stop()
    booted(program)
    assert inside(program, "import os; print(open(os.environ['DATA_DIR'] + '/finished').read())") == "x"


def test_a_server_without_a_handler_ends_at_sigterm(make: Make) -> None:
    program = booted(make())
    began = time.monotonic()
    assert program.stop() == Exit(code=128 + signal.SIGTERM)
    assert time.monotonic() - began < 3


def test_what_ignores_sigterm_is_killed_after_the_grace(make: Make) -> None:
    program = booted(make('CMD ["python3", "server.py", "deaf"]'))
    began = time.monotonic()
    assert program.stop(grace=1) == Exit(code=128 + signal.SIGKILL)
    assert time.monotonic() - began >= 1


def test_an_end_of_its_own_is_noticed(make: Make) -> None:
    program = booted(make())
    with pytest.raises(OSError):
        inside(program, "import os; os._exit(7)")
    assert poll(program.ended, 1) == Exit(code=7)
    assert program.stop() == Exit(code=7)
    assert program.listens() == []


def test_a_program_that_was_never_started_can_be_stopped_and_closed(make: Make) -> None:
    program = make()
    assert program.stop() == Exit()
    assert program.ended() is None
    program.close()
    program.close()


def test_a_limit_that_is_broken_later_ends_the_program(make: Make) -> None:
    program = booted(make(limits=Limits(memory="128MiB")))
    with pytest.raises(OSError):
        inside(program, "held = [b'x' * (1 << 20) for _ in range(1 << 10)]")
    ended = poll(program.ended, 1)
    assert ended is not None
    assert ended.limit == "memory"


# ── output ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_flood_of_the_log_is_capped_and_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LOG_LIMIT", 1000)
    program = booted(make())
    inside(program, "import sys; sys.stderr.write('a line\\n' * 100_000)")
    program.stop()
    assert program.log.mark() == 1000
    [notice] = program.notices()
    assert notice.code == "log-flood"


def last_line_is(program: ContainerProgram, line: str) -> bool:
    return program.log.tail(1) == (line,)


def test_a_settled_log_holds_all_that_was_printed(make: Make) -> None:
    program = booted(make())
    for number in range(3):
        inside(program, f"import sys; sys.stderr.write('line {number}\\n' * 1000); sys.stderr.flush()")
        program.log.settle()
        # Nothing tells when all has come through the engine: on a busy machine a pause need not be the end.
        assert poll(partial(last_line_is, program, f"line {number}"), 5)
    assert program.notices() == []


# ── what is left ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_close_removes_what_the_dockerfile_asked_for_too(make: Make) -> None:
    dockerfile = f"FROM python:3.13-slim AS other\nRUN echo > /only-here\n{DOCKERFILE}COPY --from=other /only-here /\n"
    program = booted(make(dockerfile=f'{dockerfile}VOLUME /cache\nCMD ["python3", "server.py"]\n'))
    program.close()  # `make` looks for what is left


def test_a_program_can_be_closed_while_it_boots(make: Make) -> None:
    program = make()
    program.start({"FIRST": "time.sleep(60)"})
    program.close()


RUN = """
import sys
from pathlib import Path
from coach.runtime.container import ContainerProgram
from tests.runtime.images import make_spec
program = ContainerProgram(make_spec(Path(sys.argv[1]), sys.argv[2]))
program.build(lambda line: print(line, flush=True))
program.start()
program.wait_ready()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("command", "line"),
    [('CMD ["python3", "server.py", "deaf"]', "ready"), ("RUN echo building && sleep 60", "building")],
    ids=["while it runs", "while it is built"],
)
def test_a_guard_cleans_up_when_coach_is_killed(
    command: str,
    line: str,
    tmp_path: Path,
    docker_engine: docker.DockerClient,
) -> None:
    spec = make_spec(tmp_path, command)
    victim = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert victim.stdout is not None
    printed = [*itertools.takewhile(lambda text: text != line, map(str.strip, victim.stdout))]
    layers = re.findall("^---> ([0-9a-f]{12})$", "\n".join(printed), re.MULTILINE)
    [guard] = [child for child in psutil.Process(victim.pid).children() if "guard.py" in " ".join(child.cmdline())]
    assert layers

    victim.kill()
    victim.communicate()

    guard.wait(30)
    assert things(docker_engine, spec.token) == []
    assert [layer for layer in layers if is_there(docker_engine, layer)] == []


def test_two_runs_beside_each_other_leave_each_other_alone(
    tmp_path: Path,
    docker_engine: docker.DockerClient,
) -> None:
    programs = [ContainerProgram(make_spec(tmp_path / name)) for name in ("one", "two")]
    try:
        for program in programs:
            program.build(lambda line: None)
            booted(program)
        programs[0].close()
        assert inside(programs[1], "print('still here')") == "still here"
        assert things(docker_engine, programs[0].spec.token) == []
    finally:
        for program in programs:
            program.close()
