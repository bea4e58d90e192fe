"""`python -m benchmarks`: measures coach beside a bare script and prints the table of benchmarks/README.md."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from coach.model import Report
from coach.plain import report_from_json

HERE = Path(__file__).parent
ROUNDS = 9
STACKS = ("express", "fastapi", "flask")
EXERCISE = "phase-2-notes"
COACH = (sys.executable, "-m", "coach")
MARK = re.compile(r"(<!-- figures -->\n).*(<!-- end -->\n)", re.DOTALL)


def run(command: tuple[str, ...] | list[str], folder: Path) -> float:
    """Run a command that must succeed and return its wall time in seconds."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def side_by_side(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float, float]:
    """Run both in turns; return the medians in seconds and the median of the ratios."""
    ours(), theirs()  # caches warm for both
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    return (
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
        statistics.median(one / other for one, other in pairs),
    )


def peak_memory(command: tuple[str, ...], folder: Path) -> float:
    """Run a command and return the most memory that its own process held, in MiB (VmHWM, proc(5))."""
    process = psutil.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            break
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        peak = max(peak, int(found[1]) if found else 0)
        time.sleep(0.01)
    process.wait()
    return peak / 1024


def plan(report: Report, workspace: Path, data: Path) -> str:
    """Write the bare script's plan: what the report says was sent, with the same restarts."""
    config = (workspace / "coach.toml").read_text(encoding="utf-8")
    start = re.search(r'^start = "(.*)"$', config, re.MULTILINE)
    steps = [
        {
            "method": exchange.request.method,
            "path": exchange.request.path,
            "headers": exchange.request.headers,
            "body": exchange.request.body,
            "restarted": exchange.restarted,
            "status": exchange.response.status,
            "id": created_id(exchange.response.status, exchange.response.body),
        }
        for check in report.checks
        for exchange in check.exchanges
        if exchange.response is not None
    ]
    path = f"{workspace}/.venv/bin:{workspace}/node_modules/.bin:{os.environ['PATH']}"
    env = {"PATH": path, "DATA_DIR": str(data), "HOME": str(data), "PYTHONUNBUFFERED": "1"}
    return json.dumps({"cwd": str(workspace), "start": start[1] if start else "", "env": env, "steps": steps})


def created_id(status: int, body: str) -> str:
    """Return the id that a recorded answer gave to something new."""
    found = re.search(r'"id":\s*"?([^",}]+)', body) if status == 201 else None
    return found[1] if found else ""


def grading(stack: str, folder: Path) -> tuple[str, str, str, str]:
    """Compare `coach grade` on a reference with the bare script that does the same work."""
    workspace, report_file, plan_file = folder / stack, folder / f"{stack}.json", folder / f"{stack}-plan.json"
    run([*COACH, "pack", "render", EXERCISE, str(workspace), "--stack", stack, "--reference"], folder)
    run([*COACH, "grade", str(workspace), "--json", str(report_file)], folder)
    report = report_from_json(report_file.read_bytes())

    def bare() -> float:
        data = Path(tempfile.mkdtemp(dir=folder))
        plan_file.write_text(plan(report, workspace, data), encoding="utf-8")
        seconds = run([sys.executable, str(HERE / "bare.py"), str(plan_file)], folder)
        shutil.rmtree(data)
        return seconds

    ours, theirs, ratio = side_by_side(lambda: run([*COACH, "grade", str(workspace)], folder), bare)
    return (
        f"`coach grade`, {EXERCISE}, {stack} reference",
        f"{ours:.2f} s",
        f"bare script, {theirs:.2f} s",
        f"{ratio:.2f}",
    )


def verification(folder: Path) -> tuple[str, str, str, str]:
    """Compare `coach pack verify`, side by side on all cores, with its gradings one after the other.

    It goes first, so that the installation of the stacks counts against it.
    """
    os.environ["COACH_HOME"] = str(folder / "home")
    verify = [*COACH, "pack", "verify", EXERCISE, "--force"]
    wall = run(verify, folder)
    proofs = folder / "proofs.json"
    run([*verify, "--jobs", "1", "--json", str(proofs)], folder)
    results = json.loads(proofs.read_bytes())[0]["results"]
    alone = sum(result["seconds"] for result in results)
    cores = psutil.cpu_count() or 1
    beside = f"{len(results)} gradings one by one, {alone:.0f} s, on {cores} cores"
    return f"`coach pack verify {EXERCISE}`", f"{wall:.0f} s", beside, f"{wall * cores / alone:.2f}"


def rows(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Measure everything, row by row: what, coach, beside what, ratio."""
    for stack in STACKS:
        yield grading(stack, folder)
    script = Path(sys.executable).with_name("coach")
    for command in ("--help", "list"):
        ours, theirs, ratio = side_by_side(
            lambda command=command: run([str(script), command], folder),  # type: ignore[misc]
            lambda: run([sys.executable, "-c", "import click"], folder),
        )
        yield f"`coach {command}`", f"{ours * 1000:.0f} ms", f"`import click`, {theirs * 1000:.0f} ms", f"{ratio:.2f}"
    memory = max(peak_memory((*COACH, "grade", str(folder / stack)), folder) for stack in STACKS)
    yield "memory of coach, at most, while grading", f"{memory:.0f} MiB", "", ""
    yield verification(folder)


def main() -> None:
    """Print the table and write it into README.md beside this file."""
    table = ["| what | coach | beside | ratio |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder)):
            table.append(f"| {' | '.join(row)} |")
            print(table[-1], flush=True)
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"
    text = "\n".join([*table, "", f"Machine: {machine}. Medians of {ROUNDS} runs in turns.", ""])
    readme = HERE / "README.md"
    readme.write_text(MARK.sub(lambda found: found[1] + text + found[2], readme.read_text(encoding="utf-8")), "utf-8")


if __name__ == "__main__":
    main()
