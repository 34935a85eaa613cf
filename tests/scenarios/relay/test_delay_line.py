"""The relay's arithmetic in virtual time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.relay.delay_line import DelayLine, LineQuality

chunks = st.lists(st.tuples(st.floats(0.0, 0.5), st.integers(0, 100_000)), min_size=1, max_size=60)
qualities = st.builds(
    LineQuality,
    jitter_s=st.floats(0.0, 0.2),
    stall_ratio=st.floats(0.0, 1.0),
    stall_s=st.floats(0.0, 1.0),
    bytes_per_s=st.none() | st.floats(1e3, 1e8),
)


def arrivals(gaps: list[tuple[float, int]]) -> list[tuple[float, int]]:
    now, out = 100.0, []
    for gap, size in gaps:
        now += gap
        out.append((now, size))
    return out


@given(chunks, st.floats(0.0, 1.0), qualities, st.integers())
def test_nothing_overtakes_and_nothing_comes_before_its_time(
    gaps: list[tuple[float, int]], delay_s: float, quality: LineQuality, seed: int
) -> None:
    line = DelayLine(delay_s, quality, random.Random(seed))
    came = arrivals(gaps)
    out = [line.release_at(at, size) for at, size in came]
    assert out == sorted(out)
    assert all(o >= at + max(0.0, delay_s - quality.jitter_s) for o, (at, _) in zip(out, came, strict=True))


@given(chunks, st.floats(0.0, 1.0))
def test_a_plain_line_adds_its_delay_and_nothing_else(gaps: list[tuple[float, int]], delay_s: float) -> None:
    line = DelayLine(delay_s, LineQuality(), random.Random(1))
    assert all(line.release_at(at, size) == at + delay_s for at, size in arrivals(gaps))


@given(chunks, st.floats(1e3, 1e6))
def test_a_narrow_line_is_a_queue_that_serves_at_its_bandwidth(gaps: list[tuple[float, int]], rate: float) -> None:
    line = DelayLine(0.1, LineQuality(bytes_per_s=rate), random.Random(1))
    free = 0.0
    for at, size in arrivals(gaps):
        free = max(free, at) + size / rate
        assert line.release_at(at, size) == pytest.approx(free + 0.1)


def test_jitter_is_even_around_the_delay_and_from_the_seed() -> None:
    def delays(seed: int) -> list[float]:
        line = DelayLine(0.1, LineQuality(jitter_s=0.02), random.Random(seed))
        return [line.release_at(float(n), 1) - n for n in range(2000)]

    drawn = delays(3)
    assert drawn == delays(3) != delays(4)
    assert min(drawn) == pytest.approx(0.08, abs=0.001)
    assert max(drawn) == pytest.approx(0.12, abs=0.001)
    assert sum(drawn) / len(drawn) == pytest.approx(0.1, abs=0.001)


def test_a_stall_holds_back_what_is_behind_it() -> None:
    line = DelayLine(0.0, LineQuality(stall_ratio=1.0, stall_s=0.2), random.Random(1))
    assert line.release_at(10.0, 1) == pytest.approx(10.2)
    calm = DelayLine(0.0, LineQuality(stall_ratio=1e-9), random.Random(1))
    assert calm.release_at(10.0, 1) == 10.0


def test_stalls_come_at_their_share() -> None:
    line = DelayLine(0.0, LineQuality(stall_ratio=0.05), random.Random(1))
    stalled = sum(line.release_at(float(n), 1) > n for n in range(10_000))
    assert 400 <= stalled <= 600
