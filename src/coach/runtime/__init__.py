"""The learner's program: one protocol, a process and a container behind it."""
