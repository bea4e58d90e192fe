"""Runs the learner's program in a container: the `docker` SDK is used in this package alone."""

from coach.runtime.container.runner import ContainerProgram

__all__ = ["ContainerProgram"]
