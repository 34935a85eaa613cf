import math
from pathlib import Path

import pytest

from analysis.verdict.service_levels import Levels, fewest_attempts, judge
from tests.analysis.run_folders import attempts, put
from tests.analysis.verdict.judged_runs import check, judged, overview_of


def test_healthy_run_meets_every_level(tmp_path: Path) -> None:
    slo = judged(tmp_path, attempts(2000))
    assert slo.state == "met"
    assert {c.name: c.state for c in slo.checks} == dict.fromkeys(
        (
            *("success_ratio", "success_ratio_connect", "success_ratio_exchange"),
            *("max_duration_s", "timeouts", "stability", "stability_latency"),
        ),
        "met",
    )
    success = check(slo, "success_ratio")
    assert success.value == 1.0
    assert success.high == 1.0
    assert success.low is not None and 0.9 < success.low < 1.0


def test_single_timeout_breaches_the_timeouts_level(tmp_path: Path) -> None:
    rows = attempts(2000)
    put(rows, 7, outcome="timeout", cause="silent_peer", duration_s=10.0)
    slo = judged(tmp_path, rows)
    assert slo.state == "breached"
    assert check(slo, "timeouts").value == 1
    assert check(slo, "success_ratio").state == "met"
    assert judged(tmp_path / "allowed", rows, Levels(timeouts=1)).state == "met"


def test_timeout_has_no_upper_bound_of_its_duration(tmp_path: Path) -> None:
    slo = judged(tmp_path, attempts(2000, timeouts=0.01))
    longest = check(slo, "max_duration_s")
    assert (longest.value, longest.low, longest.high) == (10.0, 10.0, None)


def test_attempt_over_the_limit_breaches(tmp_path: Path) -> None:
    rows = attempts(2000)
    rows.loc[3, "duration_s"] = 30.5
    slo = judged(tmp_path, rows)
    assert check(slo, "max_duration_s").state == "breached"
    assert slo.state == "breached"


def test_interval_across_the_limit_is_said_but_the_count_decides(tmp_path: Path) -> None:
    slo = judged(tmp_path, attempts(900, timeouts=0.04), Levels(timeouts=10_000))
    success = check(slo, "success_ratio")
    assert success.state == "met"
    assert success.low is not None and success.low < 0.95
    assert "narrow" in success.why


def test_too_few_attempts_are_void_even_when_all_succeed(tmp_path: Path) -> None:
    assert fewest_attempts(0.95) == 59
    assert judged(tmp_path / "few", attempts(58)).state == "void"
    assert check(judged(tmp_path / "enough", attempts(59)), "success_ratio").state == "met"


def test_few_attempts_that_all_fail_are_breached(tmp_path: Path) -> None:
    rows = attempts(12, hosts=6, timeouts=1.0, length_s=600)
    assert check(judged(tmp_path, rows), "success_ratio").state == "breached"


def test_one_row_is_void(tmp_path: Path) -> None:
    slo = judged(tmp_path, attempts(1))
    assert slo.state == "void"
    assert check(slo, "timeouts").state == "met"


def test_no_rows_are_void(tmp_path: Path) -> None:
    slo = judged(tmp_path, attempts(5).iloc[:0])
    assert slo.state == "void"
    assert all(c.state == "void" and c.value is None for c in slo.checks)


def test_probes_and_aborted_attempts_never_count(tmp_path: Path) -> None:
    rows = attempts(2000)
    put(rows, slice(99), outcome="timeout", cause="silent_peer", kind="probe", duration_s=10.0)
    put(rows, slice(100, 199), outcome="aborted", duration_s=29.0)
    slo = judged(tmp_path, rows)
    assert slo.state == "met"
    assert check(slo, "success_ratio").n == 1800


def test_planned_hold_may_be_long_and_a_cut_one_is_a_failure(tmp_path: Path) -> None:
    rows = attempts(2000)
    put(rows, 0, kind="hold", operation="hold", phase="hold", duration_s=80.0)
    assert judged(tmp_path / "planned", rows).state == "met"
    put(rows, 0, outcome="failed", cause="server_closed")
    success = check(judged(tmp_path / "cut", rows), "success_ratio")
    assert success.value == pytest.approx(1999 / 2000)


def test_refusal_that_the_auth_probe_asked_for_is_a_pass(tmp_path: Path) -> None:
    rows = attempts(2000)
    refused = rows.index[rows["kind"] == "connect"][:200]
    put(rows, refused, scenario="auth_probe", outcome="failed", cause="auth_rejected")
    assert check(judged(tmp_path / "probe", rows), "success_ratio").value == 1.0
    rows.loc[refused, "scenario"] = "steady"
    connects = int((rows["kind"] == "connect").sum())
    assert check(judged(tmp_path / "users", rows), "success_ratio").value == pytest.approx(1 - 200 / connects)


def test_connects_are_not_outvoted_by_a_hundred_times_as_many_pings(tmp_path: Path) -> None:
    rows = attempts(6000)
    rows["kind"] = rows["operation"] = "exchange"
    rows.loc[rows.index[:300], ["kind", "operation"]] = "connect"
    put(rows, rows.index[:300:4], outcome="failed", cause="http_status", http_status=502)
    slo = judged(tmp_path, rows)
    assert slo.state == "breached"
    assert check(slo, "success_ratio").value == pytest.approx(0.75)
    assert "Only 225 of 300 connects succeeded" in check(slo, "success_ratio").why
    assert check(slo, "success_ratio_exchange").state == "met"


def test_sessions_that_were_open_at_the_runs_end_were_held_as_long_as_could_be_asked(tmp_path: Path) -> None:
    rows = attempts(2000)
    holds = rows.index[:100]
    put(rows, holds, kind="hold", operation="hold", phase="hold", outcome="aborted", duration_s=60.0)
    put(rows, holds[:3], outcome="failed", cause="server_closed")
    slo = judged(tmp_path, rows)
    assert check(slo, "success_ratio_hold").value == pytest.approx(0.97)
    assert slo.state == "met"


def test_a_few_connects_that_cannot_tell_count_with_all_the_others(tmp_path: Path) -> None:
    rows = attempts(3000)
    rows["kind"] = rows["operation"] = "exchange"
    rows.loc[rows.index[:20], ["kind", "operation"]] = "connect"
    put(rows, rows.index[:2], outcome="failed", cause="server_error")
    slo = judged(tmp_path, rows)
    assert slo.state == "met"
    assert [c.name for c in slo.checks if c.name.startswith("success_ratio_")] == ["success_ratio_exchange"]


def test_intervals_hold_their_value(tmp_path: Path) -> None:
    for index, share in enumerate((0.0, 0.01, 0.3, 1.0)):
        slo = judged(tmp_path / str(index), attempts(1500, timeouts=share))
        for found in slo.checks:
            assert found.value is not None
            low = -math.inf if found.low is None else found.low
            high = math.inf if found.high is None else found.high
            assert low <= found.value <= high, found


def test_void_reason_voids_every_check_and_keeps_the_numbers(tmp_path: Path) -> None:
    overview = overview_of(tmp_path, attempts(2000))
    slo = judge(overview, Levels(), void_because=("Rows are missing.",))
    assert slo.state == "void"
    assert slo.why == "Rows are missing."
    assert {c.state for c in slo.checks} == {"void"}
    assert check(slo, "success_ratio").value == 1.0
