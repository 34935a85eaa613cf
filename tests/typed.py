"""What tests say of a value that the types leave open."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """The value, which the test expects to be there."""
    assert value is not None
    return value
