"""Correct, and prints one line of 32 MiB before it listens."""

import sys

from echo_server import serve

for _ in range(32):
    sys.stdout.write("." * (1 << 20))
sys.stdout.flush()
serve()
