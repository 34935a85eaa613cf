"""Attempts counted by stratum, connection and minute: what is counted, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import pandas as pd

from analysis.reduction.sessions_of_runs import STRATUM, sessions_of
from tests.analysis.run_folders import attempts, put


def counted(changes: Mapping[int, Mapping[str, Any]], *, n: int = 40) -> pd.DataFrame:
    """All rows good but those that are changed, each of them an exchange."""
    rows = attempts(n)
    put(rows, slice(None), kind="exchange", operation="ping", phase="exchange")
    for at, values in changes.items():
        put(rows, at, **values)
    return sessions_of(ibis.memtable(rows), max_duration_s=5.0)


def total(frame: pd.DataFrame) -> tuple[int, ...]:
    return tuple(int(frame[name].sum()) for name in ("n", "timeouts", "failures", "too_long"))


def test_each_attempt_is_counted_once_in_its_stratum_connection_and_minute() -> None:
    frame = counted({})
    assert total(frame) == (40, 0, 0, 0)
    assert not frame.duplicated([*STRATUM, "host", "session", "minute"]).any()
    assert frame["session"].str.match(r"run/w\d+/\d+").all()


def test_a_timeout_is_a_failure_too_and_a_long_answer_is_only_long() -> None:
    late = {"outcome": "timeout", "cause": "silent_peer", "duration_s": 10.0}
    frame = counted({0: late, 1: {"outcome": "failed", "cause": "reset"}, 2: {"duration_s": 6.0}})
    assert total(frame) == (40, 1, 2, 2)


def test_probes_mistakes_of_the_tests_and_what_the_end_cut_off_are_left_out() -> None:
    frame = counted(
        {
            0: {"kind": "probe", "outcome": "timeout"},
            1: {"outcome": "failed", "cause": "test_mistake"},
            2: {"outcome": "aborted"},
        }
    )
    assert total(frame) == (37, 0, 0, 0)


def test_a_session_that_was_held_until_the_end_is_good_and_never_too_long() -> None:
    held = {"kind": "hold", "operation": "hold", "outcome": "aborted", "duration_s": 60.0, "budget_s": 60.0}
    frame = counted({0: held})
    assert total(frame) == (40, 0, 0, 0)
    assert frame.loc[frame["kind"] == "hold", "budget_s"].tolist() == [0.0]
