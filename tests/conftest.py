"""Starting wsoak as its users do: as a process, from the repository's root, with reports elsewhere."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
# Generous: a machine may be ten times slower than the one these tests were written on.
PATIENCE_S = 90.0

# Properties are tried with few examples before each commit, and with many where there is time (`make test-all`).
# No deadline: what an example takes is the busy machine's.
settings.register_profile("fast", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("fast")


# What is in these folders starts whole processes of Locust, or needs Wine: `make test-all` has them, `make test` not.
SLOW_FOLDERS = (ROOT / "tests" / "system", ROOT / "tests" / "windows" / "test_on_windows.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The limit of a test that is not marked `slow`."""
    parser.addoption(
        "--cpu-limit-s", type=float, default=None, help="fail a test that is not marked slow and computes longer"
    )


@cache
def may_have_slow_tests(file: Path) -> bool:
    """Whether a test in `file` can be marked slow: by its folder, or because the file says the word."""
    return is_slow_by_folder(file) or "slow" in file.read_text(encoding="utf-8")


def is_slow_by_folder(file: Path) -> bool:
    """Whether all tests in `file` are slow."""
    return any(file.is_relative_to(folder) for folder in SLOW_FOLDERS)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are found, nor ever in what that left: it is all of use until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only slow tests are wanted, leave alone a file without one: each process would import it for nothing."""
    wants_slow = str(config.getoption("markexpr")).startswith("slow and ")
    return True if wants_slow and collection_path.is_file() and not may_have_slow_tests(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow folders; and the longest files first: the last of two processes should not be waited for."""
    for item in items:
        if is_slow_by_folder(item.path):
            item.add_marker(pytest.mark.slow)
        elif item.get_closest_marker("slow") is not None and not may_have_slow_tests(item.path):
            raise pytest.UsageError(
                f"{item.nodeid} is marked slow, and its file does not say so: `make` would miss it."
            )
    items.sort(key=lambda item: (item.get_closest_marker("windows") is None, item.get_closest_marker("slow") is None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that computes for longer than `make test` can afford and is not marked `slow`.

    Processor time, its own and its children's: the time on the clock says little on a machine that is busy.
    """
    before = sum(os.times()[:4])
    yield
    limit = item.config.getoption("--cpu-limit-s")
    took = sum(os.times()[:4]) - before
    if limit is not None and took > limit and item.get_closest_marker("slow") is None:
        pytest.fail(f"It computed for {took:.1f} s, of {limit:g} s: mark it slow, or make it smaller.", pytrace=False)


@dataclass
class Soak:
    """A started `locust`, and where its run goes."""

    process: subprocess.Popen[str]
    reports: Path

    @property
    def folder(self) -> Path:
        """The run folder; waits until it is there."""
        return wait_for(lambda: next(iter(f.parent for f in self.reports.glob("*/run.json")), None), "a run folder")

    def run_json(self) -> dict[str, Any]:
        return json_of(self.folder / "run.json")

    def verdict(self) -> dict[str, Any]:
        return json_of(self.folder / "verdict.json")

    def end(self, timeout: float = PATIENCE_S) -> tuple[int, str]:
        """Exit status and all output, once it has ended by itself."""
        output, _ = self.process.communicate(timeout=timeout)
        return self.process.returncode, output


def json_of(file: Path) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(file.read_text())
    return written


def wait_for(probe: Callable[[], T | None], what: str, timeout: float = PATIENCE_S) -> T:
    """Poll until `probe` gives something."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not appear within {timeout} s")


class CrashingProtocol(NamedTuple):
    """A protocol that raises in the middle of a session, what it takes to use it, and what is said of it."""

    options: tuple[str, ...]
    environment: dict[str, str]
    sentence: str


def crashing_protocol(folder: Path) -> CrashingProtocol:
    """A module in `folder` with the staging protocol, whose `read` raises at the 50th message."""
    (folder / "crashing_protocol.py").write_text(
        "from scenarios.protocols.staging import Staging\n"
        "class Crashing(Staging):\n"
        "    messages = 0\n"
        "    def read(self, *given, **named):\n"
        "        Crashing.messages += 1\n"
        "        if Crashing.messages == 50:\n"
        "            raise RuntimeError('a mistake in the class')\n"
        "        return super().read(*given, **named)\n"
    )
    path = os.pathsep.join((str(folder), str(ROOT)))
    name = "crashing_protocol:Crashing"
    sentence = (
        f"--protocol {name!r}: read raised RuntimeError (crashing_protocol.py, line 7); "
        "a protocol class never raises for what the target sends."
    )
    return CrashingProtocol(("--protocol", name), {"PYTHONPATH": path}, sentence)


def locust_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "locust", *arguments]


@pytest.fixture
def start_soak(tmp_path: Path) -> Iterator[Callable[..., Soak]]:
    """Start `locust` with its reports in a temporary folder; whatever is left is killed at the end."""
    started: list[Soak] = []

    def start(*arguments: str, environment: dict[str, str] | None = None) -> Soak:
        reports = tmp_path / "reports"
        process = subprocess.Popen(
            locust_command("--reports-dir", str(reports), *arguments),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(Soak(process, reports))
        return started[-1]

    yield start
    for soak in started:
        if soak.process.poll() is None:
            soak.process.kill()
        soak.process.communicate()
