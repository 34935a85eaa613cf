"""Loaded into pytest on the Windows CPython: a test that cannot run there is skipped, and says why."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

import pytest

# Not installed there: Wine's C runtime lacks functions that they call, or only servers of the tests, or a controller,
# need them; a worker imports none of them.
NOT_ON_A_WORKER: Final = frozenset(
    {
        *("aiohttp", "duckdb", "ibis", "numpy", "opentelemetry", "pandas", "prometheus_client", "pyarrow", "scipy"),
        "statsmodels",
    }
)

# What a test's own source shows that Windows has not.
NOT_ON_WINDOWS: Final = (
    (re.compile(r"\bSIG(STOP|CONT|KILL|USR)"), "it sends, or names, a signal that only POSIX has"),
    (re.compile(r"\bopenssl\b"), "it calls the openssl command"),
)
# What a test's parameters or name ask for that Wine cannot do though Windows can.
NOT_UNDER_WINE: Final = (
    (re.compile(r"^test_(one_event|a_fault)_is_.*\[.*\breset\b.*\]"), "Wine sends no RST, whatever SO_LINGER says"),
    (re.compile(r"^test_the_targets_end_for_a_client_that_was_reset"), "Wine sends no RST, whatever SO_LINGER says"),
    (
        re.compile(r"test_a_(reports_folder|folder_for_rows)_that_cannot_be_made"),
        "Wine calls a folder below a file one that exists",
    ),
)


def reason_to_skip(name: str, sources: Sequence[str]) -> str | None:
    """Why a test cannot run on Windows under Wine, or None.

    Args:
        name: The test's name with its parameters.
        sources: The texts of the test function and of its module's fixtures that it uses.
    """
    for pattern, reason in NOT_ON_WINDOWS:
        if any(pattern.search(source) for source in sources):
            return reason
    return next((reason for pattern, reason in NOT_UNDER_WINE if pattern.search(name)), None)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what cannot run here."""
    for item in items:
        if isinstance(item, pytest.Function):
            reason = reason_to_skip(item.name, [inspect.getsource(item.function), *_fixture_sources(item)])
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


def _fixture_sources(item: pytest.Function) -> list[str]:
    """The sources of the fixtures of its own module that a test uses."""
    named = [getattr(item.module, name, None) for name in item.fixturenames]
    return [inspect.getsource(getattr(f, "_get_wrapped_function", lambda f=f: f)()) for f in named if f is not None]
