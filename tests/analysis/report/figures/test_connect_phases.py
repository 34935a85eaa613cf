"""Phases of connects: medians of the good ones, counts of the others."""

import pytest

from analysis.reduction.overview import Overview
from analysis.report import figures


def test_waterfall_draws_the_measured_phases(overview: Overview) -> None:
    figure = figures.phase_waterfall(overview.phases)
    assert [trace.name for trace in figure.data] == ["dns", "tcp", "upgrade", "welcome"]
    welcome = next(trace for trace in figure.data if trace.name == "welcome")
    assert list(welcome.x) == pytest.approx([170.0] * 4)


def test_connects_that_failed_are_counted_by_phase(overview: Overview) -> None:
    figure = figures.where_connects_ended(overview.timeline)
    timeline = overview.timeline
    bad = timeline[(timeline["kind"] == "connect") & (timeline["outcome"] == "timeout")]
    assert sum(sum(trace.x) for trace in figure.data) == bad["n"].sum()
