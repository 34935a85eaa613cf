from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

from tests.conftest import ROOT

# As a process that leads runs is: patched, with other greenlets, and a library that starts threads in each fork.
STARTS_A_PROGRAM: Final = """
from gevent import monkey; monkey.patch_all()
import os, subprocess, sys, threading, gevent
from scenarios.control import forks
forks.install()
leader = os.getpid()
os.register_at_fork(after_in_child=lambda: threading.Thread(target=int).start())
def other():
    while os.getpid() == leader:
        gevent.sleep(0)
    os._exit(1)
gevent.spawn(other)
gevent.sleep(0)
print(subprocess.run([sys.executable, "-c", "pass"]).returncode)
thread = threading.Thread(target=lambda: print("threads start here"))
thread.start()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="Windows starts programs without a fork")
def test_no_greenlet_of_the_parent_runs_in_a_program_that_it_starts_whatever_hooks_libraries_have() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STARTS_A_PROGRAM], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert (ended.stdout, ended.returncode) == ("0\nthreads start here\n", 0), ended.stderr
