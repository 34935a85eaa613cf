"""Priority is asked for in a process of its own: this one shall keep its."""

from __future__ import annotations

import subprocess
import sys


def test_a_process_is_told_whether_it_goes_before_others() -> None:
    program = (
        "from scenarios.machine.priority import raise_priority; print(raise_priority() in ('real-time', 'high', None))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "True"
