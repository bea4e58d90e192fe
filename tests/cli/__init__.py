"""Tests of the command line, typed as a person types it."""
