"""Every small table against a slow oracle on random rows, and the method's invariants 1, 4 and 14."""

import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.comparison.dealt import VARIANTS
from analysis.reduction.census import run_end
from analysis.reduction.explain import EXPLANATIONS
from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.runs.engine import open_attempts, open_rows
from attempts.schema import COLUMNS, Column
from tests.analysis import reduce_oracle as oracle

START_US = int(datetime(2026, 1, 5, 9, 0, tzinfo=UTC).timestamp() * 1e6)
ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}
NULL_FREE = {"kind", "seq"}


def values_of(column: Column) -> st.SearchStrategy[Any]:
    choices: dict[str, st.SearchStrategy[Any]] = {
        "run_id": st.sampled_from(["run-1", "run-2"]),
        "worker": st.sampled_from(["w1", "w2", "w3"]),
        "subject": st.sampled_from(["anna", "bert", "cleo"]),
        "scenario": st.sampled_from(["steady", "steady", "burst", "auth_probe"]),
        "phase": st.sampled_from(["tcp", "welcome", "exchange", "hold"]),
        "token_kind": st.sampled_from([None, "forged", "expired"]),
        "kind": st.sampled_from(["connect", "connect", "exchange", "exchange", "hold", "close", "probe"]),
        "operation": st.sampled_from(["connect", "ping", "chat"]),
        "client": st.sampled_from(["websocket-client", "websockets-asyncio"]),
        "event_loop": st.sampled_from(["gevent-libev", "asyncio-proactor"]),
        "mitigation": st.sampled_from(["none", "none", "retry"]),
        "platform": st.sampled_from(["Windows", "Linux"]),
        "python": st.sampled_from(["3.11.9", "3.12.1"]),
        "host": st.sampled_from(["h1", "h2"]),
        "site": st.sampled_from(["a", "b", None]),
        "server_instance": st.sampled_from(["i1", "i2", None]),
        "outcome": st.sampled_from(["ok", "ok", "timeout", "failed", "aborted"]),
        "closed_by": st.sampled_from([None, "client", "server", "network"]),
        "cause": st.sampled_from(
            [
                *("silent_peer", "refused", "reset", "http_status", "subprotocol"),
                *("auth_rejected", "server_error", "malformed", "harness"),
                *("server_closed", "keepalive", "client_error", "credentials_accepted"),
            ]
        ),
        "delay_s": st.sampled_from([0.0, 0.1, 0.3]),
        "duration_s": st.sampled_from([0.0, 0.0004, 0.25, 1.0, 4.9, 5.0]),
        "budget_s": st.sampled_from([5.0, 10.0]),
        "loop_lag_s": st.sampled_from([0.0, 0.1, 0.11, 1.25, 2.5, 6.0, math.nan]),
        "loop_blocked_s": st.sampled_from([0.0, 1.3, 2.6, math.nan]),
        "rtt_s": st.sampled_from([0.04, 0.05, 0.09, 0.31, math.nan]),
        "idle_s": st.sampled_from([0.0, 0.7, 3.0, math.nan]),
        "longest_silence_s": st.sampled_from([0.7, 6.0, math.nan]),
        "close_code": st.sampled_from([None, 1006, 1012]),
        "checked_s": st.sampled_from([0.05, 2.0, math.nan]),
        "pong_s": st.sampled_from([0.05, 0.3, 0.34, 0.6, math.nan]),
        "late_s": st.sampled_from([0.1, math.nan, math.nan]),
        "frames_in": st.sampled_from([0, 0, 1]),
        "token_age_s": st.sampled_from([0.0, 100.0, 850.0, 900.0]),
        "token_ttl_s": st.just(900.0),
        "http_status": st.sampled_from([403, 429, 503]),
        "preface_frames": st.sampled_from([0, 1]),
        "connection": st.integers(0, 5),
        "seq": st.integers(0, 60),
        "retry": st.sampled_from([0, 0, 0, 1]),
        "scheduled_at": st.integers(START_US, START_US + 600_000_000),
        "started_at": st.integers(START_US, START_US + 600_000_000),
        "simulated": st.booleans(),
        "age_s": st.sampled_from([0.0, 0.9, 3.0, 64.0, math.nan]),
        "open_connections": st.sampled_from([0, 1, 5, 4096]),
        "bytes_out": st.sampled_from([0, 1, 40, 64, 5000]),
        "cpu": st.sampled_from([0.0, 0.35, 1.0, math.nan]),
    }
    chosen = choices.get(column.name, st.none())
    if column.name in NULL_FREE:
        return chosen
    # A null now and then, in the columns that should have none, too: rows come from anywhere.
    return st.integers(0, 30).flatmap(lambda n: st.none() if n == 0 else chosen)


ROWS = st.lists(st.fixed_dictionaries({c.name: values_of(c) for c in COLUMNS}), min_size=1, max_size=60)


def arrow(rows: list[oracle.Row], columns: tuple[Column, ...] = COLUMNS) -> pa.Table:
    arrays = {c.name: pa.array([row[c.name] for row in rows], ARROW[c.type]) for c in columns}
    return pa.table(arrays)


