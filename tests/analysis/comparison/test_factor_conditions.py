"""What else may differ between the sides of a comparison, column by column."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.comparison.factor_conditions import (
    LEAST_ATTEMPTS,
    Counts,
    of_clients,
    of_delays,
    of_instances,
    of_platforms,
    shared_and_bias,
    shared_by_chance,
)
from analysis.comparison.rule import Condition
from analysis.comparison.shared_conditions import SHARED_LEAST
from analysis.comparison.view import View, view_of
from analysis.model import Check, Criteria
from analysis.reduction.factors import FACTORS
from attempts.schema import COLUMNS
from tests.analysis.tables_by_hand import sketched

MARGIN = Criteria().margin
# Host, platform, level, attempts and failures.
Row = tuple[str, str, str, float, float]


def side(*hosts: Sequence[tuple[float, float]], connections: list[list[int]] | None = None) -> Counts:
    """Attempts and failures of each level, host by host."""
    n, bad = (np.array([[level[i] for level in host] for host in hosts], dtype=float) for i in (0, 1))
    return Counts(n, bad, np.zeros_like(n) if connections is None else np.array(connections, dtype=float))


def as_wholes(one: Counts, two: Counts) -> tuple[float, float]:
    return shared_and_bias(one, two, within_hosts=False)


def frame(*rows: Row, factor: str = "subject", **given: Any) -> pd.DataFrame:
    """Each row (host, platform, level, n, bad), with what is given or `None`s of the sides."""
    sides = {"client": "a", "event_loop": "x", "delay_us": 0, "server_instance": None, "connections": 0}
    plain = pd.DataFrame(rows, columns=["host", "platform", "level", "n", "bad"])
    return plain.assign(**{**sides, **given}, factor=factor)


def joined(*frames: pd.DataFrame) -> pd.DataFrame:
    python = frame(("h1", "Windows", "3.12.1", 9, 0), ("h2", "Linux", "3.12.1", 9, 0), factor="python")
    return pd.concat([*frames, python], ignore_index=True)


def view(*frames: pd.DataFrame) -> View:
    return view_of(replace(sketched(1), factors=joined(*frames)), Criteria())


def conditions(found: View, platforms: tuple[int, ...] = (0, 1)) -> tuple[Condition, ...]:
    return of_platforms(found, platforms)


def condition(*rows: Row, factor: str = "subject") -> Condition:
    (found,) = conditions(view(frame(*rows, factor=factor)))
    return found


def test_sides_that_are_alike_share_all_and_make_no_difference() -> None:
    one = side([(100, 10), (300, 3)])
    assert as_wholes(one, Counts(*(2 * x for x in one))) == (1.0, 0.0)


def test_sides_without_a_level_in_common_share_nothing() -> None:
    shared, bias = as_wholes(side([(100, 10), (0, 0)]), side([(0, 0), (100, 0)]))
    assert shared == 0.0
    # By the risks of the one side, what it does not have has its mean, and the other way round: no difference is known.
    assert bias == 0.0


LEVELS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 100)),
    min_size=2,
    max_size=6,
)


def of_levels(levels: list[tuple[int, int, int]]) -> Iterator[Counts]:
    """Two sides that have other shares of levels, and the same risk (in percent) in each."""
    return (side([(100 * one[s], one[s] * one[2]) for one in levels]) for s in (0, 1))


@settings(deadline=None)
@given(LEVELS)
def test_where_levels_alone_matter_the_bias_is_the_whole_difference(levels: list[tuple[int, int, int]]) -> None:
    one, two = of_levels(levels)
    difference = one.bad.sum() / one.n.sum() - two.bad.sum() / two.n.sum()
    shared, bias = as_wholes(one, two)
    assert bias == pytest.approx(abs(difference), abs=1e-12)
    assert 0.0 <= shared <= 1.0
    assert as_wholes(two, one) == pytest.approx((shared, bias))
    # One host is one whole.
    assert shared_and_bias(one, two, within_hosts=True) == pytest.approx((shared, bias))


@settings(deadline=None)
@given(LEVELS)
def test_what_the_sides_do_not_share_bounds_what_their_mix_can_make(levels: list[tuple[int, int, int]]) -> None:
    shared, bias = as_wholes(*of_levels(levels))
    risks = [level[2] / 100 for level in levels]
    assert bias <= (1 - shared) * (max(risks) - min(risks)) + 1e-12


def test_the_side_by_whose_risks_the_mix_matters_more_counts() -> None:
    flat, steep = side([(100, 5), (900, 45)]), side([(900, 90), (100, 0)])
    assert as_wholes(flat, steep)[1] == pytest.approx(0.8 * 0.1)
    assert as_wholes(steep, flat)[1] == pytest.approx(0.8 * 0.1)


def test_a_level_with_few_attempts_has_the_risk_of_its_side() -> None:
    few = LEAST_ATTEMPTS - 1
    other = side([(1000, 0), (0, 0)])
    assert as_wholes(side([(few, 0), (few, few)]), other)[1] == 0.0
    enough = LEAST_ATTEMPTS
    assert as_wholes(side([(enough, 0), (enough, enough)]), other)[1] == pytest.approx(0.5)


def test_within_hosts_what_a_host_always_is_does_not_count() -> None:
    # Each host has users of its own, and its clients share them; one host runs more of the one client.
    one = side([(900, 9), (0, 0)], [(0, 0), (100, 9)])
    two = side([(300, 3), (0, 0)], [(0, 0), (700, 63)])
    assert as_wholes(one, two)[0] == pytest.approx(0.4)
    assert shared_and_bias(one, two, within_hosts=True) == pytest.approx((1.0, 0.0))


def test_within_hosts_the_hosts_that_tell_more_count_more() -> None:
    # A level that the sides share on the first host and not on the second, whose one side did next to nothing.
    one = side([(500, 0), (0, 0)], [(2, 0), (0, 0)])
    two = side([(500, 0), (0, 0)], [(0, 0), (900, 0)])
    assert shared_and_bias(one, two, within_hosts=True)[0] == pytest.approx(250 / (250 + 2 * 900 / 902))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_what_chance_would_share_is_what_dealing_at_random_shares_on_average(levels: int, each: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    level = np.repeat(np.arange(levels), each)
    found, sizes = [], []
    for _ in range(300):
        is_one = rng.random(len(level)) < 0.5
        if not 0 < is_one.sum() < len(level):
            continue
        counts = [np.bincount(level[mine], minlength=levels).astype(float) for mine in (is_one, ~is_one)]
        found.append(np.minimum(*(count / count.sum() for count in counts)).sum())
        sides = (Counts(count[None], count[None], count[None]) for count in counts)
        sizes.append(shared_by_chance(*sides))
    assert not found or np.mean(sizes) == pytest.approx(np.mean(found), abs=0.05)


def test_levels_of_one_connection_each_cannot_be_shared_and_those_of_many_must_be() -> None:
    def dealt(each: int) -> Counts:
        counts = np.full((1, 50), float(each))
        return Counts(counts, counts, counts)

    assert shared_by_chance(dealt(5000), dealt(5000)) == pytest.approx(1.0)
    lonely = np.zeros((1, 50))
    lonely[0, :25] = 1.0
    assert shared_by_chance(Counts(lonely, lonely, lonely), Counts(*[lonely[:, ::-1]] * 3)) == 0.0
    # Not counted.
    assert shared_by_chance(side([(9, 0)]), side([(9, 0)])) == 1.0


def test_every_factor_is_a_column_of_the_record_and_has_words_of_its_own() -> None:
    assert {factor.name for factor in FACTORS} <= {column.name for column in COLUMNS}
    for name in ("name", "words", "need"):
        assert len({getattr(factor, name) for factor in FACTORS}) == len(FACTORS), name


def test_what_nobody_recorded_or_never_varied_or_is_on_one_platform_only_is_no_condition() -> None:
    asked = (0, 1)
    assert conditions(view(), asked) == ()
    assert conditions(view(frame(("h1", "Windows", "a", 90, 0), ("h2", "Linux", "a", 90, 0))), asked) == ()
    assert conditions(view(frame(("h1", "Windows", "a", 90, 0), ("h1", "Windows", "b", 90, 0))), asked) == ()


def test_levels_that_are_alike_are_said_to_be_so() -> None:
    both = [
        (host, platform, level, 500, 5) for host, platform in (("h1", "Windows"), ("h2", "Linux")) for level in "ab"
    ]
    found = condition(*both)
    assert found.check.ok is True
    assert found.check.name == "same users"
    assert found.check.detail == "The users were alike, or do not matter."


def test_sides_that_share_less_than_half_are_not_comparable_whatever_it_makes() -> None:
    found = condition(
        ("h1", "Windows", "a", 500, 5),
        ("h1", "Windows", "b", 500, 5),
        ("h2", "Linux", "b", 400, 4),
        ("h2", "Linux", "c", 600, 6),
    )
    assert found.check.ok is False
    assert found.check.detail == "The users of Linux and Windows differ (overlap 40%)."
    assert found.need == "users drawn from one pool everywhere"


def test_half_is_enough_where_it_does_not_matter() -> None:
    half = SHARED_LEAST * 1000
    rows = [("h1", "Windows", "a", 1000, 0), ("h2", "Linux", "a", half, 0), ("h2", "Linux", "b", 1000 - half, 0)]
    assert condition(*rows).check.ok is True


@pytest.mark.parametrize(("more", "ok"), [(0.9, True), (1.1, False)])
def test_a_mix_that_alone_may_make_the_margin_is_said_in_points(more: float, ok: bool) -> None:
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


def own_users(*hosts: tuple[str, str]) -> list[Row]:
    """Every host has users of its own."""
    return [(host, platform, f"{host}-{n}", 100, 1) for host, platform in hosts for n in range(5)]


def test_users_dealt_to_hosts_are_a_part_of_how_hosts_differ() -> None:
    four = [("w1", "Windows"), ("w2", "Windows"), ("l1", "Linux"), ("l2", "Linux")]
    assert condition(*own_users(*four)).check.ok is True
    # Where the hosts of one side share their users, those are its users and not its hosts'.
    shared = [(host, "Windows", f"w-{n}", 100, 1) for host in ("w1", "w2") for n in range(5)]
    assert condition(*shared, *own_users(*four[2:])).check.ok is False


def test_one_host_a_side_is_no_sample_of_hosts() -> None:
    assert condition(*own_users(("w1", "Windows"), ("l1", "Linux"), ("l2", "Linux"))).check.ok is False


def test_platforms_that_are_not_compared_do_not_matter() -> None:
    rows = [("h1", "Windows", "a", 90, 0), ("h2", "Linux", "b", 90, 0)]
    found = view(frame(*rows))
    assert len(conditions(found, (0, 1))) == 1
    assert conditions(found, (0,)) == ()


def test_each_factor_that_was_recorded_is_a_condition() -> None:
    rows = [("h1", "Windows", "a", 90, 0), ("h1", "Windows", "b", 90, 0), ("h2", "Linux", "a", 90, 0)]
    found = conditions(view(*(frame(*rows, factor=factor.name) for factor in FACTORS)))
    of_platforms_too = [factor for factor in FACTORS if "platforms" in factor.of]
    assert [one.check.name for one in found] == [f"same {factor.words}" for factor in of_platforms_too]
    assert [one.need for one in found] == [factor.need for factor in of_platforms_too]


def test_a_python_that_nobody_recorded_is_not_the_same_one() -> None:
    tables = replace(sketched(1), factors=frame())
    (found,) = of_platforms(view_of(tables, Criteria()), (0, 1))
    assert found.check.name == "same Python versions"
    assert found.check.ok is None
    # On one platform there is nothing to compare.
    assert of_platforms(view_of(tables, Criteria()), (0,)) == ()


def two_hosts(*levels: tuple[str, float, float], **given: Any) -> pd.DataFrame:
    """The levels (name, n, bad) on both hosts."""
    places = (("h1", "Windows"), ("h2", "Linux"))
    return frame(*((*place, *level) for place in places for level in levels), **given)


def found_of(conditions: Iterable[Condition]) -> dict[str, Check]:
    return {one.check.name: one.check for one in conditions}


def test_clients_that_met_other_users_on_the_same_hosts_are_not_compared() -> None:
    one = two_hosts(("u1", 500, 50), client="a", event_loop="x", connections=50)
    two = two_hosts(("u2", 500, 0), client="b", event_loop="x", connections=50)
    asked = of_clients(view(one, two), ("a/x", "b/x"))
    check = found_of(asked)["same users"]
    assert check.ok is False
    assert check.detail == "The users of a/x and the other clients differ (overlap 0%)."
    alike = two_hosts(("u1", 500, 25), ("u2", 500, 25), client="b", event_loop="x", connections=50)
    both = two_hosts(("u1", 500, 25), ("u2", 500, 25), client="a", event_loop="x", connections=50)
    assert found_of(of_clients(view(alike, both), ("a/x",)))["same users"].ok is True


def test_users_that_hardly_ever_come_twice_do_not_stand_between_clients() -> None:
    def of(client: str, first: int) -> pd.DataFrame:
        return two_hosts(*((f"u{first + k}", 10, 0) for k in range(30)), client=client, connections=1)

    assert found_of(of_clients(view(of("a", 0), of("b", 30)), ("a/x",)))["same users"].ok is True
    # As many that came three times each, and always to the one client, were not drawn by chance.
    three = [of("a", 0).assign(connections=3), of("b", 30).assign(connections=3)]
    assert found_of(of_clients(view(*three), ("a/x",)))["same users"].ok is False


def test_a_family_of_clients_is_all_its_loops() -> None:
    frames = [
        frame(("h1", "Windows", "u1", 90, 0), client="w", event_loop="asyncio-proactor", connections=9),
        frame(("h2", "Linux", "u1", 90, 0), client="w", event_loop="asyncio-selector", connections=9),
        two_hosts(("u2", 90, 9), client="other", connections=9),
    ]
    check = found_of(of_clients(view(*frames), ("w/asyncio",)))["same users"]
    assert check.detail == "The users of w/asyncio and the other clients differ (overlap 0%)."


def test_a_client_that_ran_alone_on_its_host_is_not_compared() -> None:
    frames = [frame(("h1", "Windows", "u1", 90, 0), client="a"), frame(("h2", "Linux", "u2", 90, 9), client="b")]
    assert "same users" not in found_of(of_clients(view(*frames), ("a/x",)))


def test_every_delay_is_held_against_the_lowest_one_of_its_platform() -> None:
    frames = [
        two_hosts(("u1", 500, 0), delay_us=0, connections=50),
        two_hosts(("u1", 500, 0), delay_us=100_000, connections=50),
        frame(("h1", "Windows", "u1", 500, 0), delay_us=300_000, connections=50),
        frame(("h2", "Linux", "u2", 500, 0), delay_us=300_000, connections=50),
    ]
    check = found_of(of_delays(view(*frames)))["same users"]
    assert check.ok is False
    assert check.detail == "The users of 300 ms added and 0 ms on Linux differ (overlap 0%)."
    assert "same users" not in found_of(of_delays(view(frames[0])))


def test_clients_and_delays_that_are_led_to_instances_of_their_own_are_not_compared() -> None:
    def of(i1: tuple[int, int], i2: tuple[int, int], **side: Any) -> pd.DataFrame:
        return two_hosts(("i1", *i1), ("i2", *i2), factor="server_instance", **side)

    def is_alike(conditions: Iterable[Condition]) -> bool | None:
        return found_of(conditions)["same instances of the server"].ok

    # A bad instance that one side meets three times as often as the other, and both of them often.
    apart = [((600, 30), (400, 0)), ((200, 10), (800, 0))]
    clients = [of(*levels, client=name) for name, levels in zip("ab", apart, strict=True)]
    delays = [of(*levels, delay_us=delay) for delay, levels in zip((300_000, 0), apart, strict=True)]
    assert is_alike(of_clients(view(*clients), ("a/x",))) is False
    assert is_alike(of_delays(view(*delays))) is False
    alike = [of((500, 25), (500, 0), client=name) for name in "ab"]
    assert is_alike(of_clients(view(*alike), ("a/x",))) is True


def test_instances_that_meet_users_of_their_own_are_not_compared() -> None:
    frames = [
        two_hosts((f"u{one}", 500, bad), server_instance=f"i{one}", connections=50) for one, bad in ((1, 50), (2, 0))
    ]
    nameless = two_hosts(("u3", 500, 0))
    check = found_of(of_instances(view(*frames, nameless)))["same users"]
    assert check.ok is False
    assert check.detail == "The users of i1 and the other instances differ (overlap 0%)."
    assert "same users" not in found_of(of_instances(view(nameless)))


def test_what_a_side_may_bring_about_itself_does_not_stand_between_sides() -> None:
    def of(**given: Any) -> list[pd.DataFrame]:
        frames = [
            two_hosts((f"{given}", 500, bad), **given, factor=factor.name, connections=50)
            for factor in FACTORS
            for bad in (0, 50)
        ]
        return frames

    loads = {"same loads of the machines", "same delays of the event loops"}
    caused = {*loads, "same ages of sessions", "same numbers of open connections", "same idle times"}
    caused |= {"same frames before the welcome"}
    every = {f"same {factor.words}" for factor in FACTORS}
    clients = of_clients(view(*of(client="a"), *of(client="b")), ("a/x",))
    assert set(found_of(clients)) == every - loads
    assert set(found_of(of_delays(view(*of(delay_us=0), *of(delay_us=300_000))))) == every - caused
    named = of_instances(view(*of(server_instance="i1"), *of(server_instance="i2")))
    assert set(found_of(named)) == every - caused - {"same instances of the server"}
