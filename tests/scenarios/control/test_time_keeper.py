"""A worker that asks its master what time it is. In processes of their own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
# A master whose timer is 500 s ahead, and whose run began at the wall time 2,000,000 s, when its timer said 1,000 s.
CODE = """
from types import SimpleNamespace
import json, sys, time
import gevent
from scenarios.clock import Clock, wall_us
from scenarios.control.time_keeper import TimeKeeper

class Runner:
    last_received_spawn_timestamp = 7.0
    asked = 0

    def register_message(self, name, listener, concurrent=False):
        assert not concurrent
        self.heard = listener

    def send_message(self, name, data):
        Runner.asked += 1
        if ANSWERS:
            answer = {"sent_at": data["sent_at"], "timer": time.perf_counter() + 500.0, "at": 42}
            gevent.spawn_later(0.002, self.heard, None, SimpleNamespace(data=answer))

told = []
runner = Runner()
keeper = TimeKeeper(runner)
if ANSWERS:
    keeper.wait()
else:
    gevent.sleep(0.2)
order = SimpleNamespace(clock=Clock(2_000_000_000_000, 1000.0))
clock, found = keeper.clock_of(order)
now = time.perf_counter()
keeper.generator = SimpleNamespace(time_was_told=lambda *given: told.append(given))
gevent.sleep(0.2)
print(json.dumps({
    "run_s": clock.micros(now) / 1e6 - 2_000_000,
    "expected_s": now + 500.0 - 1000.0,
    "offset_s": found.offset_s,
    "expected_offset_s": wall_us() / 1e6 - clock.micros(time.perf_counter()) / 1e6,
    "uncertainty_s": found.uncertainty_s,
    "asked": Runner.asked,
    "spawn": runner.last_received_spawn_timestamp,
}))
"""


def kept(*, answers: bool) -> tuple[dict[str, Any], str]:
    code = CODE.replace("ANSWERS", str(answers))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout), ran.stderr


def test_a_run_goes_by_the_masters_timer_whatever_both_wall_clocks_say() -> None:
    found, said = kept(answers=True)
    assert abs(found["run_s"] - found["expected_s"]) < 0.05
    assert abs(found["offset_s"] - found["expected_offset_s"]) < 0.05
    assert 0.0 < found["uncertainty_s"] < 0.5
    assert found["asked"] >= 5
    # The worker's wall clock is decades ahead of the run's.
    assert "ahead of the master's" in said
    # Locust's own guard against old messages would drop all of a master whose clock was set back.
    assert found["spawn"] == 0


def test_without_an_answer_a_worker_goes_by_its_own_clock_and_says_so() -> None:
    found, said = kept(answers=False)
    assert found["offset_s"] is None and found["uncertainty_s"] is None
    assert found["run_s"] > 0
    assert "The master has not said yet what time it is" in said
