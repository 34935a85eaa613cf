"""Whose token a session carries, and where tokens come from."""
