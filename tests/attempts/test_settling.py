from __future__ import annotations

from typing import Any

import pytest

from attempts.settling import LEFT_BEHIND, NOT_KEPT, WORKER_LOST, problems_of, rewritten, settle

TALLY = {"planned": 12, "skipped": 2, "started": 10, "ok": 7, "timeout": 1, "failed": 1, "aborted": 1}
NOW = "2026-11-30T01:00:00.000000Z"
UNBALANCED = "The accounting does not balance: 10 attempts written, but 7 stored: 3 are unaccounted for."


def stored(**workers: dict[str, Any]) -> dict[str, Any]:
    """What the store prints of workers that wrote ten rows each, unless it is said otherwise."""
    rows = {
        name: {"rows_stored": 10, "rows_written": 10, "tally": TALLY, "is_whole": True} | w
        for name, w in workers.items()
    }
    return {
        "rows_stored": sum(entry["rows_stored"] for entry in rows.values()),
        "workers": rows,
        "last_at": "2026-11-30T00:30:00.000000Z",
        "problems": [],
    }


def manifest(*problems: tuple[str, str | None, str], ended: str = "run_time", **more: Any) -> dict[str, Any]:
    return {
        "run_id": "run-1",
        "ended": ended,
        "workers": [{"worker": "w0", "host": "h", "platform": "Linux", "lost": True}],
        "problems": [sentence for _, _, sentence in problems],
        "problem_kinds": [{"kind": k, "worker": w, "sentence": s} for k, w, s in problems],
        **more,
    }


@pytest.mark.parametrize("kind", [WORKER_LOST, LEFT_BEHIND, NOT_KEPT])
def test_what_a_workers_whole_rows_disprove_is_taken_back(kind: str) -> None:
    run = manifest((kind, "w0", "Worker w0 was lost."))
    settled = settle(run, stored(w0={}))
    assert settled.problems == ()
    assert settled.taken_back == ("Worker w0 was lost.",)
    assert settled.is_complete
    after = rewritten(run, settled, stored=stored(w0={}), now=NOW)
    assert after["problems"] == []
    assert after["workers"] == [{"worker": "w0", "host": "h", "platform": "Linux", "lost": False, "rows_written": 10}]
    assert after["accounting"] == {**TALLY, "rows_written": 10, "rows_stored": 10, "balanced": True}
    assert after["settled"] == {"at": NOW, "complete": True, "left": False, "taken_back": ["Worker w0 was lost."]}


@pytest.mark.parametrize("rows", [{"is_whole": False}, {"rows_written": None, "is_whole": False}])
def test_the_loss_of_a_worker_stays_while_rows_of_it_are_missing_or_may_be(rows: dict[str, Any]) -> None:
    run = manifest((WORKER_LOST, "w0", "Worker w0 was lost."))
    settled = settle(run, stored(w0=rows))
    assert [problem.sentence for problem in settled.problems] == ["Worker w0 was lost."]
    assert not settled.is_complete
    (entry,) = rewritten(run, settled, stored=stored(w0=rows), now=NOW)["workers"]
    assert entry["lost"]


def test_another_workers_rows_disprove_nothing() -> None:
    settled = settle(manifest((WORKER_LOST, "w0", "Worker w0 was lost.")), stored(w1={}))
    assert [problem.sentence for problem in settled.problems] == ["Worker w0 was lost."]
    assert not settled.is_complete  # w0 is known, and nothing of it is there


def test_problems_of_no_kind_stay_for_ever() -> None:
    run = manifest() | {"problems": ["A user crashed."]}
    assert [p.kind for p in problems_of(run)] == ["other"]
    settled = settle(run, stored(w0={}))
    assert [problem.sentence for problem in settled.problems] == ["A user crashed."]
    assert settled.is_complete  # its rows are


