import math

from analysis.estimate import Estimate, Spread
from analysis.needs import hosts_wanted, more_data, times_more


def estimate(value, se, df=math.inf):
    return Estimate(value=value, spreads=(Spread(se, df),))


def test_four_times_the_data_halve_the_interval():
    one, two = (times_more(estimate(0.02, se), 0.005) for se in (0.02, 0.01))
    assert one == 4 * two


def test_hosts_are_asked_for_where_hosts_are_the_spread():
    words = more_data(estimate(0.001, 0.003, 4), 0.005, minutes=60, hosts=6)
    assert "hosts in place of 6" in words
    assert "80 % power" in words
    assert hosts_wanted(estimate(0.001, 0.003, 4), 0.005, 6) < hosts_wanted(estimate(0.001, 0.006, 4), 0.005, 6)


def test_hours_are_asked_for_where_time_is_the_spread():
    words = more_data(estimate(0.02, 0.006, 19), 0.005, minutes=60, hosts=0)
    assert "hours at this load" in words


def test_an_effect_on_the_margin_is_not_worth_any_run():
    assert math.isinf(times_more(estimate(0.005, 0.001), 0.005))
    assert "too near the margin" in more_data(estimate(0.0051, 0.001), 0.005, minutes=60, hosts=0)
