"""Loaded into pytest on the Windows CPython: a test that needs what a worker must not need is skipped, and says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

# Not installed there: Wine's C runtime lacks functions that they call, and a worker imports none of them anyway.
NOT_ON_A_WORKER = frozenset({"duckdb", "ibis", "numpy", "pandas", "pyarrow", "scipy", "statsmodels"})


class SkipWhereHeavy:
    """An import hook: the import of a package of the analysis skips the test (or test module) that asked for it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Skip, or leave the import to the others."""
        if name.partition(".")[0] in NOT_ON_A_WORKER:
            pytest.skip(f"needs {name}, which no worker imports", allow_module_level=True)
        return None


def pytest_configure() -> None:
    """Install the hook before any test module is imported."""
    sys.meta_path.insert(0, SkipWhereHeavy())