def as_dict(frame: pd.DataFrame, counts: list[str]) -> dict[tuple[Any, ...], dict[str, int]]:
    keys = [name for name in frame.columns if name not in counts]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {tuple(_plain(row[k]) for k in keys): {c: row[c] for c in counts if row[c]} for row in rows}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value == int(value) else value


def without_zeros(table: Mapping[tuple[Any, ...], Mapping[str, int]]) -> dict[tuple[Any, ...], dict[str, int]]:
    return {key: {name: int(value) for name, value in count.items() if value} for key, count in table.items()}


CELL_COUNTS = [
    *("n", "connections", "bad", "timeouts", *EXPLANATIONS, "auth_fresh", "any_lag_bad", "lag_null", "n_clean"),
    *("checked", "unasked", "late", "unanswered", "said_no", "good", "good_lagged", "retries", "rescued"),
    *("n_always", "bad_always"),
]
DEALT_COUNTS = ["m", "n", "nn", *(f"{sum_of}_{name}" for name in VARIANTS for sum_of in ("x", "nx", "xx"))]


CUT_COUNTS = ["n", "connections", "auth", "auth_fresh", "format", "explicit"]
INSTANCE_COUNTS = ["n", "bad", "auth", "auth_fresh", "format", "explicit", "unanswered"]
SESSION_COUNTS = ["n", "auth", "auth_fresh", "explicit", "format", "failed"]


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, ended=st.one_of(st.none(), st.integers(0, 700)))
def test_every_table_is_what_counting_row_by_row_gives(rows: list[oracle.Row], ended: int | None):
    ends = {} if ended is None else {"run-1": datetime.fromtimestamp(START_US / 1e6 + ended, UTC)}
    with patch("analysis.reduction.always_fails.ALWAYS_LEAST", 2):
        tables = reduce(open_rows(arrow(rows)), ends=ends)
    usable = [row for row in rows if oracle.is_usable(row)]
    end_s = oracle.ends(usable, {run: int(end.timestamp() * 1e6) for run, end in ends.items()})
    waits = oracle.waits(usable, end_s)
    always = oracle.always(waits, least=2)
    assert as_dict(tables.always, ["n", "bad"]) == without_zeros(always)
    assert as_dict(tables.cells, CELL_COUNTS) == without_zeros(oracle.cells(waits, always))
    assert as_dict(tables.dealt, DEALT_COUNTS) == without_zeros(oracle.dealt(waits))
    assert as_dict(tables.factors, ["n", "bad", "connections"]) == without_zeros(oracle.factors(waits))
    assert as_dict(tables.slots, ["n", "bad", "residual"]) == without_zeros(oracle.slots(waits))
    assert as_dict(tables.instances, INSTANCE_COUNTS) == without_zeros(oracle.instances(waits))
    assert as_dict(tables.subjects, ["n", "explicit"]) == without_zeros(oracle.subjects(usable))
    assert as_dict(tables.cut, CUT_COUNTS) == without_zeros(oracle.cut(usable, end_s))
    assert as_dict(tables.holds, ["n"]) == without_zeros(oracle.holds(usable))
    assert as_dict(tables.reached, ["n"]) == without_zeros(oracle.reached(usable))
    assert as_dict(tables.sessions, SESSION_COUNTS) == without_zeros(oracle.sessions(usable))
    refusals = as_dict(tables.fresh_refusals, ["n", "fresh", "sometimes"])
    assert refusals in ({}, without_zeros(oracle.fresh_refusals(usable)))
    checks = without_zeros(oracle.credential_checks(usable))
    assert as_dict(tables.credential_checks, ["n"]) == checks
    assert as_dict(tables.first_connects, ["n", "bad"]) == without_zeros(oracle.first_connects(usable, waits))
    assert as_dict(tables.idles, ["n", "bad"]) == without_zeros(oracle.idles(waits))
    assert as_dict(tables.probes, ["n", "bad"]) == without_zeros(oracle.probes(usable))
    assert as_dict(tables.mitigation_costs, ["n"]) == without_zeros(oracle.mitigation_costs(waits))
    base = {(r.host, r.platform): r.base_rtt_s for r in tables.base_rtt.itertuples() if r.n}
    assert base == pytest.approx(oracle.medians(waits, of_arms=False), abs=1e-5)
    arms = {(r.host, r.platform, r.delay_us): r.rtt_s for r in tables.arm_rtt.itertuples() if r.n}
    assert arms == pytest.approx(oracle.medians(waits, of_arms=True), abs=1e-5)
    total = tables.totals.iloc[0]
    of_waits = oracle.of_sessions(usable)
    kept = [row for row in of_waits if row["outcome"] != "aborted"]
    first = [row for row in kept if oracle.retry(row) == 0]
    counted = [row for row in waits if oracle.retry(row) == 0]
    assert total["rows"] == len(rows)
    assert total["attempts"] == len(counted)
    assert total["timeouts"] == sum(row["outcome"] == "timeout" for row in counted)
    assert total["aborted"] == len(of_waits) - len(kept)
    assert total["dropped_tail"] == len(first) - len(counted)
    assert total["retries"] == len(kept) - len(first)
    assert total["simulated"] == sum(bool(row["simulated"]) for row in rows)


