from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.comparison.view import view_of
from analysis.model import Criteria, MitigationEffect
from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.reduction.tables import Tables
from analysis.verdict.mitigations import mitigation_effects
from tests.analysis.effects import estimate_of
from tests.analysis.tables_by_hand import sketched, with_cells
from tests.typed import known


def run(arm: str, *, keeps: float, rescued: float = 0.0, minutes: int = 60, slower_bins: int = 0) -> Tables:
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


def effect_of(tables: Tables) -> MitigationEffect:
    (found,) = mitigation_effects(view_of(tables, Criteria()))
    return found


def test_what_an_arm_saves_is_in_points_with_an_interval() -> None:
    found = effect_of(run("verify_state", keeps=0.0))
    assert found.mitigation == "verify_state"
    assert found.saved.estimate == pytest.approx(0.05, abs=0.02)
    assert 0 < known(found.saved.low) < estimate_of(found.saved) < known(found.saved.high)


def test_a_failure_that_a_retry_made_good_is_saved_and_costs_connects() -> None:
    found = effect_of(run("retry", keeps=1.0, rescued=1.0))
    assert estimate_of(found.saved) > 0.02
    added = known(found.added_connects)
    assert added.estimate == pytest.approx(0.05, abs=0.02)
    assert known(added.low) > 0


def test_an_arm_that_changes_nothing_saves_and_costs_nothing() -> None:
    found = effect_of(run("warmup", keeps=1.0))
    assert found.saved.estimate == 0.0
    assert estimate_of(found.added_p50_s) == estimate_of(found.added_connects) == 0.0


def test_slower_answers_are_a_cost() -> None:
    found = effect_of(run("warmup", keeps=0.5, slower_bins=4))
    assert 0 < estimate_of(found.added_p50_s) < estimate_of(found.added_p99_s)


def test_a_longer_budget_says_what_would_have_been_a_late_reply() -> None:
    found = effect_of(run("longer_budget", keeps=0.0))
    assert "100% of the failures would have been late replies" in found.evidence


def test_a_short_run_has_no_intervals() -> None:
    found = effect_of(run("retry", keeps=0.0, minutes=2))
    assert found.saved.low is None
    assert known(found.added_p50_s).low is None


def test_without_arms_there_are_no_effects() -> None:
    assert mitigation_effects(view_of(sketched(1), Criteria())) == ()
