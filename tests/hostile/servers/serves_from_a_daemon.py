"""Correct, and it is a daemon that listens, while the process that coach started waits."""

import os
import time
from pathlib import Path

from daemon import daemonise

keep = {name: os.environ[name] for name in ("HOST", "PORT", "DATA_DIR") if name in os.environ}
daemonise(f"""
import os, sys
os.environ.update({keep!r})
sys.path.insert(0, {str(Path.cwd())!r})
import echo_server
echo_server.serve()
""")
time.sleep(600)
