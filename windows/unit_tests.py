"""The project's own unit tests, run by the Windows CPython."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from windows.places import Places
from windows.run import start
from windows.wine import windows_path

# What a worker runs; the analysis stays on Linux.
FOLDERS = ("tests/attempts", "tests/scenarios")


@dataclass(frozen=True)
class UnitTests:
    """What pytest said.

    Attributes:
        failed: The names of the tests that failed.
        skipped: How many were skipped for each reason.
        ended: Whether pytest ended by itself.
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


def run_unit_tests(places: Places, *, deadline_s: float) -> UnitTests:
    """Run them under Wine; a pytest that does not end within `deadline_s` is killed and has failed."""
    report = places.base / "unit-tests.xml"
    report.unlink(missing_ok=True)
    options = ["-q", "-rs", "-p", "windows.pytest_plugin", "-p", "no:cacheprovider", "--timeout=120"]
    process = start(places, ["-m", "pytest", *options, f"--junitxml={windows_path(report)}", *FOLDERS])
    ended = True
    try:
        output = process.communicate(timeout=deadline_s)[0]
    except subprocess.TimeoutExpired:
        ended = False
        process.kill()
        output = process.communicate()[0]
    said = output.decode(errors="replace")
    counts = from_junit(_text(report)) if report.exists() else UnitTests()
    return UnitTests(counts.passed, counts.failed, counts.skipped, ended, said)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
