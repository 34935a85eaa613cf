"""Which packages a Windows worker needs, out of the project's locks: pure functions over their text."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What PEP 508's markers are on the interpreter that interpreter.txt pins. pip would evaluate them for the machine
# that it runs on, whatever --platform says, and so leave out pywin32 and ask for uvloop.
WINDOWS_MARKERS: Mapping[str, str] = {
    "sys_platform": "win32",
    "platform_system": "Windows",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "implementation_version": "3.11.9",
    "platform_release": "10",
    "platform_version": "10.0.18362",
    "extra": "",
}

# What the unit tests need beside a worker's own packages; pytest itself comes with Locust. The stand-in's server is
# among them because the clients' tests start one as a child of the interpreter that they run on.
TEST_TOOLS = (
    "hypothesis",
    "sortedcontainers",
    "pytest-timeout",
    "starlette",
    "uvicorn",
    "httptools",
    "anyio",
)


def requirements(lock: str) -> list[Requirement]:
    """The requirements of a lock's text, comments left out."""
    lines = (line.split(" #")[0].strip() for line in lock.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def windows_pins(worker_lock: str, dev_lock: str) -> list[str]:
    """`name==version` of everything that the Windows side installs, sorted.

    All that the worker's lock holds for Windows, and `TEST_TOOLS` at the versions of the development lock.

    Raises:
        LookupError: If a test tool is missing from the development lock.
    """
    chosen = [r for r in requirements(worker_lock) if r.marker is None or r.marker.evaluate(dict(WINDOWS_MARKERS))]
    by_name = {canonicalize_name(r.name): r for r in requirements(dev_lock)}
    for name in TEST_TOOLS:
        if name not in by_name:
            raise LookupError(f"{name} is named in windows/pins.py but requirements-dev.txt does not pin it")
        chosen.append(by_name[canonicalize_name(name)])
    return sorted({f"{canonicalize_name(r.name)}{r.specifier}" for r in chosen})


def with_hashes(pins: list[str], sha256_by_name: Mapping[str, str]) -> str:
    """The text of a lock that pip checks with --require-hashes."""
    return "".join(f"{pin} --hash=sha256:{sha256_by_name[pin.split('==')[0]]}\n" for pin in pins)


def pinned_hashes(lock: str) -> dict[str, str]:
    """`{"name==version": sha256}` of a lock that `with_hashes` wrote."""
    lines = (line.split(" --hash=sha256:") for line in lock.splitlines() if line and not line.startswith("#"))
    return {pin: sha256 for pin, sha256 in lines}
