from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.reduction.overview import describe
from analysis.runs.accounting import audit_rows, audit_run, audit_times
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import attempts, manifest, put, write_run, written_now


def problems_of(tmp_path: Path, rows: pd.DataFrame, run_json: dict[str, Any]) -> tuple[str, ...]:
    return audit_run(open_runs([write_run(tmp_path / "run", rows, run_json=run_json)]).runs[0]).problems


def row_problems(tmp_path: Path, rows: pd.DataFrame) -> tuple[str, ...]:
    dataset = open_runs([write_run(tmp_path / "run", rows)])
    return audit_rows(describe(attempts_table(dataset)).workers).problems


def test_balanced_run_has_no_problem(tmp_path: Path) -> None:
    rows = attempts(200, timeouts=0.1)
    assert problems_of(tmp_path, rows, manifest(rows)) == ()
    assert row_problems(tmp_path / "rows", rows) == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"started": 190}, "200 planned, but 190 started + 0 skipped"),
        ({"ok": 0}, "200 started, but 0 ok"),
        ({"rows_written": 203}, "203 rows_written, but 200 rows_stored"),
        ({"rows_stored": 201, "rows_written": 201}, "201 rows were stored, but 200 are in attempts/"),
        ({"balanced": False}, "says of itself"),
    ],
)
def test_sum_that_does_not_hold_is_a_problem(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    rows = attempts(200)
    whole = manifest(rows)
    found = problems_of(tmp_path, rows, whole | {"accounting": whole["accounting"] | changed})
    assert any(said in problem for problem in found)


def test_sum_that_cannot_be_formed_is_a_note(tmp_path: Path) -> None:
    rows = attempts(20)
    whole = manifest(rows)
    accounting = whole["accounting"] | {"planned": None}
    run = open_runs([write_run(tmp_path / "run", rows, run_json=whole | {"accounting": accounting})]).runs[0]
    audit = audit_run(run)
    assert audit.problems == ()
    assert any("planned = started + skipped" in note for note in audit.notes)


def test_what_the_run_itself_found_wrong_is_a_problem(tmp_path: Path) -> None:
    rows = attempts(20)
    assert "A listener crashed." in problems_of(tmp_path, rows, manifest(rows, problems=["A listener crashed."]))[0]


def test_crash_and_lost_worker_are_problems(tmp_path: Path) -> None:
    rows = attempts(20)
    workers = [{"worker": "w0", "lost": True}, {"worker": "w1", "lost": False}]
    found = problems_of(tmp_path, rows, manifest(rows, ended="crash", workers=workers))
    assert any("crashed" in problem for problem in found)
    assert any("1 workers were lost (w0)" in problem for problem in found)


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        ("2026-11-28T12:00:00Z", "was ended early (signal)"),
        (None, "had no planned end, and was ended by hand (signal)"),
    ],
)
def test_an_end_by_hand_is_a_note_and_early_only_where_another_was_planned(
    tmp_path: Path, planned: str | None, words: str
) -> None:
    rows = attempts(20)
    said = manifest(rows, ended="signal") | {"planned_end_at": planned}
    audit = audit_run(open_runs([write_run(tmp_path / "run", rows, run_json=said)]).runs[0])
    assert audit.problems == ()
    assert any(words in note for note in audit.notes)


def test_running_run_need_not_balance_yet(tmp_path: Path) -> None:
    rows = attempts(20)
    whole = manifest(rows, ended="running")
    accounting = whole["accounting"] | {"rows_written": 500}
    folder = write_run(tmp_path / "run", rows, run_json=whole | {"accounting": accounting})
    with written_now(folder):
        assert audit_run(open_runs([folder]).runs[0]).problems == ()


def test_gap_in_seq_is_a_missing_row(tmp_path: Path) -> None:
    rows = attempts(200)
    inside = rows[(rows["worker"] == "w0") & (rows["seq"] == 3)].index
    assert "1 rows are missing" in row_problems(tmp_path, rows.drop(inside))[0]


def test_row_that_is_there_twice_is_seen(tmp_path: Path) -> None:
    rows = attempts(200)
    assert "1 rows are there more than once" in row_problems(tmp_path, pd.concat([rows, rows.iloc[:1]]))[0]


def test_gap_that_a_double_fills_is_seen(tmp_path: Path) -> None:
    rows = attempts(200)
    mine = rows[rows["worker"] == "w0"].sort_values("seq")
    swapped = pd.concat([rows.drop(mine.index[3]), rows.loc[[mine.index[5]]]])
    assert "as many doubles as gaps" in row_problems(tmp_path, swapped)[0]


