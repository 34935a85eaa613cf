import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.reduction.overview import describe
from analysis.runs.dataset import attempts_table, health_frame, open_runs
from analysis.runs.parquet_files import DatasetError
from attempts.locks import replacing
from tests.analysis.run_folders import START_S, attempts, health, manifest, write_run, written_now


def test_folder_with_only_attempts_opens_and_says_what_is_unknown(tmp_path: Path) -> None:
    dataset = open_runs([write_run(tmp_path / "run", attempts(50))])
    assert dataset.rows == 50
    assert not dataset.problems
    assert any("run.json" in note for note in dataset.notes)
    assert any("health" in note for note in dataset.notes)


def test_whole_run_has_neither_problems_nor_notes(tmp_path: Path) -> None:
    rows = attempts(50)
    dataset = open_runs([write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health(5))])
    assert (dataset.problems, dataset.notes) == ((), ())
    assert dataset.runs[0].run_id == "run"
    assert len(health_frame(dataset)) == 4 * 5


def test_run_json_of_the_future_is_refused(tmp_path: Path) -> None:
    rows = attempts(5)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows, schema_version=7))
    with pytest.raises(DatasetError, match="schema_version 7"):
        open_runs([folder])


def test_zero_rows_are_a_problem(tmp_path: Path) -> None:
    dataset = open_runs([write_run(tmp_path / "run", attempts(5).iloc[:0])])
    assert "no rows" in dataset.problems[0]
    assert attempts_table(dataset).count().to_pyarrow().as_py() == 0


def test_run_that_stored_nothing_is_a_problem_and_gives_an_empty_table(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(manifest(attempts(5).iloc[:0])))
    dataset = open_runs([folder])
    assert "no attempts were stored" in dataset.problems[0]
    assert attempts_table(dataset).count().to_pyarrow().as_py() == 0


def test_segments_left_in_the_spool_are_a_problem_with_the_way_out(tmp_path: Path) -> None:
    rows = attempts(5)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows))
    (folder / "spool").mkdir()
    (folder / "spool" / "w0-1.seg").write_bytes(b"x")
    assert f"python -m attempts.store {folder}" in open_runs([folder]).problems[0]


def test_segments_in_the_spool_of_a_running_run_are_no_problem(tmp_path: Path) -> None:
    rows = attempts(5)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows, ended="running"))
    (folder / "spool").mkdir()
    (folder / "spool" / "w0-1.seg").write_bytes(b"x")
    with written_now(folder):
        dataset = open_runs([folder])
    assert not dataset.problems
    assert dataset.runs[0].is_live
    assert not open_runs([folder]).runs[0].is_live  # its store has gone


@pytest.mark.skipif(os.name == "nt", reason="folders have no locks there")
def test_files_of_a_run_are_not_replaced_as_long_as_its_dataset_is_there(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(5))
    dataset = open_runs([folder])
    for _ in range(2):
        with replacing(folder) as may:
            assert not may
        dataset = replace(dataset, notes=())  # a copy reads as well
    del dataset
    with replacing(folder) as may:
        assert may


def test_unreadable_run_json_is_a_problem(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(5))
    (folder / "run.json").write_text('{"run_id": ')
    assert "run.json cannot be read" in open_runs([folder]).problems[0]
    (folder / "run.json").write_text("[1]")
    assert "no JSON object" in open_runs([folder]).problems[0]


def test_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no folder"):
        open_runs([tmp_path / "nothing"])
    with pytest.raises(DatasetError, match="is no run folder"):
        open_runs([tmp_path])


def test_one_run_named_twice_is_refused(tmp_path: Path) -> None:
    rows = attempts(5)
    first = write_run(tmp_path / "a", rows, run_json=manifest(rows))
    second = write_run(tmp_path / "b", rows, run_json=manifest(rows))
    with pytest.raises(DatasetError, match="named twice"):
        open_runs([first, tmp_path / "b" / ".." / "a"])
    with pytest.raises(DatasetError, match="both run 'run'"):
        open_runs([first, second])


def test_time_of_day_without_a_zone_is_utc(tmp_path: Path) -> None:
    rows = attempts(5)
    folder = tmp_path / "run"
    (folder / "attempts").mkdir(parents=True)
    rows = rows.assign(scheduled_at=rows["scheduled_at"].dt.tz_localize(None))
    rows.to_parquet(folder / "attempts" / "part-0.parquet")
    first = describe(attempts_table(open_runs([folder]))).start
    assert first is not None and START_S <= first < START_S + 90
