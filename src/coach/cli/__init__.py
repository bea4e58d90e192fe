"""The command line: the only place that prints and exits."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from coach import __version__
from coach.cli.lazy import LazyGroup
from coach.cli.streams import make_safe, no_color
from coach.errors import EXIT_INTERRUPTED, EXIT_NOT_GRADED, EXIT_PASSED, CoachError, InputError, PrerequisiteError
from coach.reports.text import clean

COMMANDS = {
    "list": ("coach.cli.catalog", "list_exercises", "Show the exercises."),
    "start": ("coach.cli.catalog", "start", "Make a workspace from an exercise's starter."),
    "grade": ("coach.cli.grade", "grade", "Grade a workspace and explain what is missing."),
    "pack": ("coach.cli.pack", "pack", "For authors: work on exercises and their graders."),
}
FIRST_STEPS = """\b
First steps:
  coach start phase-2-notes    make a workspace with a project to begin from
  cd phase-2-notes             read instructions.md, write code
  coach grade                  see what is missing; again and again
"""


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog=FIRST_STEPS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="coach")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Learn backend development by building it: coach gives you a project and tells you what is still missing."""
    ctx.color = no_color()


def main() -> NoReturn:
    """Run the command line and exit with the code that DESIGN's table gives to the outcome."""
    make_safe()
    if sys.platform == "win32":
        click.echo("coach needs Linux or macOS. On Windows, run it in WSL (wsl --install) or in a container.", err=True)
        sys.exit(EXIT_NOT_GRADED)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # A short life needs few collections: the default threshold costs 30 ms of imports alone.
    gc.set_threshold(50_000)
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    # Everything is closed by now; taking the interpreter apart module by module would cost another 60 ms.
    os._exit(code)


def _run() -> int:
    try:
        _stand_somewhere()
        result: Any = cli.main(prog_name="coach", standalone_mode=False)
    except CoachError as error:
        complain(error)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        # Whoever types a group of commands alone asks what there is; click would call that a mistake.
        click.echo(error.message, color=no_color())
        return EXIT_PASSED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted. Nothing was left running.", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            return _bug()
        what = error.filename or "The output"
        complain(PrerequisiteError(f"{what} cannot be written: {error.strerror}.", "Free some space on that disk."))
        return EXIT_NOT_GRADED
    except Exception:  # noqa: BLE001 - the one boundary; whatever comes here is a bug
        return _bug()
    return result if isinstance(result, int) else 0


def _bug() -> int:
    """Show the exception that nobody has foreseen, and ask for a report."""
    import traceback  # noqa: PLC0415 - bugs are rare

    traceback.print_exc()
    click.echo(
        f"\nThis is a bug in coach {__version__}, not in your code. Please report it with the lines above.", err=True
    )
    return EXIT_NOT_GRADED


def _stand_somewhere() -> None:
    """Make sure that the current folder exists, which every command takes for granted.

    Raises:
        InputError: when it was removed.
    """
    try:
        Path.cwd()
    except FileNotFoundError as exc:
        raise InputError("The current folder no longer exists.", "Go to another one: cd") from exc


def complain(error: CoachError) -> None:
    """Print what is wrong and what to do."""
    click.echo(f"{click.style('Error:', fg='red')} {clean(error.message)}", err=True, color=no_color())
    if error.hint:
        click.echo(clean(error.hint), err=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Treat a closed terminal and a polite kill as Ctrl-C, so that everything is cleaned up on the way out."""
    raise KeyboardInterrupt
