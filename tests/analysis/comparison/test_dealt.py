"""Connections as the sample: sums over them against the same connections one by one."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.comparison.dealt import (
    MOST_SHARED,
    Dealt,
    dealt_of,
    design_effect,
    difference_spread,
    difference_spreads,
    within,
)
from analysis.comparison.view import view_of
from analysis.model import Criteria
from analysis.reduction.variants import OF_THE_TARGET, VARIANTS
from analysis.stats.estimate import Spread
from analysis.stats.groups import Floats
from analysis.stats.rates import clustered_rate
from tests.analysis.tables_by_hand import sketched
from tests.typed import known


class Connection(NamedTuple):
    """What it was dealt to, its attempts and its failures."""

    n: int
    x: int
    delay: int = 0
    host: int = 0


def summed(connections: Iterable[Connection]) -> Dealt:
    """The sums over connections, a row for each host and delay."""
    by: dict[tuple[int, int], list[Connection]] = {}
    for one in connections:
        by.setdefault((one.host, one.delay), []).append(one)

    def each(of: Callable[[Connection], float]) -> Floats:
        return np.array([float(sum(of(one) for one in group)) for group in by.values()])

    host, delay = (np.array(column, dtype=np.int64) for column in zip(*by, strict=True))
    none = np.zeros(len(by), dtype=np.int64)
    return Dealt(
        host=host,
        delay=delay,
        client=none,
        kind=none,
        instance=none - 1,
        m=each(lambda one: 1),
        n=each(lambda one: one.n),
        nn=each(lambda one: one.n**2),
        x=each(lambda one: one.x),
        nx=each(lambda one: one.n * one.x),
        xx=each(lambda one: one.x**2),
    )


def attempts_and_failures(most: int = 6) -> st.SearchStrategy[tuple[int, int]]:
    return st.integers(1, most).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


SIDE = st.lists(attempts_and_failures(), min_size=2, max_size=12)


def variance_of(side: list[tuple[int, int]]) -> float:
    """Of a side's rate, connection by connection (Cochran, Sampling Techniques, 1977, section 9)."""
    m, total = len(side), sum(n for n, _ in side)
    p = sum(x for _, x in side) / total
    return m / (m - 1) * sum((x - p * n) ** 2 for n, x in side) / total**2


