"""The project's own unit tests, run by the Windows CPython."""

from __future__ import annotations

import subprocess
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from windows.places import Places
from windows.run import start
from windows.wine import windows_path

# What a worker runs; the analysis stays on Linux. Two parts of about the same length, run beside each other: the
# clients' tests mostly wait for servers that are silent on purpose.
PARTS = (
    ("tests/attempts", "tests/scenarios", "--ignore=tests/scenarios/clients"),
    ("tests/scenarios/clients",),
)


@dataclass(frozen=True)
class UnitTests:
    """What pytest said.

    Attributes:
        failed: The names of the tests that failed.
        skipped: How many were skipped for each reason.
        ended: Whether pytest ended by itself, and left a report.
        output: All that it printed.
    """

    passed: int = 0
    failed: tuple[str, ...] = ()
    skipped: Counter[str] = field(default_factory=Counter)
    ended: bool = True
    output: str = ""


def from_junit(text: str) -> UnitTests:
    """The counts in pytest's JUnit XML."""
    passed, failed, skipped = 0, [], Counter[str]()
    for case in ET.fromstring(text).iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif skip is not None:
            skipped[skip.get("message") or "no reason given"] += 1
        else:
            passed += 1
    return UnitTests(passed, tuple(sorted(set(failed))), skipped)


def joined(parts: Iterable[UnitTests]) -> UnitTests:
    """Several pytests' results as one."""
    result = UnitTests()
    for part in parts:
        result = UnitTests(
            result.passed + part.passed,
            result.failed + part.failed,
            result.skipped + part.skipped,
            result.ended and part.ended,
            result.output + part.output,
        )
    return result


def run_unit_tests(places: Places, *, deadline_s: float, chosen: Sequence[str] = ()) -> UnitTests:
    """Run them under Wine; a pytest that does not end within `deadline_s` is killed and has failed.

    Args:
        places: Where the Windows CPython is.
        deadline_s: For all of them.
        chosen: Words of pytest that choose some of them; none = all.
    """
    deadline = time.monotonic() + deadline_s
    with ThreadPoolExecutor(len(PARTS)) as pool:
        running = [
            pool.submit(_run_part, places, number, (*part, *chosen), deadline) for number, part in enumerate(PARTS)
        ]
        return joined(part.result() for part in running)


def _run_part(places: Places, number: int, arguments: Sequence[str], deadline: float) -> UnitTests:
    report = places.base / f"unit-tests-{number}.xml"
    report.unlink(missing_ok=True)
    options = ["-q", "-rs", "-p", "windows.pytest_plugin", "-p", "no:cacheprovider", "--timeout=120"]
    process = start(places, ["-m", "pytest", *options, f"--junitxml={windows_path(report)}", *arguments])
    ended = True
    try:
        output = process.communicate(timeout=max(0.0, deadline - time.monotonic()))[0]
    except subprocess.TimeoutExpired:
        ended = False
        process.kill()
        output = process.communicate()[0]
    # A pytest that crashed has written no report: it has ended, and not well.
    counts = from_junit(report.read_text(encoding="utf-8")) if report.exists() else UnitTests(ended=False)
    said = output.decode(errors="replace")
    return UnitTests(counts.passed, counts.failed, counts.skipped, ended and counts.ended, said)