def a_row(**given: Any) -> oracle.Row:
    row: oracle.Row = {c.name: None for c in COLUMNS}
    row |= {
        "run_id": "run-1",
        "worker": "w1",
        "seq": 0,
        "user": 1,
        "connection": 1,
        "subject": "anna",
        "scenario": "session",
        "kind": "connect",
        "operation": "connect",
        "client": "websocket-client",
        "delay_s": 0.1,
        "mitigation": "none",
        "retry": 0,
        "platform": "Windows",
        "event_loop": "gevent-libev",
        "python": "3.11.9",
        "host": "h1",
        "simulated": False,
        "scheduled_at": START_US,
        "started_at": START_US,
        "duration_s": 0.5,
        "budget_s": 10.0,
        "outcome": "ok",
        "phase": "welcome",
        "loop_lag_s": 0.001,
        "loop_blocked_s": 0.0,
        "open_connections": 1,
    }
    return row | given


# Rows end where the last one does; this one, long after the others, leaves nothing of them in the tail.
LATE = a_row(kind="close", operation="close", seq=1, scheduled_at=START_US + 600_000_000, started_at=None)


def tables_of(*rows: oracle.Row, end: datetime | None = None) -> Tables:
    return reduce(open_rows(arrow(list(rows))), ends={"run-1": end} if end else {})


FAILURES: list[tuple[oracle.Row, str]] = [
    ({"outcome": "timeout", "cause": "silent_peer"}, "residual"),
    ({"outcome": "failed", "cause": "reset"}, "residual"),
    ({"outcome": "failed", "cause": "http_status", "http_status": 403}, "residual"),
    ({"outcome": "failed", "cause": "http_status", "http_status": 503}, "explicit"),
    ({"outcome": "failed", "cause": "http_status", "http_status": 429}, "explicit"),
    ({"outcome": "failed", "cause": "server_error"}, "explicit"),
    ({"outcome": "failed", "cause": "refused"}, "residual"),
    ({"outcome": "failed", "cause": "keepalive", "close_code": 1011}, "residual"),
    ({"outcome": "failed", "cause": "server_closed", "close_code": 1012}, "explicit"),
    ({"outcome": "failed", "cause": "server_closed", "close_code": 1006}, "residual"),
    ({"outcome": "failed", "cause": "server_closed"}, "residual"),
    ({"outcome": "failed", "cause": "client_error"}, "format"),
    ({"outcome": "failed", "cause": "http_status", "http_status": 404}, "residual"),
    ({"outcome": "failed", "cause": "malformed"}, "format"),
    ({"outcome": "failed", "cause": "subprotocol"}, "format"),
    ({"outcome": "failed", "cause": "auth_rejected"}, "auth"),
    ({"outcome": "failed", "cause": "local_resource"}, "harness"),
    ({"outcome": "failed", "cause": "harness"}, "harness"),
    ({"outcome": "timeout", "cause": "silent_peer", "loop_lag_s": 5.0}, "client_loop"),
    ({"outcome": "timeout", "cause": "silent_peer", "loop_blocked_s": 5.0}, "client_loop"),
    ({"outcome": "failed", "cause": "auth_rejected", "loop_lag_s": 5.0}, "client_loop"),
    ({"outcome": "timeout", "cause": "silent_peer", "loop_lag_s": 2.5}, "lagged"),
    ({"outcome": "failed", "cause": "server_error", "loop_lag_s": 2.5}, "explicit"),
    ({"outcome": "timeout", "cause": "silent_peer", "loop_lag_s": None, "loop_blocked_s": None}, "residual"),
]


def test_a_failure_counts_in_one_column_by_the_order_of_explanation():
    rows = [a_row(kind="exchange", operation=f"case {n}", seq=n, **row) for n, (row, _) in enumerate(FAILURES)]
    cells = tables_of(*rows, LATE).cells.set_index("operation")
    for number, (row, column) in enumerate(FAILURES):
        counted = cells.loc[f"case {number}", list(EXPLANATIONS)].to_dict()
        assert counted == {name: int(name == column) for name in EXPLANATIONS}, row


def test_the_generators_own_failures_leave_the_denominator_of_the_comparisons():
    cells = tables_of(a_row(outcome="failed", cause="harness"), a_row(seq=1), LATE).cells
    assert (cells["n"].sum(), cells["bad"].sum(), cells["n_clean"].sum()) == (2, 1, 1)


def test_attempts_within_their_own_budget_before_the_end_are_dropped():
    at = [a_row(seq=n, scheduled_at=START_US + n * 1_000_000, started_at=None) for n in range(40)]
    end = datetime.fromtimestamp(START_US / 1e6 + 30, UTC)
    tables = tables_of(*at, end=end)
    assert tables.totals.loc[0, "attempts"] == 20
    assert tables.totals.loc[0, "dropped_tail"] == 20
    assert tables.notes == ("20 attempts were dropped: scheduled within their own budget before their run's end.",)


def test_a_longer_budget_elsewhere_drops_nothing_here():
    short = [a_row(seq=n, budget_s=2.0, scheduled_at=START_US + n * 1_000_000, started_at=None) for n in range(30)]
    patient = a_row(seq=30, operation="start_agent", kind="exchange", budget_s=25.0)
    end = datetime.fromtimestamp(START_US / 1e6 + 30, UTC)
    assert tables_of(*short, patient, LATE, end=end).totals.loc[0, "attempts"] == 28 + 1


