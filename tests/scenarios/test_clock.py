from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.clock import Clock


@given(st.integers(0, 10**10))
def test_moments_go_there_and_back(offset_us: int) -> None:
    clock = Clock(1_764_000_000_000_000, 5000.0)
    moment = clock.wall_us + offset_us
    assert clock.micros(clock.monotonic(moment)) == pytest.approx(moment, abs=1)


def test_an_anchor_is_now() -> None:
    before = time.time_ns() // 1000
    clock = Clock.now()
    assert before <= clock.wall_us <= time.time_ns() // 1000
