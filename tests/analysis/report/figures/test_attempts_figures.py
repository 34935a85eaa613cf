from pathlib import Path

import pandas as pd
import pytest

from analysis.reduction.overview import Overview, describe
from analysis.report import figures
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import attempts, health, write_run


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Overview:
    folder = write_run(tmp_path_factory.mktemp("figures") / "run", attempts(2000, timeouts=0.05))
    return describe(attempts_table(open_runs([folder])))


def said(figure: object) -> str:
    """The text of a figure that has nothing to draw."""
    assert not figure.data  # type: ignore[attr-defined]
    return str(figure.layout.annotations[0].text).replace("<br>", " ")  # type: ignore[attr-defined]


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


def test_rows_without_a_client_or_platform_are_drawn_as_unknown(tmp_path: Path) -> None:
    rows = attempts(2000, timeouts=0.05)
    rows.loc[::2, ["client", "platform"]] = None
    found = describe(attempts_table(open_runs([write_run(tmp_path / "run", rows)])))
    drawn = (
        figures.outcomes_over_time(found.timeline, slot_s=found.slot_s),
        figures.phase_waterfall(found.phases),
        figures.latency_distribution(found.durations),
        figures.timeouts_by_rtt(found.rtt),
        figures.latency_overlap(found.rtt),
    )
    assert all("unknown" in figure.to_json() for figure in drawn)


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


def test_vitals_of_many_workers_show_the_worst(overview: Overview) -> None:
    few = figures.generator_vitals(health(5, workers=3))
    assert {trace.name for trace in few.data} == {"w0", "w1", "w2"}
    many = figures.generator_vitals(health(5, workers=20))
    assert {trace.name for trace in many.data} == {"worst of 20 workers"}


def test_nothing_to_draw_says_what_is_missing(overview: Overview) -> None:
    assert "No attempt was made" in said(figures.outcomes_over_time(overview.timeline.iloc[:0], slot_s=1))
    assert "No connect succeeded" in said(figures.phase_waterfall(overview.phases.iloc[:0]))
    assert "Every connect" in said(figures.where_connects_ended(overview.timeline.iloc[:0]))
    assert "no latency to show" in said(figures.latency_distribution(overview.durations.iloc[:0]))
    assert "rtt_s is null" in said(figures.timeouts_by_rtt(overview.rtt.iloc[:0]))
    assert "no health rows" in said(figures.generator_vitals(health(0)))


def test_figures_are_written_as_json(tmp_path: Path, overview: Overview) -> None:
    assert figures.outcomes_over_time(overview.timeline, slot_s=1).to_json().startswith("{")
