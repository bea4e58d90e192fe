"""A hands-on exercise runner for backend development."""

__version__ = "0.1.0"
