"""What can be said of a pack without running anything: each rule reads files and yields what is wrong."""

from coach.catalog.lint.run import lint
from coach.catalog.lint.subject import Finding

__all__ = ["Finding", "lint"]
