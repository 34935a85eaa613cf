"""Two runs of one world are seldom said to differ, and a planted difference is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.releases.contrast import difference


def frame(**columns: object) -> pd.DataFrame:
    plain = {"stratum": "a", "host": "h", "session": "s", "minute": 0, "n": 1, "bad": 0}
    return pd.DataFrame({**plain, **columns})


def drawn(
    rng: np.random.Generator, *, risk: float, sessions: int = 60, minutes: int = 10, slow: float = 1.0
) -> pd.DataFrame:
    """A run whose sessions and minutes differ by themselves: each has a risk of its own."""
    session, minute = (grid.ravel() for grid in np.meshgrid(np.arange(sessions), np.arange(minutes)))
    of_session, of_minute = rng.gamma(1.0, 1.0, sessions), rng.gamma(4.0, 0.25, minutes)
    is_slow = session % 2 == 1
    chance = np.clip(risk * np.where(is_slow, slow, 1.0) * of_session[session] * of_minute[minute], 0, 1)
    n = np.full(len(session), 20)
    return frame(
        stratum=np.where(is_slow, "320 ms", "0 ms"),
        host="h",
        session=session,
        minute=minute,
        n=n,
        bad=rng.binomial(n, chance),
    )


def test_two_runs_of_one_world_are_called_worse_in_at_most_one_pair_of_twenty() -> None:
    rng = np.random.default_rng(1)
    pairs = [
        difference(drawn(rng, risk=0.02), drawn(rng, risk=0.02), strata=["stratum"], events="bad") for _ in range(200)
    ]
    lows = [pair.estimate.interval()[0] for pair in pairs if pair is not None]
    assert len(lows) == 200
    assert sum(low > 0 for low in lows) <= 10
    assert not sum(low > 0.005 for low in lows)


def test_sessions_that_nobody_named_are_not_taken_for_the_last_that_is_named() -> None:
    rng = np.random.default_rng(3)
    base, new = drawn(rng, risk=0.02), drawn(rng, risk=0.08)
    named = [run.astype({"session": "str"}) for run in (base, new)]
    unnamed = [run.assign(session=run["session"].where(run["session"] != "0")) for run in named]
    seen, found = (difference(*runs, strata=["stratum"], events="bad") for runs in (named, unnamed))
    assert seen is not None and found is not None
    assert found.estimate.interval() == pytest.approx(seen.estimate.interval())


def test_a_planted_difference_is_found_and_its_interval_covers_it() -> None:
    rng = np.random.default_rng(2)
    pairs = [
        difference(drawn(rng, risk=0.02), drawn(rng, risk=0.08), strata=["stratum"], events="bad") for _ in range(40)
    ]
    intervals = [pair.estimate.interval() for pair in pairs if pair is not None]
    assert sum(low > 0.005 for low, _ in intervals) >= 36
    assert sum(low <= 0.06 <= high for low, high in intervals) >= 34


def test_another_mix_of_delays_is_no_difference() -> None:
    base = frame(stratum=["0 ms", "320 ms"], session=["s", "t"], n=[900, 100], bad=[9, 10])
    new = frame(stratum=["0 ms", "320 ms"], session=["s", "t"], n=[100, 900], bad=[1, 90])
    shared = difference(base, new, strata=["stratum"], events="bad")
    assert shared is not None
    assert shared.estimate.value == pytest.approx(0.0)
    assert [shared.base, shared.new] == pytest.approx([0.055, 0.055])


def test_only_strata_of_both_runs_are_compared_and_the_share_of_the_others_is_said() -> None:
    base = frame(stratum=["a", "b"], n=[100, 100], bad=[1, 50])
    new = frame(stratum=["a", "c"], n=[100, 100], bad=[3, 50])
    shared = difference(base, new, strata=["stratum"], events="bad")
    assert shared is not None
    assert shared.estimate.value == pytest.approx(0.02)
    assert shared.kept == pytest.approx(0.5)


def test_runs_without_a_shared_stratum_or_any_row_have_no_difference() -> None:
    one, two = frame(stratum=["a"]), frame(stratum=["b"])
    assert difference(one, two, strata=["stratum"], events="bad") is None
    assert difference(one[:0], two[:0], strata=["stratum"], events="bad") is None


def test_one_session_a_run_gives_no_interval() -> None:
    one = frame(n=[100], bad=[3])
    shared = difference(one, one, strata=["stratum"], events="bad")
    assert shared is not None
    assert shared.estimate.interval() == (-np.inf, np.inf)


def test_hosts_that_differ_widen_the_interval_where_there_are_three() -> None:
    session = np.arange(30)
    bad = np.where(session % 3 == 0, 6, 0)
    one = frame(stratum=["a"] * 30, session=session, minute=session % 10, n=20, bad=bad)
    by_host = one.assign(host=session % 3)
    narrow = difference(one, one, strata=["stratum"], events="bad")
    wide = difference(by_host, by_host, strata=["stratum"], events="bad")
    assert narrow is not None and wide is not None
    assert wide.estimate.interval()[1] > 1.5 * narrow.estimate.interval()[1]