def test_the_sums_are_formed_anew_and_those_of_before_are_forgotten() -> None:
    run = manifest(("sums", None, UNBALANCED), ("rows", "w0", "Worker w0: 3 rows are missing."))
    settled = settle(run, stored(w0={}))
    assert settled.problems == ()
    assert settled.accounting.is_balanced
    short = stored(w0={"rows_stored": 7, "is_whole": False})
    again = settle(run, short | {"problems": ["Worker w0: 3 rows are missing (seq 7 to 9)."]})
    assert [problem.sentence for problem in again.problems] == [
        "Worker w0: 3 rows are missing (seq 7 to 9).",
        UNBALANCED,
    ]


def test_nothing_started_is_never_said_of_a_run_with_rows() -> None:
    run = manifest(("nothing_started", None, "No attempt was started, or nobody knows of one."))
    unknown = {"tally": None, "rows_written": None, "is_whole": False}
    assert settle(run, stored(w0=unknown)).problems == ()
    none = stored(w0=unknown | {"rows_stored": 0})
    assert [problem.kind for problem in settle(run, none).problems] == ["nothing_started"]


def test_a_child_process_is_counted_with_its_parent_and_a_worker_that_counted_nothing_leaves_the_sums_unknown() -> None:
    child = {"rows_stored": 0, "rows_written": 0, "tally": {}}
    assert settle(manifest(), stored(w0={}, child=child)).accounting.started == 10
    old = {"tally": None}
    assert settle(manifest(), stored(w0={}, w1=old)).accounting.started is None
    known = manifest(accounting={**TALLY, "started": 20, "rows_stored": 3})
    assert settle(known, stored(w0={}, w1=old)).accounting.started == 20  # as the workers had told their master


def test_a_run_whose_master_was_killed_crashed_at_its_last_row() -> None:
    after = rewritten(manifest(ended="running"), settle(manifest(), stored(w0={})), stored=stored(w0={}), now=NOW)
    assert (after["ended"], after["ended_at"]) == ("crash", "2026-11-30T00:30:00.000000Z")
    assert after["settled"]["complete"] is True
    again = rewritten(after, settle(after, stored(w0={})), stored=stored(w0={}), now=NOW)
    assert again == after


def test_a_run_whose_load_ended_with_its_master_long_before_its_time_is_less_than_what_was_asked_for() -> None:
    times = {"started_at": "2026-11-30T00:00:00.000000Z", "planned_end_at": "2026-11-30T01:00:00.000000Z"}
    run = manifest(ended="running", **times)
    half = stored(w0={})
    settled = settle(run, half)
    assert [(problem.kind, problem.sentence) for problem in settled.problems] == [
        ("early", "Its last attempt began after 1800 s of 3600 s: the run is less than what was asked for.")
    ]
    assert settled.is_complete  # nothing of it is missing
    after = rewritten(run, settled, stored=half, now=NOW)
    # More rows may come home, and another master may have ended it in order.
    whole = half | {"last_at": "2026-11-30T00:59:30.000000Z"}
    again = rewritten(after, settle(after, whole), stored=whole, now=NOW)
    assert (again["problems"], again["ended"], again["ended_at"]) == ([], "crash", whole["last_at"])
    assert settle(manifest(ended="run_time", **times), half).problems == ()


def test_how_a_run_ended_is_not_changed_by_a_count() -> None:
    for ended in ("run_time", "signal", "stopped", "crash"):
        run = manifest(ended=ended, ended_at="then")
        after = rewritten(run, settle(run, stored(w0={})), stored=stored(w0={}), now=NOW)
        assert (after["ended"], after["ended_at"]) == (ended, "then")


@pytest.mark.parametrize("odd", [{}, {"workers": None, "problems": 3}, {"workers": [1, {}], "problem_kinds": [1]}])
def test_a_run_file_that_says_nothing_of_use_is_counted_all_the_same(odd: dict[str, Any]) -> None:
    settled = settle(odd, stored(w0={}))
    assert settled.accounting.rows_stored == 10
    assert rewritten(odd, settled, stored=stored(w0={}), now=NOW)["problems"] == []
