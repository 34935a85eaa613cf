"""Merged successes look on Locust's screens as if each had been fired. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = """
from locust.stats import RequestStats
import json
from attempts.schema import Attempt
from scenarios.screens.screen_counts import ScreenCounts

def attempt(kind, operation, duration_s):
    return Attempt(kind=kind, operation=operation, scheduled_at=0, started_at=0, duration_s=duration_s,
                   budget_s=1.0, outcome="ok", phase=kind, bytes_in=100)

attempts = [attempt("exchange", "ping", 0.001 * n) for n in range(1, 301)]
attempts += [attempt("exchange", "chat", 0.5), attempt("connect", "connect", 0.2)]
merged, fired = RequestStats(), RequestStats()
counts = ScreenCounts(merged)
for start in range(0, len(attempts), 100):
    for one in attempts[start : start + 100]:
        counts.add(one)
        fired.log_request("WSX" if one.kind == "exchange" else "WS", one.operation, one.duration_s * 1000, 100)
    counts.flush()
counts.flush()

def seen(entry):
    return [entry.num_requests, entry.num_failures, round(entry.avg_response_time, 6), entry.min_response_time,
            entry.max_response_time, entry.median_response_time, entry.get_response_time_percentile(0.99),
            entry.total_content_length, sum(entry.num_reqs_per_sec.values())]

def table(stats):
    return sorted([*key, *seen(entry)] for key, entry in stats.entries.items()) + [seen(stats.total)]

print(json.dumps([table(merged), table(fired)]))
"""


def test_merged_successes_are_what_single_ones_would_be() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    merged, fired = json.loads(done.stdout)
    assert merged == fired
    assert len(merged) == 4
