"""Latency: timeouts are crosses, and a band of few attempts is noise."""

from analysis.reduction.overview import Overview
from analysis.report import figures


def test_latency_ends_in_a_cross_where_attempts_timed_out(overview: Overview) -> None:
    figure = figures.latency_distribution(overview.durations)
    crosses = [trace for trace in figure.data if trace.mode == "markers"]
    assert sum(sum(trace.customdata) for trace in crosses) == overview.durations.loc[
        overview.durations["outcome"] == "timeout", "n"
    ].sum()  # fmt: skip
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert all(min(trace.y) > 0 for trace in lines)


def test_bands_of_round_trips_with_few_attempts_are_not_drawn(overview: Overview) -> None:
    figure = figures.timeouts_by_rtt(overview.rtt)
    counts = [n for trace in figure.data for _, n in trace.customdata]
    assert min(counts) >= 50
