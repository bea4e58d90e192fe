"""Lets `python -m coach` stand in for the `coach` command."""

import os
import sys

# `-m` puts the current folder, usually a learner's workspace, ahead of every library: its json.py must not become ours.
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]  # noqa: PTH109

from coach.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
