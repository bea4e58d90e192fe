"""A correct server passes however it is started, wherever it lies, and whatever lies beside it."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.hostile.cases import PASSED, USAGE
from tests.hostile.running import ORDINARY, SERVERS, Place, grade, needs_ordinary_account

# Stands in for uvicorn and flask: takes its port from the command line alone.
LAUNCHER = f"""\
#!{sys.executable}
import os, sys
os.environ["PORT"] = sys.argv[-1]
sys.path.insert(0, os.path.realpath(sys.argv[0]).rsplit("/", 2)[0])
import echo_server
echo_server.serve()
"""

COMMANDS = {
    "python": "python3 echo_server.py",
    "exec": "exec python3 echo_server.py",
    "port as a variable": "PORT=$PORT python3 echo_server.py",
    "port as an option": "PATH=$PWD/bin:$PATH uvicorn app:app --port $PORT",
    "port in braces": 'bin/uvicorn app:app --port "${PORT:-8000}"',
    "another folder": "cd api && ../bin/flask run -p $PORT",
    "quotes and spaces": """python3 'my server.py' --name "it's mine" \\"quoted\\" 'two  spaces'""",
    "a pipe": "python3 echo_server.py 2>&1 | cat",
    "a subshell": "(cd . && python3 echo_server.py)",
    "in the background, and waited for": "python3 echo_server.py & wait",
    "two processes": "sleep 300 & python3 echo_server.py",
    "a script": "sh run.sh",
    "several lines": "set -e\n# the server\npython3 \\\n  echo_server.py\n",
    "umlauts": "python3 müsli.py",
}
NODE_COMMANDS = {
    "node": "node server.js",
    "npm start": "npm start",
    "npm run": "npm run --silent dev",
    "port as a variable": "PORT=$PORT node server.js",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_start_commands_as_people_write_them(name: str, place: Place) -> None:
    place.fill(COMMANDS[name])
    for launcher in ("uvicorn", "flask"):
        file = place.workspace / "bin" / launcher
        file.parent.mkdir(exist_ok=True)
        file.write_text(LAUNCHER)
        file.chmod(0o755)
    (place.workspace / "api").mkdir()
    (place.workspace / "run.sh").write_text("cd .\npython3 echo_server.py\n")
    for copy in ("my server.py", "müsli.py"):
        shutil.copy(SERVERS / "echo_server.py", place.workspace / copy)

    result = grade(place)

    assert result.exit_code == PASSED, result.output
    assert place.leftovers() == []


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js and npm")
@pytest.mark.parametrize("name", NODE_COMMANDS)
def test_start_commands_of_node(name: str, place: Place) -> None:
    place.fill(NODE_COMMANDS[name], "server.js")
    scripts = {"start": "node server.js", "dev": "PORT=${PORT} node ./server.js"}
    (place.workspace / "package.json").write_text(json.dumps({"private": True, "scripts": scripts}))

    result = grade(place)

    assert result.exit_code == PASSED, result.output
    assert place.leftovers() == []


PATHS = {
    "spaces": "my first  server",
    "umlauts": "Übungen für Köln",
    "decomposed umlauts": "U\u0308bungen",
    "emoji": "🚀 backend",
    "200 characters": "n" * 200,
    "deep": "/".join(["folder"] * 30),
    "quotes": """it's "quoted" `here`""",
    "shell": "$HOME; echo & (x) | y > z *",
    "patterns": "[a-z] {b} 100%",
    "backslash": "a\\nb",
    "newline": "two\nlines",
    "dash": "-rf",
    "equals": "name=value",
    "bytes that are no text": os.fsdecode(b"caf\xe9"),
}


@pytest.mark.parametrize("name", PATHS)
def test_workspaces_lie_anywhere(name: str, tmp_path: Path) -> None:
    place = Place(tmp_path, PATHS[name])
    place.fill("python3 echo_server.py")

    result = grade(place)
    left = place.leftovers()
    place.end_leftovers()

    assert result.exit_code == PASSED, result.output
    assert left == []


