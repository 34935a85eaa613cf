"""The two ways in which a Windows client cannot be had, told apart because only one of them is a defect."""

from __future__ import annotations


class Unavailable(Exception):
    """This machine lacks something that a person can install; the message says what and how."""


class BuildError(Exception):
    """What was fetched is not what was pinned, or a step failed that should not; the message says which."""
