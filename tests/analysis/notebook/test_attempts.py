"""Rows are read when they are asked for, and only as many as fit."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from analysis.notebook import attempts as module
from analysis.notebook.attempts import Attempts
from analysis.runs.dataset import open_runs
from attempts.schema import COLUMNS

BAD = {"outcome": ["timeout", "failed"]}


@pytest.fixture
def rows(folder: Path) -> Attempts:
    return Attempts(lambda: open_runs([folder]), "the run")


def test_length_columns_and_what_it_says_of_itself_read_no_row(rows: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "attempts_table", pytest.fail)
    assert len(rows) == 600
    assert rows.columns == [column.name for column in COLUMNS]
    assert "600 rows (by the files' footers), " in repr(rows)


def test_the_size_is_said_before_the_rows_are_given(rows: Attempts, capsys: pytest.CaptureFixture[str]) -> None:
    frame = rows.to_pandas(["platform", "outcome"], BAD)
    assert set(frame["outcome"]) == {"timeout"} and list(frame.columns) == ["platform", "outcome"]
    assert capsys.readouterr().out == "12 rows (counted) of 2 columns: 0.0 MiB of memory (measured).\n"


def test_a_larger_frame_is_estimated_from_its_first_rows(
    rows: Attempts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 100)
    frame = rows.to_pandas()
    assert len(frame) == 600
    said = capsys.readouterr().out
    assert "600 rows (by the files' footers)" in said and "(estimated from 100 of them)" in said
    estimate = float(said.split("columns: ")[1].split()[0])
    assert estimate == pytest.approx(frame.memory_usage(deep=True).sum() / 2**20, rel=0.2, abs=0.1)


def test_what_would_not_fit_is_refused_unless_it_is_asked_for(rows: Attempts) -> None:
    with pytest.raises(analysis.RunError, match="more than most_mib=0.01 allows: name fewer columns=, a where=, or"):
        rows.to_pandas(most_mib=0.01)
    assert len(rows.to_pandas(most_mib=100)) == 600


def test_where_is_values_or_a_function(rows: Attempts) -> None:
    slow = rows.to_pandas("duration_s", lambda table: table.duration_s > 0.2)
    assert 0 < len(slow) < 600 and (slow["duration_s"] > 0.2).all()
    assert len(rows.to_pandas(["seq"], {"cause": None})) == 588
    assert len(rows.to_pandas(["seq"], {"cause": [None, "silent_peer"], "platform": "Windows"})) < 588


def test_a_column_or_condition_that_is_none_is_one_sentence(rows: Attempts) -> None:
    with pytest.raises(analysis.RunError, match="no column 'colour': they have run_id, worker, "):
        rows.to_pandas(["colour"])
    with pytest.raises(analysis.RunError, match="no column 'colour'"):
        rows.to_pandas(where={"colour": 1})
    with pytest.raises(analysis.RunError, match="where= is no condition on the attempts .*'slow'") as caught:
        rows.to_pandas(where={"duration_s": "slow"})
    assert "SELECT" not in str(caught.value)
    with pytest.raises(analysis.RunError, match="where= is no condition on the attempts") as caught:
        rows.to_pandas(where=lambda table: table.colour > 1)
    assert "\n" not in str(caught.value)


def test_they_can_be_asked_in_sql_and_by_ibis(rows: Attempts) -> None:
    found = rows.sql("SELECT count(*) AS n FROM attempts WHERE outcome = 'timeout'")
    assert found["n"].to_list() == [12]
    table = rows.table()
    assert table.filter(table.outcome == "timeout").count().to_pandas() == 12


def test_a_query_that_cannot_be_run_is_one_sentence(rows: Attempts) -> None:
    with pytest.raises(analysis.RunError, match="The query cannot be run .*colour") as caught:
        rows.sql("SELECT colour FROM attempts")
    assert "\n" not in str(caught.value)
