"""The meter against a slow oracle that looks at every delay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.machine.lag import BLOCKED_FLOOR_S, LagMeter

INTERVAL_S = 0.010

# Most gaps are near the interval, some are long blocks, some come early.
gaps = st.lists(
    st.one_of(
        st.floats(0.005, 0.030),
        st.floats(0.0, 3.0),
        st.sampled_from([INTERVAL_S, INTERVAL_S + BLOCKED_FLOOR_S, 1.0]),
    ),
    min_size=0,
    max_size=80,
)


def spans(ticks: list[float], now: float) -> list[tuple[float, float]]:
    """Every span from a due time until its tick came, or until `now` for the one that is overdue."""
    due = [t + INTERVAL_S for t in ticks]
    came = [*ticks[1:], now]
    return [(d, c) for d, c in zip(due, came, strict=True) if c > d]


def oracle(ticks: list[float], start: float, now: float) -> tuple[float, float]:
    parts = [(d, c, max(0.0, c - max(d, start))) for d, c in spans(ticks, now)]
    return (
        max((part for _, _, part in parts), default=0.0),
        sum(part for d, c, part in parts if c - d > BLOCKED_FLOOR_S),
    )


def ticked(gaps_s: list[float], **options: int) -> tuple[LagMeter, list[float]]:
    meter = LagMeter(INTERVAL_S, **options)
    times = [100.0]
    for gap in gaps_s:
        times.append(times[-1] + gap)
    for time in times:
        meter.tick(time)
    return meter, times


@given(gaps, st.floats(-1.0, 90.0), st.floats(0.0, 2.0))
def test_every_window_answers_as_the_oracle_does(gaps_s: list[float], back_s: float, after_s: float) -> None:
    meter, times = ticked(gaps_s)
    now = times[-1] + after_s
    start = min(now, now - back_s)
    lag_s, blocked_s = meter.lag_between(start, now)
    assert lag_s is not None and blocked_s is not None
    assert (lag_s, blocked_s) == pytest.approx(oracle(times, start, now), abs=1e-9)


@given(st.lists(st.floats(0.0, 3.0), min_size=10, max_size=200), st.floats(0.0, 400.0))
def test_a_bounded_meter_never_answers_less_than_the_truth(gaps_s: list[float], back_s: float) -> None:
    # Falling gaps are the worst case of a monotonic stack: nothing is ever dropped.
    meter, times = ticked(sorted(gaps_s, reverse=True), max_entries=8)
    now = times[-1]
    start = now - back_s
    lag_s, blocked_s = meter.lag_between(start, now)
    true_lag, true_blocked = oracle(times, start, now)
    assert lag_s is not None and blocked_s is not None
    assert lag_s >= true_lag - 1e-9
    assert blocked_s >= true_blocked - 1e-9
    assert lag_s <= max(gaps_s)
    assert blocked_s <= sum(gaps_s) + 1e-9


@settings(max_examples=20)
@given(st.integers(4, 64))
def test_memory_is_bounded_however_the_loop_behaves(bound: int) -> None:
    meter, _ = ticked([10.0 - 0.001 * n for n in range(3000)], max_entries=bound)
    peaks = {len(meter._peak_due), len(meter._peak_end), len(meter._peak_delay)}
    long = {len(meter._long_due), len(meter._long_end), len(meter._long_total)}
    assert max(peaks | long) <= bound
    assert len(peaks) == len(long) == 1


def test_before_the_first_tick_nothing_is_measured() -> None:
    assert LagMeter(INTERVAL_S).lag_between(0.0, 5.0) == (None, None)


def test_a_delay_that_is_still_running_counts_with_what_it_has_reached() -> None:
    meter, _ = ticked([])
    assert meter.lag_between(100.0, 102.01) == pytest.approx((2.0, 2.0))


def test_an_attempt_that_starts_during_a_block_suffers_only_the_rest_of_it() -> None:
    meter, times = ticked([1.01])
    assert meter.lag_between(times[-1] - 0.2, times[-1]) == pytest.approx((0.2, 0.2))


def test_many_short_delays_add_up_while_the_largest_stays_short() -> None:
    meter, times = ticked([0.07] * 100)
    assert meter.lag_between(times[0], times[-1]) == pytest.approx((0.06, 6.0))


def test_delays_up_to_the_floor_are_not_blocking() -> None:
    meter, times = ticked([0.059] * 100)
    assert meter.lag_between(times[0], times[-1]) == pytest.approx((0.049, 0.0))


def test_a_meter_without_an_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="interval is above 0"):
        LagMeter(0.0)