@pytest.mark.parametrize("what", ["an endless device", "a pipe", "a folder", "too large"])
def test_a_coach_toml_that_is_no_ordinary_file_is_refused(what: str, place: Place) -> None:
    file = place.workspace / "coach.toml"
    if what == "an endless device":
        file.symlink_to("/dev/zero")
    elif what == "a pipe":
        os.mkfifo(file)
    elif what == "a folder":
        file.mkdir()
    else:
        file.write_text("#" * (2 << 20))

    result = grade(place, limit=10)

    assert result.exit_code == USAGE
    assert "coach.toml" in result.output
    assert "Traceback" not in result.output


HOSTILE_FILES = {
    "conftest.py": "import pytest\n\n@pytest.fixture(autouse=True)\ndef api():\n    raise SystemExit('conftest')\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only --no-such-option\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--collect-only"\npython_files = "*.py"\n',
    "tox.ini": "[pytest]\naddopts = -k nothing\n",
    "setup.cfg": "[tool:pytest]\naddopts = -x --no-such-option\n",
    "test_of_the_learner.py": "def test_fails():\n    assert False\n",
    ".coveragerc": "[run]\nsource = .\n",
    ".env": "PORT=1\nDATA_DIR=/nowhere\n",
}
SHADOWS = ("sitecustomize", "usercustomize", "pytest", "httpx", "click", "coach", "msgspec", "psutil", "pluggy")
SHADOW = "import pathlib\npathlib.Path(__file__).with_suffix('.imported').touch()\nraise SystemExit(0)\n"


def test_settings_and_modules_in_the_workspace_do_not_reach_coach(place: Place) -> None:
    place.fill("python3 echo_server.py")
    for name, text in HOSTILE_FILES.items():
        (place.workspace / name).write_text(text)
    for name in SHADOWS:
        (place.workspace / f"{name}.py").write_text(SHADOW)
    before = place.files()

    coach = str(Path(sys.executable).with_name("coach"))
    result = grade(place, program=(coach,), cwd=place.workspace)

    assert result.exit_code == PASSED, result.output
    assert len(result.report["checks"]) == 4
    assert place.files() == before
    assert place.leftovers() == []


def test_settings_of_pytest_in_the_environment_do_not_reach_coach(place: Place) -> None:
    place.fill("python3 echo_server.py")
    settings = {
        "PYTEST_ADDOPTS": "--collect-only -p no_such_plugin",
        "PYTEST_PLUGINS": "no_such_plugin",
        "PYTEST_DEBUG": "1",
        "PYTEST_THEME": "nonsense",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "",
        "PY_COLORS": "1",
        "http_proxy": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "SSLKEYLOGFILE": "/nowhere/keys",
    }

    result = grade(place, env=place.environment(settings))

    assert result.exit_code == PASSED, result.output
    assert place.leftovers() == []


def test_a_broken_plugin_beside_coach_does_no_harm(place: Place) -> None:
    place.fill("python3 echo_server.py")
    beside = place.root / "site"
    (beside / "broken-1.0.dist-info").mkdir(parents=True)
    (beside / "broken.py").write_text("raise RuntimeError('a broken plugin')\n")
    (beside / "broken-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (beside / "broken-1.0.dist-info" / "entry_points.txt").write_text("[pytest11]\nbroken = broken\n")

    result = grade(place, env=place.environment({"PYTHONPATH": str(beside)}))

    assert result.exit_code == PASSED, result.output
    assert place.leftovers() == []


@needs_ordinary_account
def test_folders_without_rights_are_removed_by_those_who_have_no_more(place: Place) -> None:
    place.fill("python3 links_out_of_its_data.py", "links_out_of_its_data.py")

    result = grade(place, program=(*ORDINARY, sys.executable, "-m", "coach"))

    assert result.exit_code == PASSED, result.output
    assert place.leftovers() == []
