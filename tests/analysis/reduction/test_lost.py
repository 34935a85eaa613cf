"""Timeouts by where they were lost, counted by who waited for whom."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.reduction.explain import contract_columns
from analysis.reduction.frames import frame_of
from analysis.reduction.lost import KEYS, NOT_ASKED, ORDER, WORDS, counted, counts
from analysis.runs.dataset import attempts_table, open_runs
from attempts.schema import RUNGS
from tests.analysis.run_folders import attempts, put, write_run


def lost_of(tmp_path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    attempts_of_run = attempts_table(open_runs([write_run(tmp_path / "run", rows)]))
    return frame_of(counted(contract_columns(attempts_of_run)))


def with_timeouts(rungs: list[str | None]) -> pd.DataFrame:
    """A run in which that many exchanges run out, one with each rung; nobody was asked where it is None."""
    rows = attempts(400).assign(lost_at=None)
    exchanges = rows.index[rows["kind"] == "exchange"][: len(rungs)]
    put(rows, exchanges, outcome="timeout", cause="silent_peer", duration_s=5.0, budget_s=5.0)
    rows["lost_at"] = rows["lost_at"].astype(object)
    rows.loc[exchanges, "lost_at"] = rungs
    return rows


def test_every_rung_has_words_and_its_place() -> None:
    assert (*RUNGS, NOT_ASKED) == ORDER
    assert set(WORDS) == set(ORDER)


def test_timeouts_are_counted_by_rung_and_by_who_waited_for_whom(tmp_path: Path) -> None:
    lost = lost_of(tmp_path, with_timeouts(["late", "unread", "late", None]))
    assert list(lost.columns) == [*KEYS, "lost_at", "n"]
    assert counts(lost) == {"unread": 1, "late": 2, NOT_ASKED: 1}
    assert lost["n"].sum() == 4


def test_a_run_whose_rows_know_no_kernel_says_nothing(tmp_path: Path) -> None:
    assert counts(lost_of(tmp_path, with_timeouts([None, None]).drop(columns="lost_at"))) == {}
    assert counts(lost_of(tmp_path, attempts(400))) == {}


def test_what_went_well_and_what_probes_suffered_is_not_among_them(tmp_path: Path) -> None:
    rows = with_timeouts(["late"])
    put(rows, rows.index[rows["outcome"] == "timeout"], kind="probe", operation="tcp")
    assert lost_of(tmp_path, rows).empty