@settings(deadline=None)
@given(one=SIDE, other=SIDE)
def test_the_variance_of_a_difference_is_that_of_its_sides_connection_by_connection(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    rows = summed([Connection(*c, delay=0) for c in one] + [Connection(*c, delay=1) for c in other])
    spread = known(difference_spread(rows, rows.delay == 1, ("host",)))
    assert spread.se**2 == pytest.approx(variance_of(one) + variance_of(other), abs=1e-9)


@settings(deadline=None)
@given(
    one=st.lists(st.integers(0, 1), min_size=2, max_size=20),
    other=st.lists(st.integers(0, 1), min_size=2, max_size=20),
)
def test_with_one_attempt_a_connection_it_is_welchs_test(one: list[int], other: list[int]) -> None:
    assume(len(set(one)) > 1 and len(set(other)) > 1)
    rows = summed([Connection(1, x, delay=0) for x in one] + [Connection(1, x, delay=1) for x in other])
    spread = known(difference_spread(rows, rows.delay == 1, ("host",)))
    welch = stats.ttest_ind(other, one, equal_var=False)
    assert spread.df == pytest.approx(welch.df)
    assert (np.mean(other) - np.mean(one)) / spread.se == pytest.approx(welch.statistic)


@settings(deadline=None)
@given(one=SIDE, other=SIDE)
def test_strata_that_are_alike_halve_the_variance_and_double_the_degrees_of_freedom(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    def on(*hosts: int) -> Spread:
        sides = ((0, one), (1, other))
        rows = summed([Connection(*c, delay=delay, host=h) for h in hosts for delay, side in sides for c in side])
        return known(difference_spread(rows, rows.delay == 1, ("host",)))

    single, both = on(0), on(0, 1)
    assert both.se**2 == pytest.approx(single.se**2 / 2, abs=1e-9)
    if single.se > 1e-6:
        assert both.df == pytest.approx(2 * single.df)


def test_a_session_that_is_bad_throughout_is_one_connection_and_not_its_attempts() -> None:
    def spread(attempts: int) -> Spread:
        side = [(attempts, 0)] * 9 + [(attempts, attempts)]
        rows = summed([Connection(*c, delay=delay) for delay in (0, 1) for c in side])
        return known(difference_spread(rows, rows.delay == 1, ("host",)))

    assert spread(100) == pytest.approx(spread(1))
    assert spread(1).se == pytest.approx(math.sqrt(2 * 0.1 * 0.9 / 9))


def test_each_host_has_the_spread_that_it_would_have_alone() -> None:
    sides = {0: [(5, 1), (9, 0), (4, 4)], 1: [(8, 1), (3, 2)]}
    rows = summed([Connection(*c, delay=delay, host=h) for h in (0, 2) for delay in (0, 1) for c in sides[delay][h:]])
    met = summed([*[Connection(*c, delay=delay, host=3) for delay in (0, 1) for c in sides[delay]]])
    assert list(difference_spreads(rows, rows.delay == 1, ("kind",))) == [0]
    assert difference_spreads(met, met.delay == 1, ("kind",)) == {3: difference_spread(met, met.delay == 1, ("host",))}


def test_sides_that_never_met_in_a_stratum_have_no_spread() -> None:
    rows = summed([Connection(5, 1, delay=0, host=0), Connection(5, 1, delay=1, host=1)])
    assert difference_spread(rows, rows.delay == 1, ("host",)) is None
    assert difference_spread(rows, rows.delay == 9, ("kind",)) is None
    assert difference_spread(rows.where(rows.delay == 9), np.zeros(0, dtype=bool), ("host",)) is None


def test_a_lone_connection_has_the_spread_of_the_others_of_its_side() -> None:
    usual = [Connection(1, x, delay=delay, host=0) for delay in (0, 1) for x in (0, 0, 0, 1)]
    lone = [Connection(1, 0, delay=delay, host=1) for delay in (0, 1)]
    rows = summed(usual + lone)
    spread = known(difference_spread(rows, rows.delay == 1, ("host",)))
    of_one = 4 / 3 * 0.25 * 0.75
    # Weights of the strata: 4 * 4 / 8 and 1 * 1 / 2.
    assert spread.se**2 == pytest.approx(2 * (0.8**2 * of_one / 4 + 0.2**2 * of_one))


def test_where_all_are_alone_nothing_is_known_of_the_spread() -> None:
    rows = summed([Connection(5, delay, delay=delay) for delay in (0, 1)])
    assert difference_spread(rows, rows.delay == 1, ("host",)) == (math.inf, 0, "connections")


def test_a_stratum_of_one_side_does_no_harm_to_those_of_both() -> None:
    # A side that is alone wherever it is has no spread, in the strata that do not count either.
    rows = summed([Connection(5, 1, delay=0, host=0), *(Connection(5, 1, delay=1, host=h) for h in (0, 0, 1, 1))])
    assert difference_spread(rows, rows.delay == 1, ("host",)) == (math.inf, 0, "connections")
    both = [Connection(1, x, delay=delay) for delay in (0, 1) for x in (0, 1)]
    more = summed([*both, *(Connection(1, 1, delay=1, host=1) for _ in range(3))])
    alone = summed(both)
    spreads = [difference_spread(one, one.delay == 1, ("host",)) for one in (more, alone)]
    assert spreads[0] == pytest.approx(spreads[1])


@settings(deadline=None)
@given(side=SIDE, repeats=st.integers(1, 5))
def test_the_design_effect_is_that_of_connections_as_clusters_and_one_at_least(
    side: list[tuple[int, int]], repeats: int
) -> None:
    side = side * repeats
    n, x = (np.array(column) for column in zip(*side, strict=True))
    assume(0 < x.sum() < n.sum() and len(side) >= 5)
    expected = clustered_rate(x, n, np.arange(len(side)))
    assert design_effect(summed([Connection(*c) for c in side])) == pytest.approx(expected.design_effect)
    assert design_effect(summed([Connection(*c) for c in side])) >= 1.0


def test_connections_that_fail_as_a_whole_are_worth_one_trial_each() -> None:
    side = [Connection(10, 0)] * 150 + [Connection(10, 10)] * 50
    assert design_effect(summed(side)) == pytest.approx(10 * 200 / 199)


@pytest.mark.parametrize("failures", [0, 1])
def test_what_was_not_seen_may_be_shared_by_twenty_attempts_of_a_connection_at_most(failures: int) -> None:
    alike = [Connection(n, n * failures) for n in (4, 6)]
    assert design_effect(summed(alike)) == 5.0
    assert design_effect(summed([Connection(1000, 1000 * failures)] * 3)) == MOST_SHARED
    assert design_effect(summed([Connection(7, 3)])) == 7.0


def test_nothing_is_worth_itself() -> None:
    assert design_effect(summed([Connection(1, 0)]).where(np.zeros(1, dtype=bool))) == 1.0


def a_frame(**columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"server_instance": ["b", None, "a"], "m": [1, 2, 3], "n": [4.0, 5.0, 6.0], "nn": 7.0})
    ways = {f"{s}_{name}": float(v) for v, name in enumerate(VARIANTS) for s in ("x", "nx", "xx")}
    return frame.assign(**ways, **columns)


def test_each_way_of_counting_has_its_own_sums_and_unknown_instances_are_below_zero() -> None:
    codes = {name: np.zeros(3, dtype=np.int64) for name in ("host", "client", "delay", "kind")}
    for number, variant in enumerate(VARIANTS):
        rows = dealt_of(a_frame(), variant, codes=codes)
        assert (rows.x == number).all() and (rows.nx == number).all() and (rows.xx == number).all()
        assert rows.instance.tolist() == [1, -1, 0]
        assert (rows.m.tolist(), rows.n.tolist()) == ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])


