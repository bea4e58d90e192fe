"""Proves an exercise: starters fail, references pass, every fault fails exactly the checks that it names."""

from coach.verify.content import Plan
from coach.verify.proof import prove
from coach.verify.workers import Settings

__all__ = ["Plan", "Settings", "prove"]
