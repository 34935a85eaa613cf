"""Arrival plans in virtual time: nothing that was meant to start goes uncounted."""

from __future__ import annotations

import random
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.experiment.arrivals import OpenArrivals, Pacing, constant_starts, poisson_starts


def test_constant_starts_do_not_drift() -> None:
    starts = list(islice(constant_starts(3.0, start=10.0), 3001))
    assert starts[0] == 10.0
    assert starts[3000] == pytest.approx(1010.0, abs=1e-9)


def test_poisson_gaps_have_the_rates_mean_and_an_exponentials_spread() -> None:
    starts = list(islice(poisson_starts(5.0, start=0.0, rng=random.Random(1)), 20_000))
    gaps = [b - a for a, b in pairwise(starts)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((g - mean) ** 2 for g in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.2, rel=0.03)
    assert spread == pytest.approx(0.2, rel=0.03)


def test_the_same_seed_gives_the_same_arrivals() -> None:
    one = list(islice(poisson_starts(5.0, start=0.0, rng=random.Random(4)), 100))
    assert one == list(islice(poisson_starts(5.0, start=0.0, rng=random.Random(4)), 100))


@given(
    st.floats(0.1, 50.0),
    st.floats(0.0, 5.0),
    st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(0, 4)), max_size=60),
    st.integers(0, 1000),
)
def test_planned_is_started_plus_skipped(
    rate: float, max_late_s: float, polls: list[tuple[float, int]], seed: int
) -> None:
    arrivals = OpenArrivals(poisson_starts(rate, start=0.0, rng=random.Random(seed)), max_late_s=max_late_s)
    now = 0.0
    starts: list[float] = []
    for gap, free in polls:
        now += gap
        given_out = arrivals.due(now, free=free)
        assert len(given_out) <= free
        assert all(now - max_late_s <= at <= now for at in given_out)
        starts += given_out
    arrivals.finish(now)
    assert starts == sorted(starts)
    assert arrivals.started == len(starts)
    assert arrivals.planned == arrivals.started + arrivals.skipped
    truth = list(islice(poisson_starts(rate, start=0.0, rng=random.Random(seed)), arrivals.planned + 1))
    assert all(at <= now for at in truth[:-1])
    assert truth[-1] == arrivals.next_at() > now


def test_a_start_nobody_is_free_for_waits_and_keeps_its_time() -> None:
    arrivals = OpenArrivals(constant_starts(1.0, start=0.0), max_late_s=5.0)
    assert arrivals.due(0.0, free=0) == []
    assert arrivals.due(2.5, free=2) == [0.0, 1.0]
    assert arrivals.due(2.5, free=2) == [2.0]


def test_a_start_that_waited_too_long_is_skipped() -> None:
    arrivals = OpenArrivals(constant_starts(1.0, start=0.0), max_late_s=1.5)
    assert arrivals.due(3.0, free=9) == [2.0, 3.0]
    assert arrivals.skipped == 2


def test_a_user_in_time_keeps_its_grid() -> None:
    pacing = Pacing(1.0, start=10.0)
    assert pacing.next_start(10.0) == (10.0, 0)
    assert pacing.next_start(10.3) == (11.0, 0)
    assert pacing.next_start(11.9) == (12.0, 0)


def test_a_user_that_overran_skips_the_slots_it_missed() -> None:
    pacing = Pacing(1.0, start=0.0)
    pacing.next_start(0.0)
    # Free at 4.5: the slots 1, 2 and 3 are gone, the one of 4 starts late.
    assert pacing.next_start(4.5) == (4.0, 3)
    assert pacing.next_start(4.6) == (5.0, 0)


def test_without_a_period_a_user_starts_when_it_is_free() -> None:
    pacing = Pacing(0.0, start=5.0)
    assert pacing.next_start(4.0) == (5.0, 0)
    assert pacing.next_start(6.0) == (6.0, 0)
