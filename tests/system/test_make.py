"""The README's first command, in a shorter run: from `make` to a verdict that names the planted fault's side."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(400)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_soak_ends_with_a_verdict_and_a_report(tmp_path: Path) -> None:
    options = f"SOAK=--run-time 30s --reports-dir {tmp_path} --connect-budget-s 3"
    result = subprocess.run(["make", "soak", options], cwd=ROOT, capture_output=True, text=True, check=False)
    (run,) = [f.parent for f in tmp_path.glob("*/run.json")]
    verdict = json.loads((run / "verdict.json").read_text())
    if verdict["generator"]["state"] == "impaired":
        assert result.returncode != 0
        pytest.skip(f"this machine is too busy to tell: {verdict['generator']['why']}")
    assert result.returncode == 0, result.stdout + result.stderr
    assert verdict["slo"]["state"] == "breached"  # one instance's welcomes come too late
    assert verdict["timeouts"] > 0
    assert str(run / "report.html") in result.stdout
    ending = result.stdout[result.stdout.index("Service levels breached") :]
    begins = [line.split(" ")[0] for line in ending.splitlines()]
    assert begins[:4] == ["Service", "Failures:", "Lost:", "Found:"]
    assert "\nNot tested by this plan: " in ending  # it has one platform, and adds no delays
