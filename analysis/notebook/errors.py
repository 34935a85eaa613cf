"""What goes wrong when a run is opened or asked: one exception, one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class RunError(Exception):
    """A run cannot be opened, or cannot answer: one sentence that names the value, the rule and the way out."""


@contextmanager
def reading(names: str) -> Iterator[None]:
    """Rows are read here: only footers were looked at before, and pages may be corrupt.

    Raises:
        RunError: They are.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        said = f"The rows of {names} cannot be read ({first_line(error)}): "
        raise RunError(f"{said}python -m analysis says which file is corrupt.") from error


def first_line(error: Exception) -> str:
    """What an error says first, to stand in a sentence."""
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
