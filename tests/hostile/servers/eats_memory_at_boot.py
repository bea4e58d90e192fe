"""Takes 2 GiB before it listens."""

import time

from echo_server import serve

held = []
for _ in range(64):
    held.append(b"x" * (32 << 20))
    time.sleep(0.02)
serve()
