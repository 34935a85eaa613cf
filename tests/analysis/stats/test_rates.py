import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from analysis.stats.rates import Rate, clopper_pearson, clustered_rate, worst_design_effect


def test_clopper_pearson_published_numbers() -> None:
    assert clopper_pearson(0, 300) == pytest.approx((0.0, 0.012221), abs=5e-7)
    assert clopper_pearson(1, 1000) == pytest.approx((0.0000253, 0.0055589), abs=5e-8)
    assert clopper_pearson(0, 300, 0.90)[1] == pytest.approx(0.009936, abs=5e-7)


@given(st.integers(1, 5000), st.floats(0, 1))
def test_clopper_pearson_agrees_with_statsmodels(trials: int, share: float) -> None:
    events = round(share * trials)
    assert clopper_pearson(events, trials) == pytest.approx(proportion_confint(events, trials, method="beta"), abs=1e-9)


def test_no_attempts_is_no_knowledge() -> None:
    rate = clustered_rate(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
    assert rate.estimate is None
    assert rate.interval() == (0.0, 1.0)
    assert rate.p_above(0.005) == 1.0


def test_p_above_is_the_binomial_tail() -> None:
    rate = Rate(events=12, n=1000, design_effect=1.0)
    assert rate.p_above(0.005) == pytest.approx(stats.binom.sf(11, 1000, 0.005))


def test_zero_refusals_in_740_connects_are_below_half_a_point() -> None:
    assert Rate(events=0, n=740, design_effect=1.0).interval()[1] < 0.005
    assert Rate(events=0, n=730, design_effect=1.0).interval()[1] > 0.005


def test_failures_in_one_minute_are_worth_one_observation() -> None:
    minutes = np.arange(60)
    n = np.full(60, 100)
    spread = clustered_rate(np.ones(60), n, minutes)
    burst = clustered_rate(np.where(minutes == 7, 60, 0), n, minutes)
    assert spread.estimate == burst.estimate
    assert spread.design_effect == 1.0
    assert burst.design_effect == pytest.approx(60, rel=0.05)
    assert burst.p_above(0.005) > 0.3 > 1e-4 > spread.p_above(0.005)


def test_too_few_clusters_take_the_worst_case() -> None:
    two = clustered_rate(np.array([5, 6]), np.array([500, 500]), np.arange(2), empty_design_effect=20.0)
    assert two.design_effect == 20.0


def test_worst_case_is_never_beyond_the_cluster() -> None:
    assert worst_design_effect(3.0) == 3.0
    assert worst_design_effect(900.0) == 20.0
    assert worst_design_effect(0.1) == 1.0


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 200)), min_size=6, max_size=60),
    st.integers(2, 5),
)
def test_writing_every_row_again_never_shrinks_the_interval(counts: list[tuple[int, int]], times: int) -> None:
    x = np.array([min(a, b) for a, b in counts])
    n = np.array([b for _, b in counts])
    clusters = np.arange(len(n))
    once = clustered_rate(x, n, clusters, least_design_effect=1.0)
    if not 0 < once.events < once.n:
        return
    # The connections stay the same, so attempts per connection grow with the rows.
    again = clustered_rate(times * x, times * n, clusters, least_design_effect=float(times))
    assert again.interval()[0] == pytest.approx(once.interval()[0], abs=1e-6)
    assert again.interval()[1] == pytest.approx(once.interval()[1], abs=1e-6)
