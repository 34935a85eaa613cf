"""What whoever leads a run writes of it while it goes on. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WATCH = """
import json, time
from types import SimpleNamespace
import locust
import gevent
import msgspec
from locust.stats import RequestStats
from scenarios.control.leader import Leader
from scenarios.control.limits import Limits
from scenarios.control.load_seen import LoadSeen, Told

class Run:
    is_mine, file, noted = True, SimpleNamespace(load=None), []
    def watch(self):
        return len(self.noted) < 2
    def note(self, workers, *, now):
        self.noted.append(msgspec.to_builtins(self.file.load))

gevent.sleep = lambda _: time.sleep(0.01)
environment = SimpleNamespace(stats=RequestStats(), parsed_options=SimpleNamespace(headless=True))
leader = Leader(environment, None, limits=Limits().scaled(0.001), end_early=lambda: None)
now = time.perf_counter()
leader._load = LoadSeen(now - 100)
for second in range(101):
    leader._load.plan(now - 100 + second, users=12, spawn_rate=12.0)
leader._load.tell("half of them", now, Told(100.0, 600.0))
run = Run()
leader._watch(run, lambda: None)
print(json.dumps(run.noted[-1]))
"""


@pytest.mark.slow
def test_the_load_is_noted_while_a_run_goes_on_so_that_a_death_of_its_leader_leaves_it_known() -> None:
    ran = subprocess.run([sys.executable, "-c", WATCH], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    load = json.loads(ran.stdout)
    assert load["within_s"] == 0 and load["judged_s"] > 80
    assert load["ran_user_s"] == load["planned_user_s"] / 2
