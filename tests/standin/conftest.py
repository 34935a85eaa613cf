"""A healthy stand-in for all tests of a module, and one with faults for a single test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.standin.serving import Process, Standin, process_serving, serving


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with serving(tmp_path_factory.mktemp("standin")) as server:
        yield server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Standin]]:
    """Start a stand-in with these arguments; it is stopped at the end of the test."""
    with contextlib.ExitStack() as stack:

        def starting(*arguments: str, floor_ms: float = 0) -> Standin:
            return stack.enter_context(serving(tmp_path, *arguments, floor_ms=floor_ms))

        yield starting


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """The same as a process of its own."""
    with contextlib.ExitStack() as stack:

        def starting(*arguments: str) -> Process:
            return stack.enter_context(process_serving(tmp_path, *arguments))

        yield starting
