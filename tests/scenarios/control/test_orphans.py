"""A forked worker whose master is gone leaves, unless it has rows."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scenarios.control.orphans import OrphanWatch
from scenarios.exit_codes import EXIT_USAGE
from tests.conftest import ROOT

FORKED = """
import os, signal
from scenarios.control import orphans
orphans.watch_forks()
if os.fork() == 0:
    signal.pause()
os._exit(0)
"""


def test_it_goes_on_while_its_parent_is_there() -> None:
    left: list[int] = []
    watch = OrphanWatch(7, parent_now=lambda: 7, leave=left.append)
    assert watch.look() and not left


def test_without_its_parent_it_leaves_once() -> None:
    left: list[int] = []
    watch = OrphanWatch(7, parent_now=lambda: 1, leave=left.append)
    assert not watch.look()
    assert left == [EXIT_USAGE]


def test_a_process_that_had_a_run_stays_with_its_rows() -> None:
    left: list[int] = []
    watch = OrphanWatch(7, parent_now=lambda: 1, leave=left.append)
    watch.run_began()
    assert not watch.look() and not left


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")
def test_a_real_child_that_would_wait_for_ever_ends_with_its_parent() -> None:
    # It holds the pipe of its output: this returns when both have ended.
    done = subprocess.run([sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


FORKED_TWICE = """
import os
from scenarios.control import orphans
orphans._watch = lambda parent: os.write(1, b"%d" % (parent == os.getppid()))
orphans.watch_forks()
for _ in range(2):
    if child := os.fork():
        os.waitpid(child, 0)
        os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")
def test_a_childs_own_child_watches_the_child() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED_TWICE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("11", "")
