"""What all figures of the attempts do with unknown names and with nothing to draw."""

from pathlib import Path

from analysis.reduction.overview import Overview, describe
from analysis.report import figures
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import attempts, health, write_run


def said(figure: object) -> str:
    """The text of a figure that has nothing to draw."""
    assert not figure.data  # type: ignore[attr-defined]
    return str(figure.layout.annotations[0].text).replace("<br>", " ")  # type: ignore[attr-defined]


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


def test_nothing_to_draw_says_what_is_missing(overview: Overview) -> None:
    assert "No attempt of a session" in said(figures.outcomes_over_time(overview.timeline.iloc[:0], slot_s=1))
    assert "No connect succeeded" in said(figures.phase_waterfall(overview.phases.iloc[:0]))
    assert "No connect was tried." in said(figures.where_connects_ended(overview.timeline.iloc[:0]))
    assert "no latency to show" in said(figures.latency_distribution(overview.durations.iloc[:0]))
    assert "rtt_s is null" in said(figures.timeouts_by_rtt(overview.rtt.iloc[:0]))
    assert "no health rows" in said(figures.generator_vitals(health(0)))


def test_figures_are_written_as_json(tmp_path: Path, overview: Overview) -> None:
    assert figures.outcomes_over_time(overview.timeline, slot_s=1).to_json().startswith("{")
