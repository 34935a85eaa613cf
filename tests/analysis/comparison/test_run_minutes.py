"""The minutes of a run are cut into chunks, and these into strata of time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.comparison.run_minutes import RunMinutes


@given(st.sets(st.integers(0, 2000), min_size=1, max_size=300))
def test_chunks_are_contiguous_and_strata_of_time_lie_within_them(minutes: set[int]) -> None:
    clock = RunMinutes(minutes=np.array(sorted(minutes)))
    chunk = clock.chunk(clock.minutes)
    assert (np.diff(chunk) >= 0).all()
    assert chunk.min() == 0 and chunk.max() <= clock.chunks - 1
    if len(minutes) >= 4:
        assert np.bincount(chunk).min() >= 2
    for unit in (1, 2, 5, 10):
        bins = clock.bin(clock.minutes, unit)
        for one in np.unique(bins):
            assert len(np.unique(chunk[bins == one])) == 1
            assert (bins == one).sum() <= unit


def test_ninety_seconds_have_two_chunks_and_four_hours_twenty() -> None:
    assert RunMinutes(minutes=np.arange(2)).chunks == 2
    assert RunMinutes(minutes=np.arange(240)).chunks == 20
