from __future__ import annotations

import pytest

from attempts.accounting import Accounting, WorkerRows
from attempts.intervals import Intervals, Range


def balanced(**changed: object) -> Accounting:
    counts: dict[str, object] = {
        "planned": 10,
        "skipped": 2,
        "started": 8,
        "outcomes": {"ok": 5, "timeout": 1, "failed": 1, "aborted": 1},
        "rows_written": 8,
        "rows_stored": 8,
    }
    return Accounting(**(counts | changed))  # type: ignore[arg-type]


def test_run_in_which_every_sum_holds_is_balanced() -> None:
    assert balanced().is_balanced
    assert balanced().imbalances == ()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"skipped": 1}, "10 attempts planned, but 8 started + 1 skipped: 1 are unaccounted for."),
        (
            {"outcomes": {"ok": 5, "timeout": 1}},
            "8 attempts started, but 5 ok + 1 timeout + 0 failed + 0 aborted: 2 are unaccounted for.",
        ),
        ({"rows_stored": 5}, "8 attempts written, but 5 stored: 3 are unaccounted for."),
    ],
)
def test_sum_that_does_not_hold_is_a_sentence(changed: dict[str, object], sentence: str) -> None:
    accounting = balanced(**changed)
    assert accounting.imbalances == (sentence,)
    assert not accounting.is_balanced


@pytest.mark.parametrize("unknown", ["planned", "skipped", "started", "outcomes", "rows_written", "rows_stored"])
def test_unknown_count_is_no_imbalance_and_no_balance(unknown: str) -> None:
    accounting = balanced(**{unknown: None})
    assert accounting.imbalances == ()
    assert not accounting.is_balanced


def test_missing_rows_are_found_inside_and_after_what_is_stored() -> None:
    rows = WorkerRows(worker="w0", stored=Intervals([(0, 3), (6, 6), (8, 9)]), rows_written=12)
    assert rows.missing == (Range(4, 5), Range(7, 7), Range(10, 11))
    assert rows.problems == ("Worker w0: 5 rows are missing (seq 4 to 5, 7, 10 to 11).",)
    assert not balanced(workers=(rows,)).is_balanced


def test_worker_of_which_nothing_arrived_is_missing_everything() -> None:
    assert WorkerRows(worker="w0", rows_written=3).missing == (Range(0, 2),)


def test_worker_that_wrote_nothing_misses_nothing() -> None:
    assert WorkerRows(worker="w0", rows_written=0).problems == ()


def test_worker_that_never_said_how_many_rows_it_wrote_is_a_problem() -> None:
    (sentence,) = WorkerRows(worker="w0", stored=Intervals([(0, 9)])).problems
    assert "never said how many rows it wrote" in sentence
    assert "after seq 9 may be missing" in sentence
    (sentence,) = WorkerRows(worker="w0").problems
    assert "none is stored" in sentence


def test_doubled_and_surplus_rows_are_problems() -> None:
    rows = WorkerRows(worker="w0", stored=Intervals([(0, 9)]), rows_written=8, doubled=2)
    assert rows.problems == (
        "Worker w0 says it wrote 8 rows, and more are stored.",
        "Worker w0: 2 rows are stored more than once.",
    )


def test_many_gaps_are_counted_and_a_few_named() -> None:
    rows = WorkerRows(worker="w0", stored=Intervals([(n, n) for n in range(1, 20, 2)]), rows_written=20)
    assert rows.problems == ("Worker w0: 10 rows are missing (seq 0, 2, 4 and 7 more ranges).",)