def test_rows_that_break_the_contract_are_counted(tmp_path: Path) -> None:
    rows = attempts(200)
    rows.loc[0, "outcome"] = "maybe"
    rows.loc[1, "duration_s"] = -1.0
    rows.loc[2, ["outcome", "cause"]] = ["failed", None]
    assert "3 rows break the attempt contract" in row_problems(tmp_path, rows)[0]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((name, None) for name in ("run_id", "worker", "connection", "kind", "operation", "client", "platform")),
        *((name, None) for name in ("host", "scheduled_at", "outcome", "delay_s", "duration_s", "budget_s")),
        ("delay_s", -0.1),
        ("duration_s", 1e300),
        ("budget_s", 0.0),
        ("budget_s", np.inf),
    ],
)
def test_row_that_no_claim_can_use_breaks_the_contract(tmp_path: Path, column: str, value: object) -> None:
    rows = attempts(200)
    rows[column] = rows[column].astype("Int64" if column == "connection" else rows[column].dtype)
    put(rows, [3, 150], **{column: value})
    found = [problem for problem in row_problems(tmp_path, rows) if "break the attempt contract" in problem]
    assert [problem.split(": ")[1].split()[0] for problem in found] == ["2"]


@pytest.mark.parametrize("column", ["run_id", "host", "connection"])
def test_column_without_any_value_breaks_the_contract_in_every_row(tmp_path: Path, column: str) -> None:
    rows = attempts(50)
    rows[column] = None
    assert any("50 rows break the attempt contract" in problem for problem in row_problems(tmp_path, rows))


def test_worker_that_names_its_platform_in_some_rows_only_has_no_gaps(tmp_path: Path) -> None:
    rows = attempts(200)
    rows.loc[::3, "platform"] = None
    assert not any("missing (gaps" in problem for problem in row_problems(tmp_path, rows))


@pytest.mark.parametrize("moment", ["0001-01-01", "2026-09-17", "9999-12-31"])
def test_rows_scheduled_outside_of_their_run_are_a_problem(tmp_path: Path, moment: str) -> None:
    rows = attempts(200)
    rows["scheduled_at"] = rows["scheduled_at"].astype("datetime64[us, UTC]")
    start, end = rows["scheduled_at"].min(), rows["scheduled_at"].max()
    rows.loc[7, "scheduled_at"] = pd.Timestamp(moment, tz="UTC").as_unit("us")
    run_json = manifest(rows, started_at=start.isoformat(), ended_at=end.isoformat())
    dataset = open_runs([write_run(tmp_path / "run", rows, run_json=run_json)])
    timeline = describe(attempts_table(dataset)).timeline
    assert "1 rows are scheduled more than a day before or after" in audit_times(dataset.runs[0], timeline).problems[0]


@pytest.mark.parametrize("known", [{}, {"started_at": "soon", "ended_at": 5}, {"started_at": "2026-09-20T13:00:00"}])
def test_rows_within_what_is_known_of_their_run_are_no_problem(tmp_path: Path, known: dict[str, Any]) -> None:
    rows = attempts(200)
    dataset = open_runs([write_run(tmp_path / "run", rows, run_json=manifest(rows, **known))])
    assert audit_times(dataset.runs[0], describe(attempts_table(dataset)).timeline).problems == ()


def test_rows_without_seq_are_a_note(tmp_path: Path) -> None:
    dataset = open_runs([write_run(tmp_path / "run", attempts(50).drop(columns=["seq"]))])
    audit = audit_rows(describe(attempts_table(dataset)).workers)
    assert audit.problems == ()
    assert "50 rows have no number" in audit.notes[0]


def test_messages_that_nobody_could_read_between_requests_are_a_note(tmp_path: Path) -> None:
    rows = attempts(50).assign(malformed_frames=None)
    put(rows, [3, 30], malformed_frames=7)
    audit = audit_rows(describe(attempts_table(open_runs([write_run(tmp_path / "run", rows)]))).workers)
    assert audit.problems == ()
    assert [note for note in audit.notes if "14 messages came that cannot be read" in note]


def test_a_crash_whose_every_row_was_brought_afterwards_is_a_note(tmp_path: Path) -> None:
    rows = attempts(20)
    for complete in (True, False):
        run_json = manifest(rows, ended="crash", settled={"complete": complete})
        audit = audit_run(open_runs([write_run(tmp_path / str(complete), rows, run_json=run_json)]).runs[0])
        assert bool(audit.problems) is not complete
        assert any("none is missing" in note for note in audit.notes) is complete


def test_a_master_that_was_away_is_a_note_with_the_time(tmp_path: Path) -> None:
    rows = attempts(20)
    run_json = manifest(rows, resumed=[{"at": "2026-11-30T01:00:00Z", "gap_s": 41.4}, {"at": "then", "gap_s": None}])
    audit = audit_run(open_runs([write_run(tmp_path / "run", rows, run_json=run_json)]).runs[0])
    assert audit.problems == ()
    assert [note.partition(": ")[2] for note in audit.notes][-2:] == [
        "the run was led on by another master at 2026-11-30T01:00:00Z, after 41 s without one.",
        "the run was led on by another master at then.",
    ]