def test_refusals_in_the_tail_were_complete_when_they_came():
    refused = a_row(outcome="failed", cause="auth_rejected", duration_s=0.1, token_age_s=1.0, token_ttl_s=900.0)
    tables = tables_of(refused, a_row(seq=1, outcome="aborted"))
    assert tables.totals.loc[0, "attempts"] == 0
    assert tables.cut[["n", "auth", "auth_fresh"]].sum().to_list() == [2, 1, 1]


def test_mute_connections_are_told_from_those_that_are_silent_now_and_then():
    def asked(connection: int, outcomes: str) -> list[oracle.Row]:
        silent = {"outcome": "timeout", "cause": "silent_peer", "checked_s": 0.01, "pong_s": 0.01, "frames_in": 0}
        return [
            a_row(
                kind="exchange",
                operation="ping",
                phase="exchange",
                connection=connection,
                seq=20 * connection + n,
                scheduled_at=START_US + n * 1_000_000,
                budget_s=0.5,
                **(silent if outcome == "s" else {}),
            )
            for n, outcome in enumerate(outcomes)
        ]

    tables = tables_of(*asked(0, "oosss"), *asked(1, "oososssoo"), *asked(2, "ooo"), *asked(3, "ss"), LATE)
    counts = {(bool(row.is_mute), row.operation): row.n for row in tables.mute.itertuples()}
    assert counts == {(True, ""): 1, (False, ""): 2, (True, "ping"): 3, (False, "ping"): 4 + 2}


def test_the_end_of_a_run_is_the_planned_one_or_an_earlier_one():
    manifest = {"planned_end_at": "2026-01-05T10:00:00+00:00", "ended_at": "2026-01-05T09:30:00Z"}
    assert run_end(manifest) == datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    assert run_end({"planned_end_at": "2026-01-05T10:00:00", "ended_at": None}) == datetime(
        2026, 1, 5, 10, 0, tzinfo=UTC
    )
    assert run_end({}) is None


def test_retries_are_beside_the_first_tries_and_what_they_rescued_is_counted():
    first = a_row(mitigation="retry", outcome="timeout", cause="silent_peer")
    second = a_row(mitigation="retry", retry=1, seq=1, connection=2, scheduled_at=START_US + 1_000_000)
    tables = tables_of(first, second, LATE)
    counts = tables.cells[["n", "bad", "retries", "rescued"]].sum()
    assert counts.to_dict() == {"n": 1, "bad": 1, "retries": 1, "rescued": 1}
    started = tables.mitigation_costs
    assert started.loc[started["latency_bin"].isna(), "n"].sum() == 2
    assert len(tables.slots) == 0


def test_every_arm_of_mitigation_has_cells_of_its_own():
    cells = tables_of(a_row(), a_row(seq=1, mitigation="warmup"), LATE).cells
    assert cells.set_index("mitigation")["n"].to_dict() == {"none": 1, "warmup": 1}


def always_of(*rows: oracle.Row) -> list[tuple[Any, ...]]:
    """What always fails, by rows that are numbered here; each user stands for a number of attempts."""
    table = tables_of(*(row | {"seq": seq} for seq, row in enumerate(rows)), LATE | {"seq": len(rows)}).always
    return list(table[["platform", "what", "subject", "part", "size", "n", "bad"]].itertuples(index=False, name=None))


def tried(n: int, bad: int, **given: Any) -> list[oracle.Row]:
    return [a_row(**given, **({"outcome": "failed", "cause": "reset"} if i < bad else {})) for i in range(n)]


def test_a_user_whose_attempts_fail_nine_times_in_ten_of_ten_and_more_is_one_that_always_fails():
    fine = tried(10, 0, subject="bert")
    assert always_of(*tried(10, 9, subject="anna"), *fine) == [("Windows", "user", "anna", "", -1, 10, 9)]
    assert always_of(*tried(10, 8, subject="anna"), *fine) == []
    assert always_of(*tried(9, 9, subject="anna"), *fine) == []
    # A second try is no attempt of its own, and other arms may change what fails.
    assert always_of(*tried(9, 9, subject="anna"), *tried(1, 1, subject="anna", retry=1), *fine) == []
    assert always_of(*tried(9, 9, subject="anna"), *tried(1, 1, subject="anna", mitigation="retry"), *fine) == []


def test_where_most_users_of_a_platform_always_fail_it_is_not_they_who_do():
    struck = [tried(10, 10, subject=name) for name in ("anna", "bert")]
    fine = [tried(10, 0, subject=name) for name in ("cleo", "dora")]
    assert [row[2] for row in always_of(*chain(*struck, *fine))] == ["anna", "bert"]
    assert always_of(*chain(*struck, fine[0])) == []
    elsewhere = [tried(10, 0, subject=name, platform="Linux", host="h2") for name in ("cleo", "dora")]
    assert always_of(*chain(*struck, *elsewhere)) == []


