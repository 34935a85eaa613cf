"""How many examples a property is tried with that costs more than most."""

from __future__ import annotations

from hypothesis import settings


def examples(share: float, *, least: int = 2) -> int:
    """A share of what the profile says (`fast` or `thorough`, see `tests/conftest.py`)."""
    return max(least, round(share * settings().max_examples))
