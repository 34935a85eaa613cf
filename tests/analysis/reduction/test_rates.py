"""Attempts that failed, by who made them: the same that levels are held against."""

from __future__ import annotations

from pathlib import Path

import ibis
import pandas as pd

from analysis.reduction.explain import contract_columns
from analysis.reduction.frames import frame_of
from analysis.reduction.overview import describe
from analysis.reduction.rates import COUNTS, KEYS, as_json, counted, in_seconds, none
from analysis.runs.dataset import attempts_table, open_runs
from analysis.verdict.service_levels import counts, judged_attempts
from tests.analysis.run_folders import attempts, put, write_run


def rates_of(table: ibis.Table) -> pd.DataFrame:
    return in_seconds(frame_of(counted(contract_columns(table))))


def test_they_are_the_judged_attempts_and_the_others_are_told_apart(tmp_path: Path) -> None:
    rows = attempts(400)
    exchanges, connects = (rows.index[rows["kind"] == kind] for kind in ("exchange", "connect"))
    put(rows, exchanges[:4], outcome="timeout", cause="silent_peer", duration_s=5.0, budget_s=5.0)
    put(rows, connects[:2], outcome="failed", cause="refused")
    put(rows, exchanges[4:7], outcome="aborted", cause=None)
    put(rows, exchanges[7:9], kind="probe", operation="tcp")
    table = attempts_table(open_runs([write_run(tmp_path / "run", rows)]))
    found, overview = rates_of(table), describe(table)
    assert list(found.columns) == [*KEYS, *COUNTS]
    assert found[["failed", "timeouts"]].sum().to_list() == [6, 4]
    judged = judged_attempts(overview)
    assert found["n"].sum() == judged["n"].sum()
    of_all = counts(overview)
    assert of_all["judged"] == judged["n"].sum()
    assert of_all["all"] == len(rows) == sum(n for name, n in of_all.items() if name != "all")
    assert (of_all["probes"], of_all["cut_off"]) == ((rows["kind"] == "probe").sum(), 3)


def test_as_json_they_are_plain_numbers(tmp_path: Path) -> None:
    table = attempts_table(open_runs([write_run(tmp_path / "run", attempts(400))]))
    listed = as_json(rates_of(table))
    assert listed and all(set(one) == {*KEYS, *COUNTS} for one in listed)
    assert {type(one["n"]) for one in listed} == {int}
    assert as_json(none()) == []
