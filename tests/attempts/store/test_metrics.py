from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from attempts.spool.recorder import Recorder
from attempts.spool.spool import Spool
from attempts.store.metrics import (
    DURATION_BOUNDS_S,
    MOST_NAMES,
    OTHER,
    AttemptLabels,
    DurationLabels,
    Histogram,
    Metrics,
)
from attempts.store.segment_store import Store
from tests.attempts.recording import connection_facts, exchange, health, record, worker_facts

COUNTED = ("kind", "outcome", "cause", "platform", "client", "delay_s", "duration_s")


def rows(*several: dict[str, Any]) -> pa.Table:
    usual = {
        "kind": "exchange",
        "outcome": "ok",
        "cause": None,
        "platform": "Linux",
        "client": "websocket-client",
        "delay_s": 0.0,
        "duration_s": 0.01,
    }
    return pa.table({name: [(usual | row)[name] for row in several] for name in COUNTED})


def test_rows_are_counted_by_how_they_ended_and_by_arm() -> None:
    metrics = Metrics()
    late = {"outcome": "timeout", "cause": "silent_peer", "duration_s": 5.0, "delay_s": 0.08}
    metrics.add_attempts(rows({}, {}, late))
    metrics.add_attempts(rows({}))
    assert +metrics.attempts == {
        AttemptLabels("exchange", "ok", "", "Linux", "websocket-client", "0"): 3,
        AttemptLabels("exchange", "timeout", "silent_peer", "Linux", "websocket-client", "0.08"): 1,
    }


def test_an_arms_failures_are_there_at_zero_before_the_first_one() -> None:
    metrics = Metrics()
    metrics.add_attempts(rows({}))
    of = ("Linux", "websocket-client", "0")
    late = AttemptLabels("exchange", "timeout", "silent_peer", *of)
    reset = AttemptLabels("exchange", "failed", "reset", *of)
    assert (metrics.attempts[late], metrics.attempts[reset]) == (0, 0)
    assert late in metrics.attempts and reset in metrics.attempts
    metrics.add_attempts(rows({"outcome": "timeout", "cause": "silent_peer"}, {}))
    assert (metrics.attempts[late], metrics.attempts[reset], metrics.attempts.total()) == (1, 0, 3)


@pytest.mark.parametrize(
    "row",
    [
        {"outcome": "timeout", "cause": "silent_peer"},
        {"outcome": "aborted"},
        {"kind": "hold"},
    ],
)
def test_a_duration_that_is_not_known_or_was_planned_is_in_no_histogram(row: dict[str, Any]) -> None:
    metrics = Metrics()
    metrics.add_attempts(rows(row))
    assert metrics.attempts.total() == 1
    assert metrics.durations == {}


def test_failed_attempts_have_a_histogram_of_their_own() -> None:
    metrics = Metrics()
    metrics.add_attempts(rows({}, {"outcome": "failed", "cause": "reset", "duration_s": 0.3}))
    of = ("Linux", "websocket-client", "0")
    assert metrics.durations[DurationLabels("exchange", "ok", *of)].total_s == pytest.approx(0.01)
    assert metrics.durations[DurationLabels("exchange", "failed", *of)].total_s == pytest.approx(0.3)


def test_a_value_on_a_bound_is_below_it_and_one_beyond_all_is_counted() -> None:
    histogram = Histogram((0.1, 1.0))
    histogram.add(pa.array([0.1, 0.2, 7.0]).to_numpy())
    assert histogram.cumulative() == [(0.1, 1), (1.0, 2), (float("inf"), 3)]
    assert histogram.total_s == pytest.approx(7.3)


def test_names_without_an_end_become_one() -> None:
    metrics = Metrics()
    metrics.add_attempts(rows(*({"platform": f"p{n}"} for n in range(3 * MOST_NAMES))))
    platforms = {labels.platform for labels in metrics.attempts}
    assert len(platforms) == MOST_NAMES + 1 and OTHER in platforms
    assert metrics.attempts.total() == 3 * MOST_NAMES


def test_what_a_store_stores_is_counted_once_however_often_it_comes(tmp_path: Path) -> None:
    metrics = Metrics()

    def on_stored(attempts: pa.Table | None, vitals: pa.Table | None) -> None:
        if attempts is not None:
            metrics.add_attempts(attempts)
        if vitals is not None:
            metrics.add_health(vitals)

    for worker in ("w0", "w1"):
        spool = Spool(tmp_path / "spool")
        recorder = Recorder(spool, worker_facts(worker))
        # Each worker's table has dictionaries of its own.
        facts = [recorder.connection(connection_facts(n, delay_s=0.1 * n)) for n in range(3)]
        for of in facts:
            recorder.write(exchange(of))
        recorder.health(health())
        spool.close()
    sealed = {path: path.read_bytes() for path in (tmp_path / "spool").iterdir()}
    for _ in range(2):
        for path, data in sealed.items():
            path.write_bytes(data)
        Store(tmp_path, on_stored).store_segments(final=True)
    assert {labels.delay: n for labels, n in (+metrics.attempts).items()} == {"0": 2, "0.1": 2, "0.2": 2}
    assert metrics.lag.cumulative()[-1] == (float("inf"), 2)
    assert [len(histogram.counts) for histogram in metrics.durations.values()] == [len(DURATION_BOUNDS_S) + 1] * 3


def test_a_store_with_nothing_new_tells_nothing(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    told = list[object]()
    store = Store(tmp_path, lambda *tables: told.append(tables))
    store.store_segments(final=True)
    store.store_segments(final=True)
    assert len(told) == 1
