"""`python -m scenarios.evidence`, as somebody with a system that it was not tried on runs it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

from scenarios.evidence import linux
from scenarios.evidence.sample import TcpSample
from tests.conftest import ROOT


def test_it_prints_what_this_kernel_says_as_one_json_object() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.evidence"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["system"].startswith(platform.system())
    if sys.platform != "linux":
        pytest.skip("what it says is known for Linux")
    assert told["raw_bytes"] == linux.SIZE
    assert set(told["sample"]) == set(TcpSample._fields)
    assert (told["sample"]["received_bytes"], told["sample"]["queued_bytes"]) == (7, 7)
    assert told["sample"]["is_connecting"] is False
