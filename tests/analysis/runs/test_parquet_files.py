"""Files that cannot be read as the contract's tables are named, with the reason."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.runs.dataset import attempts_table, open_runs
from analysis.runs.parquet_files import DatasetError
from attempts.checksums import list_files
from tests.analysis.run_folders import attempts, health, manifest, write_attempts, write_run


def test_truncated_file_is_a_problem_that_names_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(50))
    whole = (folder / "attempts" / "part-0.parquet").read_bytes()
    (folder / "attempts" / "part-1.parquet").write_bytes(whole[: len(whole) // 2])
    list_files(folder / "attempts")
    dataset = open_runs([folder])
    assert dataset.rows == 50
    assert len(dataset.problems) == 1
    assert "part-1.parquet" in dataset.problems[0]


def test_foreign_parquet_is_a_problem_and_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(50))
    pd.DataFrame({"x": [1]}).to_parquet(folder / "attempts" / "other.parquet")
    list_files(folder / "attempts")
    dataset = open_runs([folder])
    assert dataset.rows == 50
    assert "other.parquet is no attempts table (no column run_id" in dataset.problems[0]


def test_column_of_another_type_makes_a_file_foreign(tmp_path: Path) -> None:
    rows = attempts(5)
    folder = tmp_path / "run"
    (folder / "attempts").mkdir(parents=True)
    rows.assign(duration_s="long").to_parquet(folder / "attempts" / "part-0.parquet")
    dataset = open_runs([folder])
    assert "column duration_s is" in dataset.problems[0]
    assert dataset.files == ()


def test_schema_of_the_future_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(5), version=2)
    with pytest.raises(DatasetError, match="schema_version 2"):
        open_runs([folder])


def test_unknown_columns_are_said_and_not_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(5).assign(mood="fine"))
    dataset = open_runs([folder])
    assert any("mood" in note for note in dataset.notes)
    assert dataset.rows == 5
    assert not dataset.problems


def test_missing_optional_columns_are_said_and_null(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(5).drop(columns=["rtt_s", "loop_lag_s"]))
    write_attempts(folder / "attempts" / "part-1.parquet", attempts(5))
    dataset = open_runs([folder])
    assert any("rtt_s" in note and "not measured" in note for note in dataset.notes)
    assert attempts_table(dataset).rtt_s.isnull().sum().to_pyarrow().as_py() == 5


def test_missing_version_is_said(tmp_path: Path) -> None:
    dataset = open_runs([write_run(tmp_path / "run", attempts(5), version=None)])
    assert any("does not say its schema_version" in note for note in dataset.notes)


def test_unreadable_health_is_a_note_only(tmp_path: Path) -> None:
    rows = attempts(5)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health(5))
    (folder / "health" / "part-1.parquet").write_bytes(b"PAR1 no")
    list_files(folder / "health")
    dataset = open_runs([folder])
    assert not dataset.problems
    assert any("health/part-1.parquet" in note for note in dataset.notes)
