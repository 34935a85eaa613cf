"""Loops that stand still and slow replies make those late who wait for them."""

import pytest

from analysis.simulation.lateness import Blocked, Slow
from tests.analysis.simulation.struck_runs import struck_by


def test_loops_stand_still_on_every_second_host_and_their_lag_says_so() -> None:
    frame = struck_by(Blocked(dose=0.05, suspect_only=True), hosts=4)
    waits = frame[frame["kind"].isin(["connect", "exchange"])]
    hit = waits[waits["bad"]]
    assert set(hit["platform"]) == {"Windows"}
    assert hit["host"].nunique() == 2
    assert (hit["loop_lag_s"] > hit["budget_s"] / 2).all()
    assert (waits[~waits["host"].isin(hit["host"].unique())]["loop_lag_s"] < waits["budget_s"].min() / 2).all()


def test_who_waits_longer_meets_fewer_slow_replies() -> None:
    frame = struck_by(Slow(dose=0.1), budget_spread=0.2)
    connects = frame[frame["kind"] == "connect"]
    is_long = connects["budget_s"] > 10.0
    assert set(frame[frame["bad"]]["outcome"]) == {"timeout"}
    assert connects["bad"].mean() == pytest.approx(0.1, abs=0.04)
    assert connects[is_long]["bad"].mean() < connects[~is_long]["bad"].mean()
