from pathlib import Path

import pandas as pd
import pytest

from analysis.reduction.log_bins import middle_s
from analysis.reduction.overview import Overview, describe, slot_width_s
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import START_S, attempts, write_attempts, write_run


def described(tmp_path: Path, rows: pd.DataFrame) -> Overview:
    return describe(attempts_table(open_runs([write_run(tmp_path / "run", rows)])))


def test_every_row_is_in_the_timeline_once(tmp_path: Path) -> None:
    rows = attempts(1000, timeouts=0.05)
    timeline = described(tmp_path, rows).timeline
    assert timeline["n"].sum() == 1000
    assert timeline.groupby("outcome")["n"].sum().to_dict() == rows["outcome"].value_counts().to_dict()
    assert timeline.groupby("host")["n"].sum().to_dict() == rows["host"].value_counts().to_dict()
    assert timeline["longest_s"].max() == rows["duration_s"].max()


def test_slots_are_whole_and_inside_the_run(tmp_path: Path) -> None:
    found = described(tmp_path, attempts(1000))
    assert found.slot_s == 1
    assert found.timeline["slot"].between(START_S, START_S + 89).all()
    assert (found.start, found.end) == (START_S, START_S + 89)


def test_late_starts_add_up(tmp_path: Path) -> None:
    rows = attempts(100)
    rows["started_at"] = rows["scheduled_at"] + pd.Timedelta(milliseconds=250)
    assert described(tmp_path, rows).workers["late_s"].sum() == pytest.approx(25.0)


def test_worker_counts_hold_lag_and_cpu(tmp_path: Path) -> None:
    rows = attempts(1000)
    mine = rows.index[rows["worker"] == "w1"]
    rows.loc[mine[:5], "loop_lag_s"] = 0.2
    rows.loc[mine[5:7], "loop_lag_s"] = 3.0
    rows.loc[mine[7:10], "loop_blocked_s"] = 2.5
    rows.loc[mine[10:14], "loop_lag_s"] = None
    rows.loc[mine[14:15], "outcome"] = "aborted"
    rows.loc[mine[20:29], "cpu"] = 0.99
    found = described(tmp_path, rows).workers.set_index("worker").loc["w1"]
    assert (found["lagged"], found["starved"], found["lag_null"], found["busy"]) == (7, 5, 4, 9)
    assert found["judged"] == len(mine) - 1
    assert (found["lag_max_s"], found["cpu_max"]) == (3.0, 0.99)


def test_durations_count_connects_and_exchanges_that_ran_to_their_end(tmp_path: Path) -> None:
    rows = attempts(1000, timeouts=0.1)
    rows.loc[:9, "outcome"] = "aborted"
    rows.loc[:9, "cause"] = None
    rows.loc[10:19, "kind"] = "hold"
    found = described(tmp_path, rows).durations
    assert found["n"].sum() == 980
    assert found["part"].between(0, 9).all()
    timeouts = found[found["outcome"] == "timeout"]
    assert middle_s(timeouts["bin"], 40).to_numpy() == pytest.approx(10.0, rel=0.06)


def test_rtt_and_phases_of_good_connects(tmp_path: Path) -> None:
    rows = attempts(2000, timeouts=0.1)
    found = described(tmp_path, rows)
    judged = rows["rtt_s"].notna()
    assert found.rtt["n"].sum() == judged.sum()
    assert found.rtt["timeouts"].sum() == (rows["outcome"] == "timeout").sum()
    good = rows[(rows["kind"] == "connect") & (rows["outcome"] == "ok")]
    assert found.phases["n"].sum() == len(good)
    one = found.phases.set_index(["platform", "client"]).loc[[("Linux", "websocket-client")]]
    assert one["welcome_p50_s"].item() == pytest.approx(0.17)
    assert pd.isna(one["tls_p50_s"].item())


def test_split_in_two_files_changes_nothing(tmp_path: Path) -> None:
    rows = attempts(600, timeouts=0.05)
    whole = described(tmp_path / "whole", rows)
    folder = write_run(tmp_path / "split", rows.iloc[300:])
    write_attempts(folder / "attempts" / "part-1.parquet", rows.iloc[:300])
    split = describe(attempts_table(open_runs([folder])))
    for name in ("workers", "timeline", "durations", "rtt"):
        one, two = (getattr(found, name) for found in (whole, split))
        keys = [column for column in one.columns if column not in ("late_s", "seq_sum")]
        pd.testing.assert_frame_equal(
            one[keys].sort_values(keys).reset_index(drop=True), two[keys].sort_values(keys).reset_index(drop=True)
        )


def test_no_rows_give_empty_tables(tmp_path: Path) -> None:
    found = described(tmp_path, attempts(5).iloc[:0])
    assert (found.start, found.end) == (None, None)
    assert all(getattr(found, name).empty for name in ("workers", "timeline", "durations", "rtt", "phases"))


def test_slot_width_keeps_a_figure_readable() -> None:
    assert [slot_width_s(length) for length in (0, 90, 600, 3600, 86_400, 10_000_000)] == [1, 1, 5, 30, 600, 3600]
