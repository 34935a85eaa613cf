"""The counts of single files: they add up in any order, and are those of the verdict."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pandas as pd
import pytest

from analysis.reduction import lost
from analysis.reduction.overview import describe
from analysis.reduction.tallies import JUDGED, SLOT_S, Tally, none, read, total
from analysis.runs.dataset import attempts_table, open_runs
from analysis.runs.engine import open_attempts
from analysis.verdict.service_levels import counts, judged_attempts
from tests.analysis.run_folders import START_S, attempts, put, write_attempts


def rows_of_every_kind() -> pd.DataFrame:
    rows = attempts(900, timeouts=0.05)
    put(rows, slice(0, 9), kind="probe", outcome="failed", cause="refused")
    put(rows, slice(10, 19), outcome="aborted", cause=None)
    put(rows, slice(20, 29), kind="hold", outcome="aborted", cause=None)
    put(rows, slice(30, 39), kind="check", outcome="failed", cause="test_mistake")
    put(rows, slice(40, 49), kind="connect", scenario="auth_probe", outcome="failed", cause="auth_rejected")
    put(rows, slice(50, 59), outcome=None)
    put(rows, slice(60, 69), outcome="timeout", cause="silent_peer", lost_at="late", server_instance="a")
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    rows = rows_of_every_kind()
    for number, part in enumerate((rows[:50], rows[50:55], rows[55:])):
        write_attempts(folder / "attempts" / f"part-{number:05}.parquet", part)
    return folder


def by_file(run: Path) -> list[Tally]:
    return [read(open_attempts([path])) for path in sorted((run / "attempts").glob("*.parquet"))]


def test_files_add_up_to_the_same_in_every_order(run: Path) -> None:
    whole = read(attempts_table(open_runs([run])))
    for tallies in permutations(by_file(run)):
        together = total(list(tallies))
        pd.testing.assert_frame_equal(together.cells, whole.cells)
        pd.testing.assert_frame_equal(together.slots, whole.slots)


def test_the_counts_are_those_of_the_verdict(run: Path) -> None:
    overview, tally = describe(attempts_table(open_runs([run]))), total(by_file(run))
    found = tally.cells.groupby("standing")["n"].sum().to_dict()
    assert found | {"all": sum(found.values())} == {name: n for name, n in counts(overview).items() if n}
    judged, expected = tally.cells[tally.cells["standing"] == JUDGED], judged_attempts(overview)
    for outcome in ("ok", "timeout", "failed"):
        assert (
            judged.loc[judged["outcome"] == outcome, "n"].sum()
            == expected.loc[expected["outcome"] == outcome, "n"].sum()
        )
    rungs = judged[judged["lost_at"] != ""].groupby("lost_at")["n"].sum().to_dict()
    assert rungs == lost.counts(overview.lost)


def test_slots_are_of_judged_attempts_and_so_wide(run: Path) -> None:
    slots, cells = total(by_file(run)).slots, total(by_file(run)).cells
    assert slots["n"].sum() == cells.loc[cells["standing"] == JUDGED, "n"].sum()
    assert ((slots["slot"] - START_S // SLOT_S * SLOT_S) % SLOT_S == 0).all()


def test_no_file_is_no_count() -> None:
    for frame in (*none(), *total([])):
        assert len(frame) == 0
