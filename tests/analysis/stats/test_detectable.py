import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from analysis.claims import registry
from analysis.model import Criteria
from analysis.stats.detectable import (
    Precision,
    critical_distance,
    detectable,
    smallest_difference,
    smallest_rate,
    smallest_seen,
)
from analysis.stats.estimate import Estimate, Spread
from analysis.stats.rates import Rate
from analysis.verdict.decide import decide
from tests.analysis.tables_by_hand import no_attempts, sketched
from tests.typed import known

LEVEL = 0.05 * registry.weights()["platform"]


def estimated(*spreads: tuple[float, float]) -> Estimate:
    return Estimate(value=0.0, spreads=tuple(Spread(*one) for one in spreads))


def test_the_formula_is_the_sum_of_two_t_quantiles_times_the_error() -> None:
    for df in (3, 7.4, math.inf):
        t = stats.norm.ppf if math.isinf(df) else lambda q, df=df: stats.t.ppf(q, df)
        found = smallest_difference(estimated((0.002, df)), level=0.01)
        assert found == pytest.approx((t(0.99) + t(0.8)) * 0.002)
        two_sided = smallest_difference(estimated((0.002, df)), level=0.01, directed=False)
        assert two_sided == pytest.approx((t(0.995) + t(0.8)) * 0.002)


def test_the_margin_is_added_before_anything_is_confirmed() -> None:
    spread = estimated((0.002, 6))
    without, beyond = (smallest_difference(spread, level=0.01, bound=bound) for bound in (0.0, 0.005))
    assert beyond == pytest.approx(without + 0.005)


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("df", [4, 9, 19])
@pytest.mark.parametrize("se", [0.0005, 0.01])
@pytest.mark.parametrize("bound", [0.0, 0.005])
def test_an_effect_of_that_size_is_found_four_times_in_five(directed: bool, df: float, se: float, bound: float) -> None:
    effect = smallest_difference(estimated((se, df)), level=LEVEL, bound=bound, directed=directed)
    rng = np.random.default_rng(1)
    runs = 4000
    values = rng.normal(effect, se, runs)
    errors = se * np.sqrt(rng.chisquare(df, runs) / df)
    found = 0
    for value, error in zip(values, errors, strict=True):
        one = Estimate(value=value, spreads=(Spread(error, df),))
        found += (one.p_above(bound) if directed else one.p_outside(bound)) <= LEVEL
    # A sum of quantiles stands in for the noncentral t, which it meets from above with few degrees of freedom.
    assert 0.75 < found / runs < 0.86


def test_it_agrees_with_the_noncentral_t_of_statsmodels() -> None:
    hosts, sd, level = 12, 0.01, 0.01
    ours = smallest_difference(estimated((sd / math.sqrt(hosts), hosts - 1)), level=level)
    exact = sd * TTestPower().solve_power(nobs=hosts, alpha=level, power=0.8, alternative="larger")
    assert ours == pytest.approx(exact, rel=0.05)


def test_the_spread_that_demands_most_counts_and_none_without_a_degree_of_freedom() -> None:
    hosts, time = estimated((0.002, 2)), estimated((0.004, math.inf))
    both = estimated((0.002, 2), (0.004, math.inf))
    assert smallest_difference(both, level=0.01) == max(smallest_difference(one, level=0.01) for one in (hosts, time))
    assert math.isinf(smallest_difference(estimated((0.002, 0)), level=0.01))


@pytest.mark.parametrize("trials", [600, 3000, 40_000])
def test_a_rate_of_that_size_is_confirmed_four_times_in_five(trials: int) -> None:
    rate = Rate(events=0, n=trials, design_effect=1.0)
    size = smallest_rate(rate, level=0.002, margin=0.005)
    events = np.random.default_rng(1).binomial(trials, size, 4000)
    found = sum(Rate(events=int(one), n=trials, design_effect=1.0).p_above(0.005) <= 0.002 for one in events)
    assert found / 4000 == pytest.approx(0.8, abs=0.02)


