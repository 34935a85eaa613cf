"""Synthetic runs with known truth: designs, sessions, what goes wrong in them, and their rows."""
