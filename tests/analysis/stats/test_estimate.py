import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.estimate import Estimate, Spread, widest

SPREADS = st.builds(Spread, st.floats(1e-4, 1.0), st.sampled_from([1.0, 2.0, 4.0, 19.0, math.inf]))
ESTIMATES = st.builds(
    lambda value, spreads: Estimate(value=value, spreads=tuple(spreads)),
    st.floats(-1.0, 1.0),
    st.lists(SPREADS, min_size=1, max_size=3),
)


def test_interval_is_students() -> None:
    low, high = Estimate(value=1.0, spreads=(Spread(0.5, 7),)).interval()
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 7, 1.0, 0.5))


def test_one_chunk_gives_no_interval_and_no_p_value() -> None:
    estimate = Estimate(value=0.5, spreads=(Spread(math.inf, 0),))
    assert estimate.interval() == (-math.inf, math.inf)
    assert estimate.p_above(0.0) == 1.0


def test_p_outside_is_two_sided_where_the_spread_is_large_and_one_sided_where_it_is_small() -> None:
    wide = Estimate(value=3.0, spreads=(Spread(1.0, math.inf),))
    assert wide.p_outside(0.0) == pytest.approx(2 * wide.p_above(0.0))
    narrow = Estimate(value=-0.02, spreads=(Spread(0.001, math.inf),))
    assert narrow.p_outside(0.018) == pytest.approx(
        Estimate(value=0.02, spreads=narrow.spreads).p_above(0.018), rel=1e-6
    )


@given(ESTIMATES, ESTIMATES)
def test_another_spread_never_narrows_nor_sharpens(one: Estimate, two: Estimate) -> None:
    both = widest(one, two)
    assert both.interval()[1] >= one.interval()[1]
    assert both.p_above(0.005) >= one.p_above(0.005)
    assert both.p_outside(0.005) >= one.p_outside(0.005)


@given(ESTIMATES, st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_a_wider_margin_never_gives_a_smaller_p_value(estimate: Estimate, margin: float, more: float) -> None:
    assert estimate.p_above(margin + more) >= estimate.p_above(margin)
    # Of Student's t SciPy takes what is within 1e-8 of zero for zero: such a p-value is off by about as much.
    assert estimate.p_outside(margin + more) >= estimate.p_outside(margin) - 1e-7


@given(ESTIMATES)
def test_an_interval_inside_the_margin_and_a_small_p_value_exclude_each_other(estimate: Estimate) -> None:
    low, high = estimate.interval()
    if low > -0.1 and high < 0.1:
        assert estimate.p_outside(0.1) > 0.5