def test_a_rate_among_too_few_trials_is_never_confirmed_and_attempts_that_share_a_fate_are_few() -> None:
    assert math.isinf(smallest_rate(Rate(events=0, n=1, design_effect=1.0), level=0.002, margin=0.005))
    one, shared = (Rate(events=0, n=2000, design_effect=effect) for effect in (1.0, 10.0))
    assert smallest_rate(one, level=0.002, margin=0.005) < smallest_rate(shared, level=0.002, margin=0.005)
    assert (1 - smallest_seen(one)) ** 2000 == pytest.approx(0.2)


@pytest.mark.parametrize("se", [1e-300, 1e-18, 1e-6, 0.5, 1e6])
def test_a_spread_of_any_size_has_a_critical_distance_at_which_the_test_just_passes(se: float) -> None:
    distance = critical_distance(Spread(se, 5), level=LEVEL, bound=0.005, directed=False)
    assert distance >= 0.005
    at = Estimate(value=distance + 1e-6 * se, spreads=(Spread(se, 5),))
    assert at.p_outside(0.005) <= LEVEL * 1.001 or se < 1e-15


def test_what_has_no_error_is_null_with_its_reason_and_never_zero() -> None:
    assert detectable(None, level=0.01, margin=0.005).smallest is None
    for precision in (
        Precision(unknown="There is one platform."),
        Precision(estimates=(estimated((0.0, 5)),)),
        Precision(estimates=(estimated((math.inf, 0)),)),
        Precision(rate=Rate(events=0, n=0, design_effect=1.0)),
    ):
        found = detectable(precision, level=0.01, margin=0.005)
        assert (found.smallest, found.confirmable) == (None, None)
        assert found.why.endswith(".")


def test_a_condition_that_fails_leaves_the_precision_and_nothing_to_confirm() -> None:
    found = detectable(
        Precision(of="A against B", estimates=(estimated((0.001, 9)),), closed="Budgets differ."),
        level=0.01,
        margin=0.005,
    )
    assert found.smallest is not None and found.confirmable is None
    assert "Budgets differ." in found.why


@pytest.mark.slow
def test_every_claim_of_a_run_has_one_or_a_reason_and_more_hosts_make_it_smaller() -> None:
    few, many = (decide(sketched(hosts=hosts, minutes=20), Criteria()).claims for hosts in (3, 9))
    for claims in (few, many):
        for finding in claims.values():
            assert finding.detectable is not None and finding.detectable.why
            assert finding.detectable.smallest is None or finding.detectable.smallest > 0
    of_few, of_many = (known(claims["platform"].detectable) for claims in (few, many))
    assert known(of_many.smallest) < known(of_few.smallest) < known(of_few.confirmable)


def test_two_hosts_a_side_have_no_smallest_effect() -> None:
    found = known(decide(sketched(hosts=2, minutes=20), Criteria()).claims["platform"].detectable)
    assert (found.smallest, found.confirmable) == (None, None)
    assert "Two hosts on a side" in found.why


def test_nothing_is_detectable_without_attempts_or_while_the_run_grows() -> None:
    nothing = decide(no_attempts(), Criteria()).claims
    growing = decide(sketched(minutes=20), Criteria(), live=True).claims
    for claims in (nothing, {name: growing[name] for name in ("latency", "platform", "auth")}):
        assert all(one.detectable is not None and one.detectable.smallest is None for one in claims.values())


def test_a_part_of_the_run_that_decides_brings_its_own_precision() -> None:
    # A claim that is confirmed in one operation has that operation's share of the error rate.
    whole = Precision(of="A", estimates=(estimated((0.001, 9)),))
    assert whole.shared(0.8).shared(0.5).share == pytest.approx(0.4)
    wide, narrow = (known(detectable(one, level=0.01, margin=0.005).smallest) for one in (whole, whole.shared(0.1)))
    assert narrow > wide
