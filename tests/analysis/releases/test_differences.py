"""Levels and claims of two runs, and the state that follows from their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.releases.differences import claims_of, compared, trends_of


def rows(share: float, *, stratum: str = "a", sessions: int = 400) -> pd.DataFrame:
    session = np.arange(sessions)
    bad = (session % round(1 / share) == 0).astype(int) if share else np.zeros(sessions, dtype=int)
    return pd.DataFrame(
        {
            "stratum": stratum,
            "host": "h",
            "session": session,
            "minute": session // 20,
            "n": 10,
            "timeouts": 10 * bad,
            "failures": 10 * bad,
            "too_long": 0,
        }
    )


def verdict(state: str = "met", **effect: Any) -> dict[str, Any]:
    claim = {"state": "undecided", "effect": {"name": "risk difference", "estimate": 0.0, "low": 0.0, "high": 0.0}}
    claim["effect"] = {**claim["effect"], **effect}  # type: ignore[dict-item]
    return {"runs": [state], "slo": {"state": state, "checks": []}, "margin": 0.005, "claims": {"latency": claim}}


def both(base: pd.DataFrame, new: pd.DataFrame, **given: Any) -> Any:
    verdicts = given.get("verdicts", (verdict(), verdict()))
    return compared(base, new, verdicts, strata=("stratum",), margin=0.005)


def test_a_run_that_fails_far_more_often_is_worse() -> None:
    found = both(rows(0.01), rows(0.1))
    assert found.state == "worse"
    assert [level.state for level in found.levels] == ["worse", "worse", "not_worse"]
    assert found.levels[0].estimate == pytest.approx(0.09)


def test_two_runs_without_failures_are_not_worse() -> None:
    assert both(rows(0), rows(0)).state == "not_worse"


def test_a_difference_that_reaches_over_the_margin_cannot_be_told() -> None:
    assert both(rows(0.05, sessions=40), rows(0.05, sessions=40)).state == "undecided"


def test_a_void_run_decides_nothing_and_is_named() -> None:
    found = both(rows(0.01), rows(0.1), verdicts=(verdict("void"), verdict()))
    assert found.state == "undecided"
    assert found.void == ("The base run is void: nothing may be concluded from it.",)


def test_runs_that_share_nothing_say_what_differs() -> None:
    found = both(rows(0.01), rows(0.01, stratum="b"))
    assert found.state == "undecided"
    assert found.differs == ("stratum differs: only in the base run a; only in the new run b.",)
    assert all(level.estimate is None for level in found.levels)


def test_the_interval_of_a_claims_difference_joins_both_intervals() -> None:
    base, new = verdict(estimate=0.01, low=0.007, high=0.013), verdict(estimate=0.03, low=0.026, high=0.034)
    (claim,) = claims_of(base, new, margin=0.005)
    assert (claim.estimate, claim.low, claim.high) == pytest.approx((0.02, 0.015, 0.025))
    assert claim.state == "worse"


def test_a_claim_without_an_interval_has_no_difference() -> None:
    (claim,) = claims_of(verdict(estimate=None, low=None, high=None), verdict(), margin=0.005)
    assert (claim.estimate, claim.state) == (None, "undecided")


def test_trends_within_a_run_stand_side_by_side_and_an_unknown_one_is_unknown() -> None:
    base, new = verdict(), verdict()
    new["slo"]["checks"] = [{"name": "stability", "value": 0.023, "low": 0.011, "high": 0.035}]
    (said,) = trends_of(base, new)
    assert said == (
        "Worsening (stability) within a run: unknown in the base, +2.30 points (+1.10 to +3.50) in the new run."
    )
