"""What else may differ between platforms, column by column."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.factors import FACTORS, LEAST_ATTEMPTS, SHARED_LEAST, conditions, shared_and_bias
from analysis.model import Settings
from analysis.view import view_of
from attempts.schema import COLUMNS
from tests.analysis.tables_by_hand import sketched

MARGIN = Settings().margin


def side(**levels):
    """N and bad of each level."""
    return pd.DataFrame(list(levels.values()), index=list(levels), columns=["n", "bad"])


def frame(*rows, factor="subject"):
    return pd.DataFrame(
        [(host, platform, factor, level, n, bad) for host, platform, level, n, bad in rows],
        columns=["host", "platform", "factor", "level", "n", "bad"],
    )


def view(factors):
    return view_of(replace(sketched(1), factors=factors), Settings())


def condition(*rows, factor="subject"):
    (found,) = conditions(view(frame(*rows, factor=factor)), (0, 1))
    return found


def test_sides_that_are_alike_share_all_and_make_no_difference():
    one = side(a=(100, 10), b=(300, 3))
    assert shared_and_bias(one, 2 * one) == (1.0, 0.0)


def test_sides_without_a_level_in_common_share_nothing():
    shared, bias = shared_and_bias(side(a=(100, 10)), side(b=(100, 0)))
    assert shared == 0.0
    # By the risks of the one side, what it does not have has its mean, and the other way round: no difference is known.
    assert bias == 0.0


LEVELS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 100)),
    min_size=2,
    max_size=6,
)


def of_levels(levels):
    """Two sides that have other shares of levels, and the same risk (in percent) in each."""
    return (side(**{str(i): (100 * one[s], one[s] * one[2]) for i, one in enumerate(levels)}) for s in (0, 1))


@settings(deadline=None)
@given(LEVELS)
def test_where_levels_alone_matter_the_bias_is_the_whole_difference(levels):
    one, two = of_levels(levels)
    difference = one["bad"].sum() / one["n"].sum() - two["bad"].sum() / two["n"].sum()
    shared, bias = shared_and_bias(one, two)
    assert bias == pytest.approx(abs(difference), abs=1e-12)
    assert 0.0 <= shared <= 1.0
    assert shared_and_bias(two, one) == pytest.approx((shared, bias))


@settings(deadline=None)
@given(LEVELS)
def test_what_the_sides_do_not_share_bounds_what_their_mix_can_make(levels):
    one, two = (
        side(**{str(i): (100 * level[s], level[2] * level[s]) for i, level in enumerate(levels)}) for s in (0, 1)
    )
    shared, bias = shared_and_bias(one, two)
    risks = [level[2] / 100 for level in levels]
    assert bias <= (1 - shared) * (max(risks) - min(risks)) + 1e-12


def test_the_side_by_whose_risks_the_mix_matters_more_counts():
    flat, steep = side(a=(100, 5), b=(900, 45)), side(a=(900, 90), b=(100, 0))
    assert shared_and_bias(flat, steep)[1] == pytest.approx(0.8 * 0.1)
    assert shared_and_bias(steep, flat)[1] == pytest.approx(0.8 * 0.1)


def test_a_level_with_few_attempts_has_the_risk_of_its_side():
    few = LEAST_ATTEMPTS - 1
    other = side(a=(1000, 0))
    assert shared_and_bias(side(a=(few, 0), b=(few, few)), other)[1] == 0.0
    enough = LEAST_ATTEMPTS
    assert shared_and_bias(side(a=(enough, 0), b=(enough, enough)), other)[1] == pytest.approx(0.5)


def test_every_factor_is_a_column_of_the_record_and_has_words_of_its_own():
    assert {factor.name for factor in FACTORS} <= {column.name for column in COLUMNS}
    for name in ("name", "words", "need"):
        assert len({getattr(factor, name) for factor in FACTORS}) == len(FACTORS), name


def test_what_nobody_recorded_or_never_varied_or_is_on_one_platform_only_is_no_condition():
    asked = (0, 1)
    assert conditions(view(frame()), asked) == ()
    assert conditions(view(frame(("h1", "Windows", "a", 90, 0), ("h2", "Linux", "a", 90, 0))), asked) == ()
    assert conditions(view(frame(("h1", "Windows", "a", 90, 0), ("h1", "Windows", "b", 90, 0))), asked) == ()


def test_levels_that_are_alike_are_said_to_be_so():
    both = [
        (host, platform, level, 500, 5) for host, platform in (("h1", "Windows"), ("h2", "Linux")) for level in "ab"
    ]
    found = condition(*both)
    assert found.check.ok is True
    assert found.check.name == "same users"
    assert found.check.detail == "The users were alike, or do not matter."


def test_sides_that_share_less_than_half_are_not_comparable_whatever_it_makes():
    found = condition(
        ("h1", "Windows", "a", 500, 5),
        ("h1", "Windows", "b", 500, 5),
        ("h2", "Linux", "b", 400, 4),
        ("h2", "Linux", "c", 600, 6),
    )
    assert found.check.ok is False
    assert found.check.detail == "The users of Linux and Windows differ (overlap 40%)."
    assert found.need == "users drawn from one pool everywhere"


def test_half_is_enough_where_it_does_not_matter():
    half = SHARED_LEAST * 1000
    rows = [("h1", "Windows", "a", 1000, 0), ("h2", "Linux", "a", half, 0), ("h2", "Linux", "b", 1000 - half, 0)]
    assert condition(*rows).check.ok is True


@pytest.mark.parametrize(("more", "ok"), [(0.9, True), (1.1, False)])
def test_a_mix_that_alone_may_make_the_margin_is_said_in_points(more, ok):
    # A tenth more of a level whose risk is ten times what is to come of it.
    risk = 10 * more * MARGIN
    rows = [
        (host, platform, level, n, round(risk * n) if level == "b" else 0)
        for host, platform, shares in (("h1", "Windows", (60, 40)), ("h2", "Linux", (50, 50)))
        for level, n in zip("ab", (1000 * share for share in shares), strict=True)
    ]
    found = condition(*rows, factor="age_s")
    assert found.check.ok is ok
    words = (
        f"The ages of sessions of Linux and Windows differ (overlap 90%), which alone may make {10 * risk:.2f} points."
    )
    assert ok or found.check.detail == words


def own_users(*hosts):
    """Every host has users of its own."""
    return [(host, platform, f"{host}-{n}", 100, 1) for host, platform in hosts for n in range(5)]


def test_users_dealt_to_hosts_are_a_part_of_how_hosts_differ():
    four = [("w1", "Windows"), ("w2", "Windows"), ("l1", "Linux"), ("l2", "Linux")]
    assert condition(*own_users(*four)).check.ok is True
    # Where the hosts of one side share their users, those are its users and not its hosts'.
    shared = [(host, "Windows", f"w-{n}", 100, 1) for host in ("w1", "w2") for n in range(5)]
    assert condition(*shared, *own_users(*four[2:])).check.ok is False


def test_one_host_a_side_is_no_sample_of_hosts():
    assert condition(*own_users(("w1", "Windows"), ("l1", "Linux"), ("l2", "Linux"))).check.ok is False


def test_platforms_that_are_not_compared_do_not_matter():
    rows = [("h1", "Windows", "a", 90, 0), ("h2", "Linux", "b", 90, 0)]
    found = view(frame(*rows))
    assert len(conditions(found, (0, 1))) == 1
    assert conditions(found, (0,)) == ()


def test_each_factor_that_was_recorded_is_a_condition():
    rows = [("h1", "Windows", "a", 90, 0), ("h1", "Windows", "b", 90, 0), ("h2", "Linux", "a", 90, 0)]
    both = pd.concat([frame(*rows, factor=factor.name) for factor in FACTORS], ignore_index=True)
    found = conditions(view(both), (0, 1))
    assert [one.check.name for one in found] == [f"same {factor.words}" for factor in FACTORS]
    assert [one.need for one in found] == [factor.need for factor in FACTORS]
