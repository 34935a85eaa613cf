"""Outcomes over time: bars, shares, and bursts."""

import pandas as pd

from analysis.reduction.overview import Overview
from analysis.report import figures


def test_bars_by_cause_add_up_to_the_failures(overview: Overview) -> None:
    timeline = overview.timeline
    figure = figures.outcomes_over_time(timeline, slot_s=overview.slot_s)
    bars = {trace.name: sum(trace.y) for trace in figure.data if trace.type == "bar"}
    assert bars == {
        "silent_peer": timeline.loc[timeline["outcome"] == "timeout", "n"].sum(),
        "all attempts": timeline["n"].sum(),
    }


def test_neighbouring_bursts_are_one_shaded_span(overview: Overview) -> None:
    first = int(overview.timeline["slot"].min())
    bursts = [first + 10, first + 11, first + 40]
    figure = figures.outcomes_over_time(overview.timeline, slot_s=overview.slot_s, bursts=bursts)
    assert len(figure.layout.shapes) == 2


def test_run_without_failures_shows_its_attempts_only(overview: Overview) -> None:
    good = overview.timeline[overview.timeline["outcome"] == "ok"]
    figure = figures.outcomes_over_time(good, slot_s=overview.slot_s)
    assert [trace.name for trace in figure.data] == ["all attempts"]
    assert "no attempt failed" in figure.layout.xaxis.title.text


def test_slot_without_attempts_has_no_share(overview: Overview) -> None:
    timeline = overview.timeline
    gap = int(timeline["slot"].min()) + 20
    figure = figures.outcomes_over_time(timeline[timeline["slot"] != gap], slot_s=overview.slot_s)
    shares = next(trace for trace in figure.data if str(trace.name).endswith("share failed"))
    assert pd.isna(shares.y[20])


def test_row_that_is_centuries_off_is_drawn_beside_the_others_and_not_after_a_bar_for_each_hour_between(
    overview: Overview,
) -> None:
    far = overview.timeline.iloc[:1].assign(slot=253_402_297_199)
    timeline = pd.concat([overview.timeline, far], ignore_index=True)
    figure = figures.outcomes_over_time(timeline, slot_s=1)
    (every,) = [trace for trace in figure.data if trace.name == "all attempts"]
    assert len(every.x) == timeline["slot"].nunique()
    assert sum(every.y) == timeline["n"].sum()
