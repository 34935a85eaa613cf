"""Failures, or durations, that grow over a run."""

from dataclasses import replace
from pathlib import Path

from analysis.verdict.slo_check import SloCheck
from tests.analysis.run_folders import attempts
from tests.analysis.verdict.judged_runs import check, judged


def test_a_mix_of_kinds_that_changes_is_no_trend(tmp_path: Path) -> None:
    """All exchanges fail from start to end, and the good connects are those of the ramp."""
    rows = attempts(3000).sort_values("scheduled_at", ignore_index=True)
    rows["kind"] = rows["operation"] = "exchange"
    rows.loc[rows.index[:300], ["kind", "operation"]] = "connect"
    rows.loc[rows.index[300:], ["outcome", "cause"]] = ["failed", "malformed"]
    assert check(judged(tmp_path, rows), "stability").state != "breached"


def test_a_trend_beyond_its_limit_that_is_not_sure_is_met_and_says_so(tmp_path: Path) -> None:
    trend = SloCheck(name="stability", value=0.013, low=-0.02, high=0.05, limit=0.01, state="met", n=9, why="So.")
    assert trend.is_beyond
    assert not replace(trend, value=0.009).is_beyond
    assert not replace(trend, name="success_ratio", value=0.97, limit=0.95).is_beyond


def test_worsening_run_breaches_stability(tmp_path: Path) -> None:
    rows = attempts(6000)
    age = (rows["scheduled_at"] - rows["scheduled_at"].min()).dt.total_seconds() / 90
    bad = (rows.index % 100) < (age * 20)
    rows.loc[bad, ["outcome", "cause"]] = ["failed", "server_error"]
    trend = check(judged(tmp_path, rows), "stability")
    assert trend.state == "breached"
    assert trend.value is not None and 0.1 < trend.value < 0.25


def test_burst_in_the_middle_is_no_trend(tmp_path: Path) -> None:
    rows = attempts(6000)
    age = (rows["scheduled_at"] - rows["scheduled_at"].min()).dt.total_seconds()
    rows.loc[age.between(50, 55), ["outcome", "cause"]] = ["failed", "server_error"]
    assert check(judged(tmp_path, rows), "stability").state == "met"


def test_run_that_slows_down_breaches_stability_of_latency(tmp_path: Path) -> None:
    rows = attempts(4000)
    age = (rows["scheduled_at"] - rows["scheduled_at"].min()).dt.total_seconds() / 90
    rows["duration_s"] *= 1 + 3 * age
    trend = check(judged(tmp_path, rows), "stability_latency")
    assert trend.state == "breached"
    assert trend.value is not None and trend.value > 1
