"""The share of a cohort and its interval: attempts that fail together count as fewer."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.notebook.cohorts import shares
from analysis.reduction.cohorts import EVENTS, CohortCounts
from analysis.stats.rates import clopper_pearson


def cohorts(timeouts: list[int], *, a_minute: int = 100, m: int = 1000, xx: float | None = None) -> CohortCounts:
    """One cohort: attempts and timeouts of each minute, on one host, in `m` sessions of as many attempts each."""
    n, x = a_minute * len(timeouts), sum(timeouts)
    minutes = pd.DataFrame(
        {"platform": "Linux", "host_of": "h", "minute": range(len(timeouts)), "n": a_minute, "timeouts": timeouts}
    ).assign(failed=lambda frame: frame["timeouts"])
    nn, nx = m * (n / m) ** 2, n / m * x
    products = {f"nx_{of}": nx for of in EVENTS} | {f"xx_{of}": x if xx is None else xx for of in EVENTS}
    return CohortCounts(minutes, pd.DataFrame([{"platform": "Linux", "m": m, "nn": nn, **products}]))


def interval(found: pd.DataFrame) -> tuple[float, float]:
    return float(found["low"].iloc[0]), float(found["high"].iloc[0])


def test_attempts_that_fail_independently_have_the_exact_binomial_interval() -> None:
    found = shares(cohorts([1] * 10), ["platform"], of="timeouts")
    assert found.iloc[0].to_dict() | {"low": 0, "high": 0} == {
        "platform": "Linux", "n": 1000, "timeouts": 10, "failed": 10, "share": 0.01, "low": 0, "high": 0,
    }  # fmt: skip
    assert interval(found) == pytest.approx(clopper_pearson(10, 1000), rel=0.01)


def test_a_burst_makes_it_wider() -> None:
    drizzle, burst = (shares(cohorts(x), ["platform"], of="timeouts") for x in ([1] * 10, [10] + [0] * 9))
    assert interval(burst)[0] < interval(drizzle)[0] and interval(burst)[1] > 1.5 * interval(drizzle)[1]


def test_failures_of_one_session_make_it_wider() -> None:
    apart, together = (shares(cohorts([1] * 10, m=100, xx=xx), ["platform"], of="timeouts") for xx in (10.0, 100.0))
    assert interval(together)[1] > 1.5 * interval(apart)[1]


def test_where_none_failed_a_session_is_one_trial_and_a_short_run_one_that_may_have_missed_a_burst() -> None:
    long = shares(cohorts([0] * 10, m=200), ["platform"], of="failed")
    assert interval(long) == pytest.approx(clopper_pearson(0, 200))
    short = shares(cohorts([0] * 4, m=400), ["platform"], of="failed")
    assert interval(short) == pytest.approx(clopper_pearson(0, 400 / 20))


def test_no_attempts_are_a_frame_without_rows() -> None:
    none = CohortCounts(*(frame.iloc[:0] for frame in cohorts([0])))
    assert len(shares(none, ["platform"], of="timeouts")) == 0
