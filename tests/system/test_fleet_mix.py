"""What each worker does: the whole mix of scenarios, and not the one that Locust's turn would leave to it."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S
from tests.loopback_fleet import LoopbackFleet

pytestmark = pytest.mark.timeout(300)


def test_two_scenarios_of_one_weight_are_shared_by_each_worker(tmp_path: Path) -> None:
    fleet = LoopbackFleet(tmp_path)
    try:
        # As many users as make Locust's turn deal one of its classes to each worker.
        output, _ = fleet.soak(None, "8s", "--no-analysis", "--scenario", "steady=1,churn=1").communicate(
            timeout=PATIENCE_S
        )
        assert fleet.run_json()["problems"] == [], output
        scenario_of = {
            (row["worker"], row["user"]): row["scenario"] for row in fleet.rows() if row["scenario"] != "probe"
        }
        users: dict[str, Counter[str]] = defaultdict(Counter)
        for (worker, _), scenario in scenario_of.items():
            users[worker][scenario] += 1
        assert list(users.values()) == [{"steady": 3, "churn": 3}] * 2, users
    finally:
        fleet.end()
