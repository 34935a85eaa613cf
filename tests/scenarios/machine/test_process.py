"""The limit on open files, raised in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scenarios.machine.process import raise_descriptor_limit

PROGRAM = """
import resource
from scenarios.machine.process import raise_descriptor_limit
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(128, hard), hard))
print(raise_descriptor_limit() == hard == resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="macOS may refuse its own hard limit; Windows has none")
def test_the_soft_limit_becomes_the_hard_one() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "True"


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has no such limit")
def test_windows_has_no_such_limit() -> None:
    assert raise_descriptor_limit() is None