def test_a_user_may_fail_always_in_one_kind_or_one_operation_only():
    fine = [*tried(10, 0, subject="bert"), *tried(30, 0, subject="bert", kind="exchange", operation="chat")]
    mine = {"subject": "anna", "kind": "exchange"}
    half = [
        *tried(10, 0, subject="anna"),
        *tried(6, 6, operation="chat", **mine),
        *tried(6, 6, operation="ping", **mine),
    ]
    assert always_of(*fine, *half) == [("Windows", "user", "anna", "exchanges", -1, 12, 12)]
    one = [*half[:10], *tried(10, 10, operation="chat", **mine), *tried(10, 0, operation="ping", **mine)]
    assert always_of(*fine, *one) == [("Windows", "user", "anna", "chat", -1, 10, 10)]


def never_ok_of(*rows: oracle.Row) -> dict[tuple[str, str], tuple[int, int]]:
    """Users who never succeeded and their attempts, by platform and kind; the rows are numbered here."""
    table = tables_of(*(row | {"seq": seq} for seq, row in enumerate(rows)), LATE | {"seq": len(rows)}).never_ok
    return {(row.platform, row.kind): (row.users, row.n) for row in table.itertuples()}


def test_a_user_who_failed_each_time_of_two_to_nine_never_succeeded():
    others = [row for name in ("bert", "cleo", "dora") for row in tried(30, 0, subject=name)]
    assert never_ok_of(*tried(2, 2, subject="anna"), *others) == {("Windows", "connect"): (1, 2)}
    assert never_ok_of(*tried(9, 9, subject="anna"), *others) == {("Windows", "connect"): (1, 9)}
    # Once may be bad luck, ten times is always, and one success is a success.
    for n, bad in ((1, 1), (10, 10), (9, 8)):
        assert never_ok_of(*tried(n, bad, subject="anna"), *others) == {}
    # Where most users never succeed it is not they who fail, and whoever came in an outage failed with everybody.
    assert never_ok_of(*tried(2, 2, subject="anna"), *tried(2, 2, subject="emil"), *others[:30]) == {}
    assert never_ok_of(*tried(2, 2, subject="anna"), *tried(3, 2, subject="bert")) == {}


def test_a_user_may_never_succeed_at_one_operation_only():
    others = [row for name in ("bert", "cleo") for row in tried(30, 0, subject=name, kind="exchange", operation="chat")]
    mine = {"subject": "anna", "kind": "exchange"}
    rows = [*tried(3, 3, operation="chat", **mine), *tried(20, 0, operation="ping", **mine), *others]
    assert never_ok_of(*rows) == {("Windows", "exchange"): (1, 3)}


def test_a_scenario_may_fail_always_as_a_user_may():
    burst = {"scenario": "burst", "kind": "exchange"}
    fine = [*tried(10, 0), *tried(10, 0, kind="exchange", operation="chat")]
    assert always_of(*fine, *tried(10, 0, scenario="burst"), *tried(10, 10, operation="chat", **burst)) == [
        ("Windows", "scenario", "burst", "exchanges", -1, 10, 10)
    ]
    assert always_of(*fine, *tried(10, 8, operation="chat", **burst)) == []
    # The only scenario is no condition.
    assert always_of(*tried(10, 10, operation="chat", **burst)) == []


def test_attempts_of_a_scenario_that_always_fails_are_counted_in_their_cells():
    fine, struck = tried(12, 0), tried(12, 12, scenario="burst")
    rows = [row | {"seq": seq} for seq, row in enumerate([*fine, *struck])]
    cells = tables_of(*rows, LATE | {"seq": len(rows)}).cells
    assert cells[["n_always", "bad_always"]].sum().to_dict() == {"n_always": 12, "bad_always": 12}


def test_a_user_who_came_during_an_outage_is_not_one_that_always_fails():
    fine = [row | {"scheduled_at": row["scheduled_at"] + 300_000_000} for row in tried(30, 0, subject="bert")]
    assert always_of(*tried(10, 10, subject="anna"), *tried(5, 5, subject="bert"), *fine) == []
    assert [row[2] for row in always_of(*tried(10, 10, subject="anna"), *tried(15, 0, subject="bert"), *fine)] == [
        "anna"
    ]


def asked(n: int, bad: int, size: int | None, **given: Any) -> list[oracle.Row]:
    return tried(n, bad, **({"kind": "exchange", "operation": "chat", "bytes_out": size} | given))


def test_a_size_from_which_on_requests_always_fail_is_the_smallest_such():
    fine = [*asked(10, 0, 100), *asked(10, 0, 600)]
    assert always_of(*fine, *asked(6, 6, 2048), *asked(10, 10, 5000)) == [("Windows", "size", "", "chat", 11, 16, 16)]
    assert always_of(*fine, *asked(10, 2, 2048), *asked(10, 10, 5000)) == [("Windows", "size", "", "chat", 12, 10, 10)]
    assert always_of(*fine, *asked(9, 9, 5000)) == []
    assert always_of(*fine, *asked(10, 10, None)) == []
    assert always_of(*fine, *asked(10, 10, 5000, kind="connect", operation="connect")) == []


def test_an_operation_that_fails_at_every_size_is_not_one_of_a_size():
    few = [*asked(2, 1, 100_000), *asked(2, 1, 5000), *asked(2, 1, 1000)]
    assert always_of(*few, *asked(100, 100, 100)) == []


