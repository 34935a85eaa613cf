from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.comparison.view import view_of
from analysis.model import Settings
from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.verdict.mitigations import mitigation_effects
from tests.analysis.tables_by_hand import sketched, with_cells


def run(arm, *, keeps, rescued=0.0, minutes=60, slower_bins=0):
    """Half of the attempts in an arm that keeps a share of the failures and makes good another."""
    plain = sketched(1, base_risk=0.05, minutes=minutes)
    both = pd.concat([plain.cells, plain.cells.assign(mitigation=arm)], ignore_index=True)
    mine = both["mitigation"] == arm
    left = np.where(mine, np.floor(both["bad"] * keeps), both["bad"]).astype(int)
    saved = np.where(mine, np.floor(left * rescued), 0).astype(int)
    tables = with_cells(
        replace(plain, cells=both), bad=left, residual=left, timeouts=left, rescued=saved, retries=saved
    )
    rows = []
    for minute in range(minutes):
        for name in ("none", arm):
            shift = slower_bins if name == arm else 0
            for kind, started in (("connect", 100), ("exchange", 100)):
                base = {"host": "Linux-0", "platform": "Linux", "minute": FIRST_MINUTE + minute, "mitigation": name}
                rows.append({**base, "kind": kind, "latency_bin": 100 + shift, "n": started - 10})
                rows.append({**base, "kind": kind, "latency_bin": 110 + shift, "n": 10})
                rows.append({**base, "kind": kind, "latency_bin": None, "n": started})
    return replace(tables, mitigation_costs=pd.DataFrame(rows))


def effect_of(tables):
    (found,) = mitigation_effects(view_of(tables, Settings()))
    return found


def test_what_an_arm_saves_is_in_points_with_an_interval():
    found = effect_of(run("verify_state", keeps=0.0))
    assert found.mitigation == "verify_state"
    assert found.saved.estimate == pytest.approx(0.05, abs=0.02)
    assert 0 < found.saved.low < found.saved.estimate < found.saved.high


def test_a_failure_that_a_retry_made_good_is_saved_and_costs_connects():
    found = effect_of(run("retry", keeps=1.0, rescued=1.0))
    assert found.saved.estimate > 0.02
    assert found.added_connects.estimate == pytest.approx(0.05, abs=0.02)
    assert found.added_connects.low > 0


def test_an_arm_that_changes_nothing_saves_and_costs_nothing():
    found = effect_of(run("warmup", keeps=1.0))
    assert found.saved.estimate == 0.0
    assert found.added_p50_s.estimate == found.added_connects.estimate == 0.0


def test_slower_answers_are_a_cost():
    found = effect_of(run("warmup", keeps=0.5, slower_bins=4))
    assert found.added_p50_s.estimate > 0
    assert found.added_p99_s.estimate > found.added_p50_s.estimate


def test_a_longer_budget_says_what_would_have_been_a_late_reply():
    found = effect_of(run("longer_budget", keeps=0.0))
    assert "100% of the failures would have been late replies" in found.evidence


def test_a_short_run_has_no_intervals():
    found = effect_of(run("retry", keeps=0.0, minutes=2))
    assert found.saved.low is None
    assert found.added_p50_s.low is None


def test_without_arms_there_are_no_effects():
    assert mitigation_effects(view_of(sketched(1), Settings())) == ()
