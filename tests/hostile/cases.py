"""The hostile submissions: what each does stands in its file under servers/, what coach must say of it stands here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

HEALTHY = "test_is_healthy"
ECHOES = "test_echoes"
COUNTS = "test_counts_across_a_restart"
STILL_HEALTHY = "test_is_still_healthy"
CHECKS = (HEALTHY, ECHOES, COUNTS, STILL_HEALTHY)

ROOT = os.geteuid() == 0

PASSED = 0
FAILED = 1
USAGE = 2
NOT_GRADED = 3


@dataclass(frozen=True)
class Case:
    """One hostile submission and its verdict.

    `exit_code` is that of `coach grade`. `cause` is the report's cause. `outcomes` says of each check "outcome code";
    a check that it leaves out is blocked where there is a cause, and passes where there is none. `seconds` is an upper
    bound of the wall time, which only proves that nothing hangs. `writes` are the files that the server itself leaves
    in its workspace. `container` holds what differs in a container, and is None where the case makes no sense there.
    """

    name: str
    exit_code: int
    start: str = ""
    cause: str = ""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    seconds: float = 15.0
    linux: bool = False
    container: Mapping[str, Any] | None = None

    @property
    def command(self) -> str:
        """The start command."""
        return self.start or f"python3 {self.name}.py"

    def verdicts(self) -> dict[str, str]:
        """Return the verdict on every check, as "outcome code"."""
        return {**dict.fromkeys(CHECKS, f"blocked {self.cause}" if self.cause else "passed"), **self.outcomes}

    def in_container(self) -> "Case":
        """Return the case as it looks in a container."""
        return replace(self, **(self.container or {}))


def passes(name: str, **more: Any) -> Case:
    """A server that is odd, and correct."""
    return Case(name, PASSED, **more)


def fails_to_boot(name: str, cause: str, **more: Any) -> Case:
    """A server that never becomes ready."""
    return Case(name, FAILED, cause=cause, **more)


def fails_echo(name: str, code: str, **more: Any) -> Case:
    """A server whose /echo misbehaves, and which is well again for the next check."""
    return Case(name, FAILED, outcomes={ECHOES: f"failed {code}".rstrip()}, **more)


def fails_to_restart(name: str, cause: str, **more: Any) -> Case:
    """A server that boots once and never again."""
    outcomes = {HEALTHY: "passed", ECHOES: "passed", COUNTS: f"failed {cause}"}
    return Case(name, FAILED, cause=cause, outcomes=outcomes, **more)


def tampers(
    name: str,
    noticed_in: str,
    before: Mapping[str, str] = MappingProxyType({}),
    container: Mapping[str, Any] | None = None,
) -> Case:
    """A server that reaches for coach, which is `error` from the check on in which it is noticed."""
    noticed = CHECKS.index(noticed_in)
    verdicts = {check: "passed" if at < noticed else "error tampered" for at, check in enumerate(CHECKS)}
    start = f"exec python3 {name}.py"  # so that it is the supervisor that is above it, and no shell
    return Case(
        name,
        NOT_GRADED,
        start=start,
        cause="tampered",
        outcomes={**verdicts, **before},
        linux=True,
        container=container,
    )


SAME: Mapping[str, Any] = {}

BOOT = (
    fails_to_boot("crashes_at_boot", "boot-crashed", container=SAME),
    fails_to_boot("exits_at_once", "boot-crashed", start="true"),
    fails_to_boot("exits_with_a_signal", "boot-crashed", start="kill -SEGV $$"),
    passes("boots_in_three_seconds"),
    fails_to_boot("ignores_port", "wrong-port", container=SAME),
    fails_to_boot("listens_on_ipv6_only", "wrong-host"),
    fails_to_boot("listens_on_another_loopback", "wrong-host", linux=True),
    fails_to_boot("never_listens", "boot-timeout"),
    fails_to_boot("port_is_taken", "port-taken"),
    fails_to_boot("start_command_missing", "start-command-missing", start="nodejss server.js", container=SAME),
    fails_to_boot("start_file_missing", "boot-crashed", start="python3 server.py"),
    fails_to_boot("start_is_not_executable", "start-command-missing", start="./echo_server.py"),
    fails_to_boot(
        "backgrounds_itself", "backgrounded", start="python3 echo_server.py &", container={"cause": "boot-crashed"}
    ),
    fails_to_boot("backgrounds_itself_quietly", "backgrounded", start="nohup python3 echo_server.py >/dev/null 2>&1 &"),
    fails_to_boot("eats_memory_at_boot", "memory-limit"),
    passes("waits_for_input"),
    passes("listens_on_localhost", container={"exit_code": FAILED, "cause": "wrong-host"}),
)

ANSWERS = (
    Case(
        "never_accepts",
        FAILED,
        outcomes={**dict.fromkeys(CHECKS, "failed hung"), STILL_HEALTHY: "blocked hung"},
        seconds=40,
    ),
    Case("listens_then_closes_the_port", FAILED, outcomes=dict.fromkeys(CHECKS, "failed connection-closed")),
    fails_echo("never_answers", "hung", container=SAME),
    fails_echo("answers_a_byte_a_second", "hung"),
    fails_echo("drips_its_body", "hung"),
    fails_echo("answers_an_endless_body", "body-too-large"),
    fails_echo("answers_a_gzip_bomb", "body-too-large"),
    fails_echo("answers_broken_gzip", "invalid-http"),
    fails_echo("answers_a_huge_header", "invalid-http"),
    fails_echo("answers_endless_headers", "invalid-http"),
    fails_echo("answers_garbage", "invalid-http"),
    fails_echo("answers_without_a_status_line", "invalid-http"),
    fails_echo("answers_an_impossible_status", "invalid-http"),
    fails_echo("answers_nul_in_a_header", "invalid-http"),
    fails_echo("answers_endless_interim_responses", "hung"),
    fails_echo("switches_protocols", "invalid-http"),
    fails_echo("redirects_for_ever", ""),
    fails_echo("redirects_elsewhere", ""),
    fails_echo("closes_mid_body", "connection-closed"),
    fails_echo("closes_without_an_answer", "connection-closed"),
    fails_echo("resets_the_connection", "connection-closed"),
    fails_echo("understates_its_length", "not-json"),
    fails_echo("overstates_its_length", "hung"),
    fails_echo("answers_twice", ""),
    fails_echo("answers_broken_chunks", "invalid-http"),
    fails_echo("answers_html", "not-json"),
    fails_echo("answers_an_empty_body", "not-json"),
    fails_echo("answers_deep_json", "not-json"),
    fails_echo("answers_rather_deep_json", ""),
    fails_echo("answers_invalid_utf8", "not-json"),
    fails_echo("answers_nan", "not-json"),
    fails_echo("answers_a_huge_number", "not-json"),
    fails_echo("answers_a_lone_surrogate", ""),
    passes("names_an_absurd_charset"),
    passes("speaks_http_1_0"),
    passes("uses_rare_parts_of_http"),
    passes("sends_hostile_cookies"),
)

OUTPUT = (
    passes("floods_its_log", notices=("log-flood",), container=SAME),
    fails_echo("floods_its_log_without_a_newline", "", notices=("log-flood",), container=SAME),
    passes("closes_its_output"),
    fails_echo("prints_commands_for_terminals_and_ci", ""),
)

PROCESSES = (
    passes("ignores_sigterm", seconds=25, container=SAME),
    fails_echo("stops_itself", "hung", seconds=25),
    passes("leaves_a_daemon", seconds=25, container=SAME),
    passes("serves_from_a_daemon", container=SAME),
    fails_echo("forks_without_end", "processes-limit", container=SAME),
    passes("forks_from_its_children"),
    fails_echo("eats_memory", "memory-limit", container=SAME),
    fails_echo("dies_on_the_third_request", "crashed", container=SAME),
    Case(
        "dies_on_every_request",
        FAILED,
        outcomes={**dict.fromkeys(CHECKS, "failed crashed"), STILL_HEALTHY: "blocked crashed"},
    ),
    fails_echo("kills_its_process_group", "crashed"),
    tampers("kills_its_supervisor", ECHOES, container={"exit_code": PASSED, "cause": "", "outcomes": {}}),
    tampers("stops_its_supervisor", COUNTS),
    # Only root can open what the supervisor has open.
    *(
        tampers(name, ECHOES) if ROOT else fails_echo(name, "connection-closed", linux=True)
        for name in ("talks_to_its_supervisor", "talks_for_its_supervisor")
    ),
)

RESTARTS = (
    fails_to_restart("changes_port_after_restart", "wrong-port", seconds=40),
    fails_to_restart("crashes_on_restart", "boot-crashed", container=SAME),
    fails_to_restart("never_finishes_its_restart", "boot-timeout", seconds=40),
)

FILES = (
    passes(
        "writes_into_its_workspace",
        writes=("server.log", "uploads", "uploads/a b.txt"),
        container={"exit_code": FAILED, "cause": "boot-crashed", "writes": ()},
    ),
    passes("links_out_of_its_data"),
    fails_echo("fills_the_disk", "connection-closed", container=SAME),
    Case("removes_its_surroundings", FAILED, outcomes={COUNTS: "failed connection-closed"}),
    tampers(
        "replaces_its_log",
        COUNTS,
        {ECHOES: "failed"},
        container={"exit_code": FAILED, "cause": "", "outcomes": {ECHOES: "failed"}},
    ),
    passes("reaches_for_the_grader", writes=("seen.json",)),
)

CASES = (*BOOT, *ANSWERS, *OUTPUT, *PROCESSES, *RESTARTS, *FILES)
