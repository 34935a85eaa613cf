from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_what_is_loaded_is_frozen_and_cycles_are_still_collected() -> None:
    code = (
        "import gc, weakref\n"
        "from scenarios.machine.garbage import THRESHOLDS, settle_collector\n"
        "settle_collector()\n"
        "class Node: pass\n"
        "node = Node(); node.self = node; seen = weakref.ref(node); del node\n"
        "gc.collect()\n"
        "print(gc.get_threshold() == THRESHOLDS, gc.get_freeze_count() > 1000, seen() is None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3
