"""Lets `python -m coach` stand in for the `coach` command."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # `-m` puts the current folder, usually a workspace, ahead of every library: its json.py must not become ours.
        del sys.path[0]
    from coach.cli import main

    main()
