"""A Report rendered as text; nothing else."""
