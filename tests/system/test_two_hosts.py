"""Two machines before a server that keeps silent now and then: what each one's kernel knows clears its client's loop.

Both are network namespaces of this machine, and one rehearses Windows: with one host a side nothing is compared, and
what decides is the evidence of each wait alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.stats import beta

from tests.conftest import PATIENCE_S, ROOT, json_of, locust_command
from tests.hosts import hosts
from tests.kit.servers import MAKERS, served

pytestmark = pytest.mark.timeout(300)
LOAD = (
    *("--headless", "--only-summary", "--protocol", "echo", "--scenario", "steady", "--users", "10"),
    *("--spawn-rate", "10", "--pace-s", "0.2", "--run-time", "25s", "--exchange-budget-s", "1"),
    *("--client", "websocket-client,websockets-asyncio", "--site", "lab"),
)
CLEARED = re.compile(
    r"Of (\d+) timeouts whose place is known none had bytes waiting in this machine, or a loop that stood still "
    r"\(at most ([\d.]+) %\)"
)


def test_the_loops_of_both_platforms_are_cleared_with_one_host_a_side(tmp_path: Path) -> None:
    if reason := MAKERS["ws"].why_missing():
        pytest.skip(reason)
    with hosts(3) as (near, other, far), served("ws", "mute", tmp_path, on=far) as port:
        variables = {**os.environ, "SOAK_ALLOWED_HOSTS": far.address, "SOAK_JWT_SECRET": "k" * 40}
        soaks = []
        for host, label in ((near, ()), (other, ("--platform-label", "Windows"))):
            reports = ("--host", f"ws://{far.address}:{port}/ws", "--reports-dir", str(tmp_path / host.address))
            command = host.command(*locust_command(*LOAD, *reports, *label))
            soaks.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        said = [soak.communicate(timeout=3 * PATIENCE_S)[0] for soak in soaks]
    runs = [next((tmp_path / host.address).glob("*/run.json")).parent for host in (near, other)]
    together = [sys.executable, "-m", "analysis", *map(str, runs), "--rehearsal", "--out", str(tmp_path / "both")]
    done = subprocess.run(together, cwd=ROOT, capture_output=True, text=True, check=False)
    verdict = json_of(tmp_path / "both" / "verdict.json")
    words = json.dumps(verdict["claims"], indent=1) + "".join(said) + done.stdout + done.stderr
    cleared = CLEARED.search(verdict["claims"]["client_loop"]["evidence"])
    assert cleared, words
    # Those that the run's end cut off, and second tries, are in no claim.
    n, lost = int(cleared[1]), verdict["lost_at"]
    assert 20 < n <= lost["silent_application"] == sum(lost.values()), words
    # Clopper and Pearson's two-sided limit of 0 of n at 95 %.
    assert float(cleared[2]) == pytest.approx(100 * beta.ppf(0.975, 1, n), rel=0.06)
    states = {name: claim["state"] for name, claim in verdict["claims"].items()}
    assert states["server"] == "confirmed", words
    assert "confirmed" not in {states[name] for name in ("client_loop", "network", "platform")}, words