def test_what_always_fails_on_one_platform_is_not_counted_on_the_other():
    rows = [
        row
        for platform, host, bad in (("Windows", "h1", 10), ("Linux", "h2", 0))
        for row in (
            *asked(10, 0, 100, platform=platform, host=host),
            *asked(11, bad, 5000, platform=platform, host=host),
        )
    ]
    tables = tables_of(*rows, LATE)
    assert list(tables.always["platform"]) == ["Windows"]
    counted = tables.cells.groupby("platform")[["n", "n_always", "bad_always"]].sum()
    assert counted.to_dict("index") == {
        "Linux": {"n": 21, "n_always": 0, "bad_always": 0},
        "Windows": {"n": 21, "n_always": 11, "bad_always": 10},
    }


def test_many_users_who_always_fail_hide_no_size(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("analysis.reduction.always_fails.MOST_ALWAYS", 1)
    users = [row for name in ("anna", "bert") for row in tried(10, 10, subject=name)]
    fine = [row for name in ("cleo", "dora") for row in tried(10, 0, subject=name)]
    sizes = [*asked(30, 0, 100, subject="cleo"), *asked(10, 10, 5000, subject="dora")]
    assert [row[1:4] for row in always_of(*users, *fine, *sizes)] == [("user", "anna", ""), ("size", "", "chat")]


def test_no_rows_and_one_row_give_tables_with_all_columns():
    empty, one = tables_of(), tables_of(a_row())
    assert empty.totals.loc[0, "rows"] == 0
    assert one.totals.loc[0, "dropped_tail"] == 1
    full = tables_of(a_row(), a_row(kind="exchange", operation="ping", seq=2, server_instance="i1"), LATE)
    for field in fields(Tables):
        if field.name != "notes":
            for few in (empty, one):
                assert list(getattr(few, field.name).columns) == list(getattr(full, field.name).columns), field.name


def test_a_missing_optional_column_is_not_measured():
    rows = [a_row(outcome="timeout", cause="silent_peer", rtt_s=0.04, server_instance="i1"), LATE]
    optional = ("loop_lag_s", "loop_blocked_s", "rtt_s", "server_instance", "site", "preface_frames", "token_ttl_s")
    kept = tuple(c for c in COLUMNS if c.name not in optional)
    tables = reduce(open_rows(arrow(rows, kept)))
    assert tables.cells.loc[0, ["n", "residual", "lag_null", "any_lag_bad"]].tolist() == [1, 1, 1, 1]
    assert tables.base_rtt["base_rtt_s"].isna().all()
    assert len(tables.base_rtt) == 1
    assert len(tables.instances) == 0
    assert tables.sites["site"].isna().all()


def test_a_blank_name_is_an_unknown_one_and_its_rows_count_once():
    names = ("mitigation", "event_loop", "site", "server_instance")
    rows = [a_row(seq=seq, subject="", **dict.fromkeys(names, name)) for seq, name in enumerate((None, "", " "))]
    tables = tables_of(*rows, LATE | {"seq": 3, "site": None})
    assert list(tables.cells["n"]) == [3]
    assert tables.totals["dropped_tail"].item() == 0
    assert tables.sites["site"].isna().all()
    assert set(tables.cells["mitigation"]) == {"none"}
    assert set(tables.cells["event_loop"]) == {"unknown"}
    assert tables.instances["server_instance"].isna().all()
    assert tables.subjects.empty


def test_unknown_columns_and_kinds_are_left_alone():
    rows = arrow([a_row(), a_row(kind="dance", seq=1), LATE | {"seq": 2}])
    tables = reduce(open_rows(rows.append_column("mood", pa.array(["good"] * 3))))
    assert tables.totals.loc[0, "attempts"] == 1
    assert tables.notes == ("1 rows were left out: their kind is not one of the contract's.",)


def test_rows_that_say_nothing_are_left_out_and_counted():
    blank = [a_row(seq=1, host=None), a_row(seq=2, outcome="dunno"), a_row(seq=3, budget_s=math.nan)]
    tables = tables_of(a_row(), *blank, LATE | {"seq": 4})
    assert tables.totals.loc[0, "attempts"] == 1
    assert tables.notes == ("3 rows were left out: without run, place, time, arm, budget or outcome.",)


def test_absurd_numbers_are_left_out_or_bounded_and_never_an_error():
    absurd = [
        a_row(seq=1, duration_s=1e300),
        a_row(seq=2, duration_s=-1.0),
        a_row(seq=3, budget_s=math.inf),
        a_row(seq=4, delay_s=1e200),
        a_row(seq=5, rtt_s=1e250, connection=2**62, loop_lag_s=math.inf, idle_s=1e100),
        a_row(seq=6, kind="hold", operation="hold", connection=2**62, idle_s=1e100),
    ]
    tables = tables_of(a_row(rtt_s=0.05), *absurd, LATE | {"seq": 7})
    assert tables.totals.loc[0, "attempts"] == 2
    assert tables.notes[0].startswith("4 rows were left out")
    assert tables.holds["n"].sum() == 1
    assert tables.base_rtt.loc[0, "base_rtt_s"] == pytest.approx(-0.05)


def test_moments_without_a_zone_are_utc():
    rows = arrow([a_row(), LATE])
    naive = rows.set_column(
        rows.column_names.index("scheduled_at"), "scheduled_at", rows["scheduled_at"].cast(pa.timestamp("us"))
    )
    assert reduce(open_rows(naive)).cells.equals(reduce(open_rows(rows)).cells)


def many_rows(count: int = 3000) -> list[oracle.Row]:
    rng = np.random.default_rng(5)
    return [
        a_row(
            seq=n,
            worker=f"w{n % 4}",
            host=f"h{n % 4}",
            platform=("Windows", "Linux")[n % 2],
            connection=n // 5,
            subject=f"user-{n // 5 % 40}",
            kind="connect" if n % 5 == 0 else "exchange",
            operation="connect" if n % 5 == 0 else "ping",
            delay_s=float(rng.choice([0.0, 0.1, 0.3])),
            scheduled_at=START_US + n * 200_000,
            started_at=START_US + n * 200_000,
            outcome="timeout" if rng.random() < 0.1 else "ok",
            cause=None,
            rtt_s=float(rng.uniform(0.03, 0.05)),
            server_instance=f"i{n % 3}",
        )
        for n in range(count)
    ]


def assert_same(one: Tables, two: Tables, *, but: tuple[str, ...] = ()) -> None:
    for field in fields(Tables):
        if field.name not in but:
            left, right = getattr(one, field.name), getattr(two, field.name)
            if isinstance(left, pd.DataFrame):
                pd.testing.assert_frame_equal(left, right)
            else:
                assert left == right


def test_neither_the_order_of_rows_nor_the_files_they_are_in_matter(tmp_path: Any):
    rows = arrow(many_rows())
    shuffled = rows.take(np.random.default_rng(1).permutation(len(rows)))
    pq.write_table(shuffled.slice(0, 700), tmp_path / "b.parquet")
    # Files of other versions: other order of columns, some absent, some of them encoded.
    other = shuffled.slice(700).select(sorted(rows.column_names)).drop_columns(["detail", "errno"])
    encoded = other.set_column(other.column_names.index("host"), "host", other["host"].dictionary_encode())
    pq.write_table(encoded, tmp_path / "a.parquet")
    whole = reduce(open_rows(rows))
    assert_same(whole, reduce(open_rows(shuffled)))
    assert_same(whole, reduce(open_attempts([tmp_path / "a.parquet", tmp_path / "b.parquet"])))


def test_the_cells_of_two_files_add_up_to_the_cells_of_both():
    rows, end = many_rows(), {"run-1": datetime.fromtimestamp(START_US / 1e6, UTC) + timedelta(minutes=9)}
    parts = [reduce(open_rows(arrow([*part, LATE])), ends=end) for part in (rows[::2], rows[1::2])]
    whole = reduce(open_rows(arrow([*rows, LATE])), ends=end)
    for name, counts in (("cells", [c for c in CELL_COUNTS if c != "connections"]), ("slots", ["n", "bad"])):
        together = pd.concat([getattr(part, name) for part in parts])
        keys = [k for k in whole.cells.columns if k not in CELL_COUNTS] if name == "cells" else ["host", "slot"]
        added = together.groupby(keys, dropna=False)[counts].sum()
        pd.testing.assert_frame_equal(added, getattr(whole, name).groupby(keys, dropna=False)[counts].sum())


def test_connections_are_counted_in_the_first_minutes_and_estimated_after_them(monkeypatch: pytest.MonkeyPatch):
    rows = arrow([*many_rows(), LATE])
    exact = reduce(open_rows(rows)).cells
    monkeypatch.setattr("analysis.reduction.reduce.DISTINCT_ROWS", 600)
    estimated = reduce(open_rows(rows)).cells
    keys = [name for name in exact.columns if name != "connections"]
    pd.testing.assert_frame_equal(exact[keys], estimated[keys])
    counted = exact["minute"] < exact["minute"].min() + 2
    assert estimated.loc[counted, "connections"].equals(exact.loc[counted, "connections"])
    assert estimated["connections"].sum() == pytest.approx(exact["connections"].sum(), rel=0.05)
    assert (estimated["connections"] <= estimated["n"]).all()


def test_sums_over_connections_of_a_sample_tell_what_those_of_all_do(monkeypatch: pytest.MonkeyPatch):
    rows = arrow([*many_rows(), LATE])
    exact = reduce(open_rows(rows)).dealt
    monkeypatch.setattr("analysis.reduction.samples.SAMPLE_ROWS", len(many_rows()) // 2)
    sampled = reduce(open_rows(rows)).dealt
    counts = ["m", "n", "nn", "x_unexplained"]
    assert (sampled[counts].to_numpy() % 2 == 0).all()
    assert sampled[counts].sum().to_numpy() == pytest.approx(exact[counts].sum().to_numpy(), rel=0.2)
    assert not sampled.equals(exact)


def test_aborted_rows_change_no_count_but_their_own():
    rows = [*many_rows(500), LATE]
    before = reduce(open_rows(arrow(rows)))
    cut_off = [row | {"outcome": "aborted", "seq": None} for row in many_rows(200) if row["kind"] == "exchange"]
    after = reduce(open_rows(arrow(rows + cut_off)))
    assert_same(before, after, but=("totals", "notes", "cut"))
    changed = before.totals.compare(after.totals).columns.get_level_values(0).unique()
    assert set(changed) == {"rows", "aborted"}


def test_two_runs_are_the_tables_of_each_side_by_side():
    one = [a_row(seq=n, scheduled_at=START_US + n * 1_000_000, started_at=None) for n in range(30)]
    two = [row | {"run_id": "run-2", "scheduled_at": row["scheduled_at"] + 10**12} for row in one]
    both = reduce(open_rows(arrow(one + two))).cells
    alone = [reduce(open_rows(arrow(rows))).cells for rows in (one, two)]
    pd.testing.assert_frame_equal(both, pd.concat(alone, ignore_index=True))


def test_nothing_is_left_behind_in_the_engine():
    rows = open_rows(arrow([a_row(), LATE]))
    names = "select view_name from duckdb_views() union select table_name from duckdb_tables()"
    before = set(rows.get_backend().raw_sql(names).fetchall())
    reduce(rows)
    left = set(rows.get_backend().raw_sql(names).fetchall()) - before
    assert not [name for (name,) in left if name.startswith("wsoak")]


def test_no_file_is_wrong_usage():
    with pytest.raises(ValueError, match="no Parquet file"):
        open_attempts([])


def test_connections_with_many_attempts_are_summed_as_counting_them_one_by_one_gives():
    rng = np.random.default_rng(3)
    silent = {"outcome": "timeout", "cause": "silent_peer", "pong_s": 0.01, "frames_in": 0}
    ways: list[oracle.Row] = [
        *({},) * 6,
        silent,
        silent | {"pong_s": None},
        *({"outcome": "failed", "cause": cause} for cause in ("server_error", "auth_rejected", "malformed", "harness")),
        silent | {"loop_lag_s": 3.0},
        silent | {"retry": 1},
        silent | {"mitigation": "retry"},
    ]
    rows = [
        a_row(
            run_id=("run-1", "run-2")[n % 2],
            seq=n // 2,
            connection=int(rng.integers(4)),
            kind="exchange",
            operation="ping",
            server_instance=("i1", None)[int(rng.integers(2))],
            bytes_out=10,
            **ways[int(rng.integers(len(ways)))],
        )
        for n in range(200)
    ]
    late = [LATE | {"run_id": run, "seq": 100} for run in ("run-1", "run-2")]
    counted = as_dict(tables_of(*rows, *late).dealt, DEALT_COUNTS)
    assert counted == without_zeros(oracle.dealt(rows))
    (one, _) = counted.values()
    assert one["m"] == 8
    assert len({one[f"x_{name}"] for name in VARIANTS}) == len(VARIANTS)
    assert one["nn"] > 4 * one["n"]


def a_session(seq: int, **given: Any) -> oracle.Row:
    """A session that ended as planned, held from the run's start on."""
    return a_row(kind="hold", operation="hold", seq=seq, **{"connection": seq, "duration_s": 333.4, **given})


RESET = {"outcome": "failed", "cause": "reset", "closed_by": "network"}


def test_of_sessions_that_nobody_ended_only_coarse_ages_are_kept_and_no_arm() -> None:
    tables = tables_of(a_row(), a_session(2), a_session(3, **RESET), LATE | {"seq": 4})
    by_peer = tables.holds["by_peer"].astype(bool)
    (kept,), (ended,) = (tables.holds[mask].to_dict("records") for mask in (~by_peer, by_peer))
    # 333.4 s are bin 666; from 200 s on the bins of those that nobody ended are four wide.
    assert (kept["duration_bin"], ended["duration_bin"]) == (664, 666)
    assert pd.isna(kept["client"]) and pd.isna(kept["delay_us"])
    assert (ended["client"], ended["delay_us"], ended["cause"]) == ("websocket-client", 100_000.0, "reset")
    (of_arm,) = tables.reached.to_dict("records")
    assert (of_arm["client"], of_arm["of"], of_arm["bin"], of_arm["n"]) == ("websocket-client", "age", 664, 1)


@pytest.mark.parametrize(
    ("given", "died"),
    [
        (RESET, True),
        (RESET | {"cause": "server_closed", "close_code": 1006}, True),
        ({"outcome": "failed", "cause": "keepalive", "closed_by": "client"}, True),
        (RESET | {"retry": 1}, False),
        (RESET | {"cause": "auth_rejected"}, False),
        (RESET | {"cause": "malformed"}, False),
        (RESET | {"cause": "harness"}, False),
        (RESET | {"loop_lag_s": 12.0}, False),
        ({"outcome": "aborted"}, False),
    ],
)
def test_a_session_died_if_it_ended_early_and_neither_this_tester_nor_its_token_or_message_was_why(
    given: dict[str, Any], died: bool
) -> None:
    tables = tables_of(a_row(), a_session(2, **given), LATE | {"seq": 4})
    assert tables.holds["died"].tolist() == [died]


def test_a_session_that_ended_in_the_middle_of_an_exchange_did_not_die_while_it_was_held() -> None:
    asked = a_row(kind="exchange", operation="ping", phase="exchange", seq=2, connection=3, **RESET)
    tables = tables_of(a_row(), asked, a_session(3, **RESET), a_session(4, **RESET), LATE | {"seq": 5})
    assert sorted(tables.holds["died"].tolist()) == [False, True]
    assert tables.holds["by_peer"].all()
