"""What learners see, word for word, against the texts in tests/golden; `--record` writes those anew, for review."""

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.learner import Learner, offline
from tests.workspaces import Workspaces, echo_workspace

RECORDED = Path(__file__).with_name("golden")
Golden = Callable[[str], None]


@pytest.fixture
def golden(learner: Learner, request: pytest.FixtureRequest) -> Golden:
    """Compare the learner's screen with the recorded text of this name, or record it."""

    def compare(name: str) -> None:
        path = RECORDED / f"{name}.txt"
        seen = learner.transcript()
        if request.config.getoption("--record"):
            path.write_text(seen, encoding="utf-8")
        wanted = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = difflib.unified_diff(wanted.splitlines(), seen.splitlines(), str(path.name), "now", lineterm="", n=2)
        difference = "\n".join(lines)
        assert not difference, f"\n{difference}\n\nIf this is better: make golden, and read the diff."

    return compare


@pytest.mark.network
@pytest.mark.parametrize("stack", ["express", "fastapi", "flask", "custom"])
class TestEveryStack:
    def test_the_untouched_starter(self, stack: str, workspaces: Workspaces, learner: Learner, golden: Golden) -> None:
        workspaces.starter(learner.home / "phase-2-notes", stack)
        learner.types("grade", "--seed", "1", within="phase-2-notes")
        golden(f"starter-{stack}")

    def test_the_reference(self, stack: str, workspaces: Workspaces, learner: Learner, golden: Golden) -> None:
        workspaces.reference(learner.home / "phase-2-notes", stack)
        learner.types("grade", "--seed", "1", within="phase-2-notes")
        golden(f"reference-{stack}")


@pytest.mark.network
@pytest.mark.parametrize(
    ("stack", "fault", "options"),
    [
        ("express", "forgets-on-restart", ()),
        ("express", "answers-200-to-a-create", ("--hints",)),
        ("express", "takes-the-id-from-the-length", ("--check", "never_gives_an_id_twice")),
        ("fastapi", "leaves-errors-to-the-framework", ()),
        ("fastapi", "allows-one-character-less", ()),
        ("fastapi", "counts-the-page", ()),
        ("express", "lists-the-newest-first", ()),
    ],
)
def test_a_wrong_solution(
    stack: str, fault: str, options: tuple[str, ...], workspaces: Workspaces, learner: Learner, golden: Golden
) -> None:
    workspaces.fault(learner.home / "phase-2-notes", fault, stack)
    learner.types("grade", "--seed", "1", *options, within="phase-2-notes")
    golden(f"fault-{fault}")


@pytest.mark.network
@pytest.mark.parametrize(
    ("stack", "name", "file", "find", "replace"),
    [
        (
            "flask",
            "overlaps-pages",
            "app/routes.py",
            "notes[(page - 1) * limit :",
            "notes[max((page - 1) * limit - 1, 0) :",
        ),
        ("custom", "raises-on-a-missing-title", "server.py", 'if "title" not in sent:', 'if not sent["title"]:'),
    ],
)
def test_a_wrong_solution_on_the_other_stacks(
    stack: str, name: str, file: str, find: str, replace: str, workspaces: Workspaces, learner: Learner, golden: Golden
) -> None:
    path = workspaces.reference(learner.home / "phase-2-notes", stack) / file
    assert find in path.read_text()
    path.write_text(path.read_text().replace(find, replace))
    learner.types("grade", "--seed", "1", within="phase-2-notes")
    golden(f"fault-{name}")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("boot-crashed", "python3 crashes_at_boot.py"),
        ("boot-timeout", "python3 never_listens.py"),
        ("wrong-port", "python3 ignores_port.py"),
        ("wrong-host", "python3 listens_on_ipv6_only.py"),
        ("port-taken", "python3 port_is_taken.py"),
        ("start-command-missing", "nodejss server.js"),
        ("start-command-empty", ""),
        ("backgrounded", "python3 echo_server.py &"),
        ("memory-limit", "python3 eats_memory_at_boot.py"),
        ("crashed", "python3 dies_on_the_third_request.py"),
        ("crashed-three-times", "python3 dies_on_every_request.py"),
        ("hung", "python3 never_answers.py"),
        ("connection-closed", "python3 closes_mid_body.py"),
        ("not-json", "python3 answers_html.py"),
        ("invalid-http", "python3 answers_garbage.py"),
        ("body-too-large", "python3 answers_an_endless_body.py"),
        ("log-flood", "python3 floods_its_log.py"),
        ("crashed-on-restart", "python3 crashes_on_restart.py"),
        ("boot-crashed-in-silence", "exit 3"),
        ("tampered", "exec python3 kills_its_supervisor.py"),
        ("escape-sequences", "python3 prints_commands_for_terminals_and_ci.py"),
    ],
)
def test_a_program_that_cannot_be_graded(name: str, start: str, learner: Learner, golden: Golden) -> None:
    echo_workspace(learner.home, start)
    learner.types("grade", "--seed", "1", "--pack", "../pack", within="echo")
    golden(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty", ""),
        ("not-toml", "format = 1\nexercise = phase-2-notes\n"),
        ("no-format", 'exercise = "phase-2-notes"\nstack = "custom"\n'),
        ("newer-format", 'format = 2\nexercise = "phase-2-notes"\nstack = "custom"\n'),
        ("unknown-key", 'format = 1\nexercise = "phase-2-notes"\nstack = "custom"\nstrat = "node server.js"\n'),
        ("missing-key", 'format = 1\nstack = "custom"\n'),
        ("wrong-type", 'format = 1\nexercise = "phase-2-notes"\nstack = "custom"\nstart = ["node", "server.js"]\n'),
        ("bad-base-path", 'format = 1\nexercise = "phase-2-notes"\nstack = "custom"\nbase_path = "api/"\n'),
        ("unknown-exercise", 'format = 1\nexercise = "phase-2-note"\nstack = "custom"\n'),
        ("unknown-stack", 'format = 1\nexercise = "phase-2-notes"\nstack = "expres"\n'),
        ("not-utf-8", "format = 1 # \udcff\n"),
    ],
)
def test_a_broken_coach_toml(name: str, text: str, learner: Learner, golden: Golden) -> None:
    (learner.home / "notes").mkdir()
    (learner.home / "notes" / "coach.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    learner.types("grade", within="notes")
    golden(f"coach-toml-{name}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("coach", ""),
        ("help", "--help"),
        ("grade-help", "grade --help"),
        ("start-help", "start --help"),
        ("unknown-command", "grdae"),
        ("unknown-option", "grade --hint"),
        ("list", "list"),
        ("start-unknown-exercise", "start phase2notes"),
        ("start-unknown-stack", "start phase-2-notes --stack expres"),
        ("start-without-exercise", "start"),
        ("start-express", "start phase-2-notes --stack express --no-install"),
        ("start-default", "start phase-2-notes --no-install"),
        ("start-fastapi", "start phase-2-notes --stack fastapi --no-install"),
        ("start-flask", "start phase-2-notes notes/flask --stack flask --no-install"),
        ("start-custom", "start phase-2-notes --stack custom"),
        ("no-workspace", "grade"),
        ("no-such-folder", "grade phase-3"),
    ],
)
def test_a_command(name: str, words: str, learner: Learner, golden: Golden) -> None:
    learner.types(*words.split())
    golden(name)


