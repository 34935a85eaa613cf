"""Quantiles of the relay's error against sorted lists."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scenarios.relay.lateness import DelayError


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=300), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_quantile_is_the_order_statistic_or_at_most_two_percent_above(errors: list[float], share: float) -> None:
    histogram = DelayError()
    for error in errors:
        histogram.add(error)
    rank = next(k for k in range(1, len(errors) + 1) if k >= share * len(errors) * (1 - 1e-12))
    exact = sorted(errors)[rank - 1]
    answer = histogram.quantile_s(share)
    assert answer is not None
    assert exact - 1e-12 <= answer <= max(1e-6, exact * 1.0201)


def test_without_chunks_there_is_no_error_to_tell() -> None:
    assert DelayError().quantile_s(0.99) is None
    assert DelayError().largest_s is None


def test_early_counts_as_exact() -> None:
    histogram = DelayError()
    histogram.add(-0.5)
    assert (histogram.quantile_s(0.5), histogram.largest_s) == (0.0, 0.0)
