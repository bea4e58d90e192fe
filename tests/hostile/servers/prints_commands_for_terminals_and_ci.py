"""Prints escape sequences, workflow commands and control characters, and answers 500 with the same."""

import sys

from echo_server import Handler, serve

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[8mhidden\n"
    "::error::injected by the submission\n"
    "::set-output name=score::100\n"
    "##[error]injected\n"
    "\r\x1b[1Apassed  POST /echo returns the same JSON\n"
    "\x9b31m\x00\x08\x08\u202etxet desrever\u2028::warning::after a line separator\n"
)


class Prints(Handler):
    def echo(self, body):
        print(HOSTILE, flush=True)
        sys.stdout.buffer.write(b"\xff\xfe bytes that are no text\n")
        sys.stdout.flush()
        self.answer(500, {"error": HOSTILE})


print(HOSTILE, flush=True)
serve(Prints)
