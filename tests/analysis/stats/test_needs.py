import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats.estimate import Estimate, Spread
from analysis.stats.host_stage import between_groups
from analysis.stats.needs import Side, about, hosts_wanted, more_data, times_more
from analysis.stats.rates import Rate, attempts_to_bound, clopper_pearson
from tests.typed import known


def estimate(value: float, se: float, df: float = math.inf, *, n: int = 0, of: str = "") -> Estimate:
    return Estimate(value=value, spreads=(Spread(se, df, of),), n=n)


def sides(windows: int = 3, linux: int = 3, *, uneven: float = 1.0, sd: float = 0.005) -> tuple[Side, ...]:
    return (
        Side(name="Windows", hosts=windows, variance=uneven**2 * sd**2),
        Side(name="Linux", hosts=linux, variance=sd**2),
    )


def hosts_of(value: float, some: Sequence[Side]) -> Estimate:
    se = math.sqrt(sum(side.variance / side.hosts for side in some))
    return estimate(value, se, min(side.hosts for side in some) - 1)


def total(some: Sequence[Side]) -> int:
    return sum(side.hosts for side in some)


def test_four_times_the_data_halve_the_interval() -> None:
    one, two = (times_more(estimate(0.02, se), 0.005) for se in (0.02, 0.01))
    assert one == pytest.approx(4 * two)


def test_few_degrees_of_freedom_need_more() -> None:
    few, many = (times_more(estimate(0.02, 0.01, df), 0.005) for df in (3, math.inf))
    assert few > 1.5 * many


def test_hosts_are_asked_for_where_hosts_are_the_spread() -> None:
    words = more_data(hosts_of(0.001, sides()), 0.005, minutes=60, sides=sides())
    assert "hosts in place of 6" in words
    assert "80 % power" in words
    assert "more Windows hosts and" in words
    more = (known(hosts_wanted(hosts_of(0.001, some), 0.005, some)) for some in (sides(), sides(sd=0.007)))
    assert total(next(more)) < total(next(more))


def test_the_side_that_differs_within_itself_or_has_fewest_hosts_gets_them() -> None:
    wanted = known(hosts_wanted(hosts_of(0.0, sides(uneven=3)), 0.005, sides(uneven=3)))
    assert wanted[0].hosts > 1.5 * wanted[1].hosts
    fewer = sides(windows=3, linux=9)
    wanted = known(hosts_wanted(hosts_of(0.0005, fewer), 0.005, fewer))
    assert wanted[0].hosts - 3 > wanted[1].hosts - 9


def test_one_host_is_one_host() -> None:
    near = sides(windows=9, linux=3, sd=0.0023)
    words = more_data(hosts_of(0.0, near), 0.005, minutes=60, sides=near)
    assert "1 more Linux host (80 % power)" in words


def test_the_hosts_that_are_named_settle_it_four_times_in_five() -> None:
    some = sides(sd=0.004)
    wanted = known(hosts_wanted(hosts_of(0.0, some), 0.005, some))
    group = np.repeat([0, 1], [side.hosts for side in wanted])
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(2000):
        low, high = known(between_groups(rng.normal(0, 0.004, len(group)), group, 0)).interval()
        inside += low > -0.005 and high < 0.005
    # To rule out is to be inside on both sides, so that an effect of nothing needs a little more than one side's.
    assert 0.6 < inside / 2000 < 0.95


def test_hours_are_asked_for_where_time_is_the_spread_and_of_what_attempts() -> None:
    words = more_data(estimate(0.02, 0.006, 19, n=9_876), 0.005, minutes=60, of="A against B")
    assert "hours at this load" in words
    assert "more of A against B" in words


def test_sessions_are_asked_for_where_connections_are_the_spread() -> None:
    words = more_data(estimate(0.02, 0.006, 19, of="connections"), 0.005, minutes=60)
    assert "times as many sessions" in words
    assert "--session-s" in words


def test_an_effect_on_the_margin_is_not_worth_any_run() -> None:
    assert math.isinf(times_more(estimate(0.005, 0.001), 0.005))
    assert "too near the margin" in more_data(estimate(0.0051, 0.001), 0.005, minutes=60)
    assert "too near the margin" in more_data(hosts_of(0.00501, sides()), 0.005, minutes=60, sides=sides())


def test_a_run_that_is_far_too_small_is_not_said_to_be_near_the_margin() -> None:
    for words in (
        more_data(estimate(0.0, 0.02), 0.005, minutes=60),
        more_data(hosts_of(0.0, wide := sides(sd=0.1)), 0.005, minutes=60, sides=wide),
    ):
        assert "far too small" in words
        assert "near the margin" not in words


def test_numbers_have_two_digits_at_most() -> None:
    assert [about(n) for n in (14_690, 0.2, 99, 101, 1_000)] == ["15,000", "1", "99", "110", "1,000"]


@given(st.floats(1, 1e9))
def test_a_rounded_number_is_never_less_and_hardly_more(number: float) -> None:
    shown = int(about(number).replace(",", ""))
    assert number <= shown <= 1.11 * number + 1
    assert len(str(shown).rstrip("0")) <= 2


@given(st.integers(0, 20), st.integers(8_000, 100_000), st.floats(1.0, 20.0))
def test_as_many_attempts_as_are_named_bound_the_rate(events: int, n: int, shared: float) -> None:
    rate = Rate(events=events, n=n, design_effect=shared)
    wanted = attempts_to_bound(rate, 0.005)
    if wanted is None:
        assert events / n > 0.0025
        return
    times = wanted * 1.0001 / n
    high = clopper_pearson(times * events / shared, times * n / shared)[1]
    assert high <= 0.005 * 1.001
