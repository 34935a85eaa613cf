"""Several hosts on one machine, for tests that are skipped where there can be none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.kit import namespaces
from tests.kit.children import NotStarted
from tests.kit.namespaces import Host

__all__ = ["Host", "hosts"]


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many hosts that can reach each other and nothing else; skips the test where that cannot be."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(namespaces.hosts(count))
        except NotStarted as problem:
            pytest.skip(str(problem))
        yield made
