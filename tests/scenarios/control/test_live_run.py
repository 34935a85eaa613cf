from __future__ import annotations

import pytest

from scenarios.control.live_run import account
from scenarios.run_file import WorkerEntry

TALLY = {"planned": 12, "skipped": 2, "started": 10, "ok": 7, "timeout": 1, "failed": 1, "aborted": 1}


def worker(rows: int | None, *, lost: bool = False) -> WorkerEntry:
    return WorkerEntry(worker="w", host="h", platform="Linux", rows_written=rows, lost=lost)


def test_a_balanced_run_is_said_to_balance() -> None:
    sums = account([TALLY, TALLY], [worker(10), worker(10)], 20)
    assert sums.is_balanced
    assert sums.imbalances == ()


@pytest.mark.parametrize("stored", [19, 21])
def test_a_row_too_few_or_too_many_does_not_balance(stored: int) -> None:
    sums = account([TALLY, TALLY], [worker(10), worker(10)], stored)
    assert not sums.is_balanced
    assert len(sums.imbalances) == 1


def test_a_lost_worker_makes_the_sums_unknown_and_never_balanced() -> None:
    sums = account([TALLY], [worker(10), worker(None, lost=True)], 17)
    assert sums.started is None
    assert not sums.is_balanced


def test_an_outcome_that_vanished_shows() -> None:
    sums = account([{**TALLY, "ok": 6}], [worker(10)], 10)
    assert any("started" in sentence for sentence in sums.imbalances)
