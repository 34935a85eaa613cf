"""Judged attempts by any columns add up to the verdict's counts, whatever the columns."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.notebook.cohorts import shares
from analysis.reduction.cohorts import COLUMNS, EVENTS, read
from analysis.reduction.overview import describe
from analysis.runs.dataset import attempts_table, open_runs
from analysis.verdict.service_levels import counts, judged_attempts
from tests.analysis.run_folders import attempts, put, write_run


@dataclass(frozen=True)
class Counted:
    """A table with all that is judged or left out, and what the verdict counts in it."""

    table: ibis.Table
    judged: int
    timeouts: int
    failed: int


def mixed() -> pd.DataFrame:
    """Probes, what was cut off, sessions held to the end, mistakes of the test, asked refusals, and unknown names."""
    rows = attempts(300, timeouts=0.1)
    connects = rows.index[rows["kind"] == "connect"]
    put(rows, rows.index[:6], kind="probe", operation="tcp")
    put(rows, rows.index[6:12], outcome="aborted", cause=None)
    put(rows, rows.index[12:18], kind="hold", operation="hold", outcome="aborted", cause=None)
    put(rows, rows.index[18:22], kind="check", operation="p1-01", outcome="failed", cause="test_mistake")
    put(rows, connects[-4:], scenario="auth_probe", outcome="failed", cause="auth_rejected")
    put(rows, connects[-8:-4], outcome="failed", cause="refused")
    put(rows, rows.index[30:90], server_instance="i-1", site=None)
    return rows


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    table = attempts_table(open_runs([write_run(tmp_path_factory.mktemp("cohorts") / "run", mixed())]))
    overview = describe(table)
    judged = judged_attempts(overview)
    of_all = counts(overview)
    assert of_all["judged"] < len(mixed()) and overview.rates["failed"].sum() > overview.rates["timeouts"].sum() > 0
    return Counted(
        table=table,
        judged=of_all["judged"],
        timeouts=int(judged.loc[judged["outcome"] == "timeout", "n"].sum()),
        failed=int(overview.rates["failed"].sum()),
    )


@given(by=st.lists(st.sampled_from(COLUMNS), unique=True, max_size=4), of=st.sampled_from(EVENTS))
@settings(max_examples=8)
def test_cohorts_add_up_to_the_verdicts_counts_whatever_they_are_by(counted: Counted, by: list[str], of: str) -> None:
    cohorts = read(counted.table, by)
    found = shares(cohorts, by, of=of)  # type: ignore[arg-type]
    assert found[["n", "timeouts", "failed"]].sum().to_list() == [counted.judged, counted.timeouts, counted.failed]
    assert not found.duplicated(by).any() if by else len(found) == 1
    assert (found["low"] <= found["share"]).all() and (found["share"] <= found["high"]).all()
    assert (found["share"] == found[of] / found["n"]).all()


def test_sessions_are_counted_with_their_products(counted: Counted) -> None:
    frame = mixed()
    is_judged = (frame["kind"] != "probe") & ((frame["outcome"] != "aborted") | (frame["kind"] == "hold"))
    rows = frame[is_judged & (frame["cause"] != "test_mistake")]
    each = rows.groupby(["platform", "worker", "connection"]).agg(
        n=("seq", "size"), x=("outcome", lambda outcome: (outcome == "timeout").sum())
    )
    wanted = each.assign(nn=each["n"] ** 2, nx=each["n"] * each["x"], xx=each["x"] ** 2).groupby("platform").sum()
    found = read(counted.table, ["platform"]).sessions.set_index("platform")
    assert found["m"].to_list() == each.groupby("platform").size().to_list()
    assert (
        found[["nn", "nx_timeouts", "xx_timeouts"]].to_numpy().tolist()
        == wanted[["nn", "nx", "xx"]].to_numpy().tolist()
    )


def test_a_name_that_is_not_known_is_a_cohort(counted: Counted) -> None:
    minutes = read(counted.table, ["server_instance"]).minutes
    assert set(minutes["server_instance"]) == {"i-1", "unknown"}
