"""Correct, and leaves a daemon that ignores SIGTERM, has no trace of the run in its environment, and listens."""

from daemon import daemonise
from echo_server import serve

daemonise("""
import signal, socket, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", 0))
time.sleep(600)
""")
serve()
