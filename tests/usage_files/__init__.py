"""Usage files."""