def test_a_folder_that_is_not_empty(learner: Learner, golden: Golden) -> None:
    (learner.home / "phase-2-notes").mkdir()
    (learner.home / "phase-2-notes" / "coach.toml").write_text("")
    (learner.home / "phase-2-notes" / "src").write_text("")
    learner.types("start", "phase-2-notes", "--stack", "express")
    golden("start-occupied")


def test_a_pack_that_is_not_there(learner: Learner, golden: Golden) -> None:
    echo_workspace(learner.home)
    learner.types("grade", "--pack", "./nowhere", within="echo")
    learner.types("start", "phase-2-notes", "--pack", "nowhere")
    golden("no-such-pack")


def test_a_grader_that_breaks(learner: Learner, golden: Golden) -> None:
    echo_workspace(learner.home)
    grader = learner.home / "pack" / "graders" / "test_hostile_echo.py"
    grader.write_text(grader.read_text().replace('expect(api.get("/health"))', 'expect(api.get("/health") + 1)', 1))
    learner.types("grade", "--seed", "1", "--pack", "../pack", within="echo")
    grader.write_text("import nowhere")
    learner.types("grade", "--seed", "1", "--pack", "../pack", within="echo")
    golden("grader-broke")


def test_a_stack_without_its_tools(learner: Learner, golden: Golden) -> None:
    (learner.home / "bin").mkdir()
    learner.types("start", "phase-2-notes", "--stack", "express", env={"PATH": str(learner.home / "bin")})
    golden("start-without-node")


@pytest.mark.network
@pytest.mark.parametrize(
    ("stack", "file", "find", "replace"),
    [
        ("express", "package.json", '"express":', "express:"),
        ("fastapi", "requirements.txt", "fastapi==", "fastapi="),
    ],
)
def test_a_manifest_that_cannot_be_installed(
    stack: str, file: str, find: str, replace: str, learner: Learner, golden: Golden
) -> None:
    learner.run("start", "phase-2-notes", "--stack", stack, "--no-install")
    path = learner.home / "phase-2-notes" / file
    path.write_text(path.read_text().replace(find, replace))
    learner.types("grade", "--seed", "1", within="phase-2-notes")
    golden(f"install-failed-{stack}")


@pytest.mark.parametrize("stack", ["express", "fastapi"])
def test_a_registry_out_of_reach(stack: str, learner: Learner, golden: Golden) -> None:
    learner.types("start", "phase-2-notes", "--stack", stack, env=offline(learner.home))
    learner.types("grade", within="phase-2-notes", env=offline(learner.home))
    golden(f"offline-{stack}")