@pytest.mark.parametrize("missing", ["host", "client", "delay", "kind"])
def test_rows_that_no_cell_knows_are_left_out(missing: str) -> None:
    codes = {name: np.zeros(3, dtype=np.int64) for name in ("host", "client", "delay", "kind")}
    codes[missing] = np.array([0, -1, 0])
    assert dealt_of(a_frame(), OF_THE_TARGET, codes=codes).m.tolist() == [1.0, 3.0]


def test_connections_are_within_cells_of_the_same_host_client_delay_and_kind() -> None:
    view = view_of(sketched(), Criteria())
    dealt, cells = view.dealt, view.cells
    assert within(dealt, cells).all()
    assert not within(dealt, cells.where(cells.host < 0)).any()
    for key in ("host", "client", "delay", "kind"):
        some = within(dealt, cells.where(getattr(cells, key) == 1))
        assert np.array_equal(some, getattr(dealt, key) == 1), key
        assert some.any()


def test_a_rate_is_never_surer_than_its_connections_are() -> None:
    view = view_of(sketched(), Criteria())
    # The sketch's connections have one attempt each; here each has the fate of ten.
    frame = view.tables.dealt
    tenfold = {name: 10 * frame[name] for name in frame.columns if name.startswith(("nn", "nx_", "xx_"))}
    tenfold |= {"m": frame["m"] / 10}
    view = replace(view, tables=replace(view.tables, dealt=frame.assign(**tenfold)), _known={})
    cells = view.cells
    shared = view.shared_fate(cells, "everything")
    assert shared > 5
    assert view.rate(cells, cells.bad, cells.n).design_effect >= shared
