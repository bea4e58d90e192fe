"""Servers that misbehave, each named after what it does wrong, and what coach must say about each."""
