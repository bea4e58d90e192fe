"""Runs the learner's program as its Dockerfile says, in a container; `Program` tells what the methods promise."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping

from coach.errors import SubmissionError
from coach.model import Mode, Network, Notice
from coach.processes import Listener, poll
from coach.runtime.container import inside
from coach.runtime.container.box import Box
from coach.runtime.container.engine import Engine
from coach.runtime.container.image import build_image
from coach.runtime.container.output import Output
from coach.runtime.container.start import Start
from coach.runtime.elsewhere import Elsewhere
from coach.runtime.program import GRACE, Boot, Exit, ProgramLog, Spec, diagnose, flood_notice


class ContainerProgram:
    """A program in a container; the image, the network and the volume are the run's own and go with it."""

    mode: Mode = "container"

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.network: Network = "cut"
        self.address = ("127.0.0.1", 0)
        self.log = ProgramLog(spec.scratch / f"{spec.name}.log", self._settle)
        self._engine = Engine(spec.token, spec.scratch)
        self._env: dict[str, str] = {}
        self._box: Box | None = None
        self._start: Start | None = None
        self._refused: SubmissionError | None = None
        self._outputs: list[Output] = []
        self._mark = 0

    def build(self, progress: Callable[[str], None]) -> None:
        """See `Program.build`."""
        build_image(self._engine, self.spec.workspace, progress)

    def start(self, env: Mapping[str, str] | None = None) -> None:
        """Start the same container again, or a new one on the same volume where the environment differs.

        Raises:
            ServiceError, PrerequisiteError: when the engine cannot do it.
        """
        env = {**self.spec.env, **(env or {})}
        self._start = self._refused = None
        self._mark = self.log.mark()
        try:
            if self._box is not None and env != self._env:
                self._box.remove()
                self._box = None
            self._env = env
            self._box = self._box or Box(self._engine, env, self.spec.limits)
            self.network = self._box.network
            self._outputs.append(Output(self._box.container, self.log.path))
            self._start = Start(self._box, self._outputs[-1])
            self.address = self._box.address() or self.address
        except SubmissionError as error:  # kept for `wait_ready`: a check may expect that the program does not start
            self._refused = error

    def wait_ready(self) -> None:
        """See `Program.wait_ready`."""
        if self._refused is not None:
            raise self._refused
        assert self._box is not None  # noqa: S101 - `start` was called
        box, elsewhere = self._box, Elsewhere(self.listens, self._box.port)

        def state() -> str:
            if self.ended() is not None:
                return "ended"
            if box.answers():
                return "ready"
            return "elsewhere" if elsewhere.for_too_long() else ""

        if poll(state, self.spec.limits.boot) != "ready":
            raise self._boot_failure(box)

    def stop(self, number: int = signal.SIGTERM, grace: float = GRACE) -> Exit:
        """See `Program.stop`."""
        if self._start is None:
            return Exit()
        if self.ended() is None and number != signal.SIGKILL:
            self._start.signal(number, grace)
        self._start.kill()
        return self.ended() or Exit()

    def ended(self) -> Exit | None:
        """See `Program.ended`."""
        return self._start.ended() if self._start is not None else None

    def listens(self) -> list[Listener]:
        """See `Program.listens`."""
        if self._box is None or self._start is None or self.ended() is not None:
            return []
        return inside.listeners(self._box.container)

    def notices(self) -> list[Notice]:
        """See `Program.notices`."""
        return flood_notice(sum(output.dropped for output in self._outputs))

    def close(self) -> None:
        """See `Program.close`."""
        self._engine.close()
        for output in self._outputs:
            output.close()

    def _settle(self) -> None:
        if self._outputs:
            self._outputs[-1].settle()

    def _boot_failure(self, box: Box) -> SubmissionError:
        """Gather what can be seen of the program, end it, and name the cause."""
        listening, exit_ = self.listens(), self.ended()
        self.stop(signal.SIGKILL)
        return diagnose(
            Boot(
                port=box.port,
                exit=exit_,
                listening=listening,
                survivors=0,
                waited=self.spec.limits.boot,
                log=self.log.tail(mark=self._mark),
                start=box.command(),
                mode=self.mode,
            )
        )
