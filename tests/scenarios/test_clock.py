from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.clock import Clock, StepWatch, asleep_s


@given(st.integers(0, 10**10))
def test_moments_go_there_and_back(offset_us: int) -> None:
    clock = Clock(1_764_000_000_000_000, 5000.0)
    moment = clock.wall_us + offset_us
    assert clock.micros(clock.monotonic(moment)) == pytest.approx(moment, abs=1)


def test_an_anchor_is_now() -> None:
    before = time.time_ns() // 1000
    clock = Clock.now()
    assert before <= clock.wall_us <= time.time_ns() // 1000


def test_a_process_of_this_machine_gets_the_same_clock_in_words() -> None:
    clock = Clock.now()
    assert Clock.from_words(*clock.as_words()) == clock


def test_a_clock_that_was_set_is_noticed_once_with_its_sign() -> None:
    watch = StepWatch(1_000_000_000, 50.0)
    assert watch.step_s(1_001_000_000, 51.0) is None
    assert watch.step_s(1_072_000_000, 52.0) == pytest.approx(70.0)
    assert watch.step_s(1_073_000_000, 53.0) is None
    assert watch.step_s(1_004_000_000, 54.0) == pytest.approx(-70.0)


def test_a_clock_that_is_steered_was_not_set() -> None:
    watch = StepWatch(0, 0.0)
    seconds = range(1, 7200)
    assert not any(watch.step_s(round(s * 1_000_500), float(s)) for s in seconds)  # 500 millionths, NTP's most


def test_a_machine_that_is_awake_has_slept_no_longer_than_before() -> None:
    assert asleep_s() == pytest.approx(asleep_s(), abs=0.01)


def test_a_moment_is_a_date_in_utc() -> None:
    clock = Clock(1_764_072_000_000_000, 50.0)
    assert clock.moment(51.5).isoformat() == "2025-11-25T12:00:01.500000+00:00"
