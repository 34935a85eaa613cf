"""Every small table against a slow oracle on random rows, and the method's invariants 1, 4 and 14."""

import functools
import math
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.reduction.explain import EXPLANATIONS
from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.runs.engine import open_attempts, open_rows
from attempts.schema import COLUMNS, RUNGS, Column
from tests.analysis import reduce_oracle as oracle
from tests.analysis.reduction.attempt_rows import (
    DEALT_COUNTS,
    LATE,
    MANY_END,
    START_US,
    a_row,
    arrow,
    as_dict,
    many_rows,
    tables_of,
    without_zeros,
)
from tests.kit.examples import examples

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
        "lost_at": st.sampled_from([*RUNGS, None, None, None, "unacknowledged", "silent_process"]),
        "tcp_retransmits": st.sampled_from([None, 0, 2]),
        "tcp_acknowledged_s": st.sampled_from([None, 0.1, 4.9, 30.0]),
        "peer_address": st.sampled_from([None, "a1", "a2"]),
    }
    chosen = choices.get(column.name, st.none())
    if column.name in NULL_FREE:
        return chosen
    # A null now and then, in the columns that should have none, too: rows come from anywhere.
    return st.integers(0, 30).flatmap(lambda n: st.none() if n == 0 else chosen)


ROWS = st.lists(st.fixed_dictionaries({c.name: values_of(c) for c in COLUMNS}), min_size=1, max_size=60)


CELL_COUNTS = [
    *("n", "connections", "bad", "timeouts", *EXPLANATIONS, "auth_fresh", "any_lag_bad", "lag_null", "n_clean"),
    *("acknowledged", "on_way", "unmatched", "placed", "here", "may_be_way", "repeated"),
    *("checked", "unasked", "late", "unanswered", "said_no", "good", "good_lagged", "retries", "rescued"),
    *("n_always", "bad_always"),
]


CUT_COUNTS = ["n", "connections", "auth", "auth_fresh", "format", "explicit"]
INSTANCE_COUNTS = ["n", "bad", "auth", "auth_fresh", "format", "explicit", "unanswered"]
SESSION_COUNTS = ["n", "auth", "auth_fresh", "explicit", "format", "failed"]


@settings(max_examples=examples(0.1), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, ended=st.one_of(st.none(), st.integers(0, 700)))
def test_every_table_is_what_counting_row_by_row_gives(rows: list[oracle.Row], ended: int | None) -> None:
    ends = {} if ended is None else {"run-1": datetime.fromtimestamp(START_US / 1e6 + ended, UTC)}
    with patch("analysis.reduction.always_fails.ALWAYS_LEAST", 2):
        tables = reduce(open_rows(arrow(rows)), ends=ends)
    usable = [row for row in rows if oracle.is_usable(row)]
    end_s = oracle.ends(usable, {run: int(end.timestamp() * 1e6) for run, end in ends.items()})
    waits = oracle.waits(usable, end_s)
    always = oracle.always(waits, least=2)
    is_apart = oracle.runs_other_scenarios(usable)
    assert as_dict(tables.always, ["n", "bad"]) == without_zeros(always)
    assert as_dict(tables.cells, CELL_COUNTS) == without_zeros(oracle.cells(waits, always, is_apart=is_apart))
    assert as_dict(tables.dealt, DEALT_COUNTS) == without_zeros(oracle.dealt(waits))
    assert as_dict(tables.factors, ["n", "bad", "connections"]) == without_zeros(oracle.factors(waits))
    assert as_dict(tables.slots, ["n", "bad", "residual", "on_way"]) == without_zeros(oracle.slots(waits))
    assert as_dict(tables.instances, INSTANCE_COUNTS) == without_zeros(oracle.instances(waits))
    assert as_dict(tables.subjects, ["n", "explicit"]) == without_zeros(oracle.subjects(usable))
    assert as_dict(tables.cut, CUT_COUNTS) == without_zeros(oracle.cut(usable, end_s, is_apart=is_apart))
    assert as_dict(tables.holds, ["n"]) == without_zeros(oracle.holds(usable))
    assert as_dict(tables.reached, ["n"]) == without_zeros(oracle.reached(usable))
    assert as_dict(tables.sessions, SESSION_COUNTS) == without_zeros(oracle.sessions(usable))
    refusals = as_dict(tables.fresh_refusals, ["n", "fresh", "sometimes"])
    assert refusals in ({}, without_zeros(oracle.fresh_refusals(usable)))
    checks = without_zeros(oracle.credential_checks(usable))
    assert as_dict(tables.credential_checks, ["n"]) == checks
    assert as_dict(tables.first_connects, ["n", "bad"]) == without_zeros(oracle.first_connects(usable, waits))
    assert as_dict(tables.idles, ["n", "bad"]) == without_zeros(oracle.idles(waits))
    assert as_dict(tables.continued, ["n", "died"]) == without_zeros(oracle.continued(waits))
    assert as_dict(tables.probes, ["n", "bad"]) == without_zeros(oracle.probes(usable))
    assert as_dict(tables.peers, ["n", "on_way"]) == without_zeros(oracle.peers(waits))
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


@pytest.mark.slow
@settings(max_examples=examples(0.08), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_what_rungs_say_is_counted_once_and_within_what_it_is_said_of(rows: list[oracle.Row]) -> None:
    cells = reduce(open_rows(arrow(rows))).cells
    for part, whole in (
        ("acknowledged", "unanswered"),
        ("here", "client_loop"),
        ("here", "placed"),
        ("placed", "timeouts"),
        ("on_way", "may_be_way"),
    ):
        assert (cells[part] <= cells[whole]).all(), (part, whole)
    assert (cells["unanswered"] + cells["on_way"] + cells["unmatched"] <= cells["residual"]).all()
    assert (cells["may_be_way"] <= cells["residual"] + cells["lagged"]).all()


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
    ({"outcome": "timeout", "cause": "silent_peer", "lost_at": "unread"}, "client_loop"),
    ({"outcome": "timeout", "cause": "harness", "lost_at": "generator"}, "client_loop"),
    ({"outcome": "timeout", "cause": "silent_peer", "loop_lag_s": 5.0, "lost_at": "silent_process"}, "lagged"),
    ({"outcome": "failed", "cause": "server_error", "loop_lag_s": 2.5}, "explicit"),
    ({"outcome": "timeout", "cause": "silent_peer", "loop_lag_s": None, "loop_blocked_s": None}, "residual"),
]


@pytest.mark.slow
def test_a_failure_counts_in_one_column_by_the_order_of_explanation() -> None:
    rows = [a_row(kind="exchange", operation=f"case {n}", seq=n, **row) for n, (row, _) in enumerate(FAILURES)]
    cells = tables_of(*rows, LATE).cells.set_index("operation")
    for number, (row, column) in enumerate(FAILURES):
        counted = cells.loc[f"case {number}", list(EXPLANATIONS)].to_dict()
        assert counted == {name: int(name == column) for name in EXPLANATIONS}, row


def test_the_generators_own_failures_leave_the_denominator_of_the_comparisons() -> None:
    cells = tables_of(a_row(outcome="failed", cause="harness"), a_row(seq=1), LATE).cells
    assert (cells["n"].sum(), cells["bad"].sum(), cells["n_clean"].sum()) == (2, 1, 1)


def test_attempts_within_their_own_budget_before_the_end_are_dropped() -> None:
    at = [a_row(seq=n, scheduled_at=START_US + n * 1_000_000, started_at=None) for n in range(40)]
    end = datetime.fromtimestamp(START_US / 1e6 + 30, UTC)
    tables = tables_of(*at, end=end)
    assert tables.totals.loc[0, "attempts"] == 20
    assert tables.totals.loc[0, "dropped_tail"] == 20
    assert tables.notes == ("20 attempts are in no claim: they began too near their run's end for their budget.",)


def test_a_longer_budget_elsewhere_drops_nothing_here() -> None:
    short = [a_row(seq=n, budget_s=2.0, scheduled_at=START_US + n * 1_000_000, started_at=None) for n in range(30)]
    patient = a_row(seq=30, operation="start_agent", kind="exchange", budget_s=25.0)
    end = datetime.fromtimestamp(START_US / 1e6 + 30, UTC)
    assert tables_of(*short, patient, LATE, end=end).totals.loc[0, "attempts"] == 28 + 1


@pytest.mark.slow
def test_refusals_in_the_tail_were_complete_when_they_came() -> None:
    refused = a_row(outcome="failed", cause="auth_rejected", duration_s=0.1, token_age_s=1.0, token_ttl_s=900.0)
    tables = tables_of(refused, a_row(seq=1, outcome="aborted"))
    assert tables.totals.loc[0, "attempts"] == 0
    assert tables.cut[["n", "auth", "auth_fresh"]].sum().to_list() == [2, 1, 1]


@pytest.mark.slow
def test_retries_are_beside_the_first_tries_and_what_they_rescued_is_counted() -> None:
    first = a_row(mitigation="retry", outcome="timeout", cause="silent_peer")
    second = a_row(mitigation="retry", retry=1, seq=1, connection=2, scheduled_at=START_US + 1_000_000)
    tables = tables_of(first, second, LATE)
    counts = tables.cells[["n", "bad", "retries", "rescued"]].sum()
    assert counts.to_dict() == {"n": 1, "bad": 1, "retries": 1, "rescued": 1}
    started = tables.mitigation_costs
    assert started.loc[started["latency_bin"].isna(), "n"].sum() == 2
    assert len(tables.slots) == 0


@pytest.mark.slow
def test_every_arm_of_mitigation_has_cells_of_its_own() -> None:
    cells = tables_of(a_row(), a_row(seq=1, mitigation="warmup"), LATE).cells
    assert cells.set_index("mitigation")["n"].to_dict() == {"none": 1, "warmup": 1}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_and_one_row_give_tables_with_all_columns(many: Tables, rows: int) -> None:
    few, full = tables_of(*[a_row()] * rows), many
    assert few.totals[["rows", "dropped_tail"]].to_numpy().tolist() == [[rows, rows]]
    for field in fields(Tables):
        if field.name != "notes":
            assert list(getattr(few, field.name).columns) == list(getattr(full, field.name).columns), field.name


def test_a_missing_optional_column_is_not_measured() -> None:
    rows = [a_row(outcome="timeout", cause="silent_peer", rtt_s=0.04, server_instance="i1"), LATE]
    optional = ("loop_lag_s", "loop_blocked_s", "rtt_s", "server_instance", "site", "preface_frames", "token_ttl_s")
    kept = tuple(c for c in COLUMNS if c.name not in optional)
    tables = reduce(open_rows(arrow(rows, kept)))
    assert tables.cells[["n", "residual", "lag_null", "any_lag_bad"]].iloc[0].tolist() == [1, 1, 1, 1]
    assert tables.base_rtt["base_rtt_s"].isna().all()
    assert len(tables.base_rtt) == 1
    assert len(tables.instances) == 0
    assert tables.sites["site"].isna().all()


@pytest.mark.slow
def test_a_blank_name_is_an_unknown_one_and_its_rows_count_once() -> None:
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


@pytest.mark.slow
def test_unknown_columns_and_kinds_are_left_alone() -> None:
    rows = arrow([a_row(), a_row(kind="dance", seq=1), LATE | {"seq": 2}])
    tables = reduce(open_rows(rows.append_column("mood", pa.array(["good"] * 3))))
    assert tables.totals.loc[0, "attempts"] == 1
    assert tables.notes == ("1 rows were left out: their kind is not one of the contract's.",)


@pytest.mark.slow
def test_rows_that_say_nothing_are_left_out_and_counted() -> None:
    blank = [a_row(seq=1, host=None), a_row(seq=2, outcome="dunno"), a_row(seq=3, budget_s=math.nan)]
    tables = tables_of(a_row(), *blank, LATE | {"seq": 4})
    assert tables.totals.loc[0, "attempts"] == 1
    assert tables.notes == ("3 rows were left out: without run, place, time, arm, budget or outcome.",)


@pytest.mark.slow
def test_absurd_numbers_are_left_out_or_bounded_and_never_an_error() -> None:
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


@pytest.mark.slow
def test_moments_without_a_zone_are_utc() -> None:
    rows = arrow([a_row(), LATE])
    naive = rows.set_column(
        rows.column_names.index("scheduled_at"), "scheduled_at", rows["scheduled_at"].cast(pa.timestamp("us"))
    )
    assert reduce(open_rows(naive)).cells.equals(reduce(open_rows(rows)).cells)


def assert_same(one: Tables, two: Tables, *, but: tuple[str, ...] = ()) -> None:
    for field in fields(Tables):
        if field.name not in but:
            left, right = getattr(one, field.name), getattr(two, field.name)
            if isinstance(left, pd.DataFrame):
                pd.testing.assert_frame_equal(left, right)
            else:
                assert left == right


def shuffled_rows() -> pa.Table:
    rows = arrow([*many_rows(), LATE])
    return rows.take(np.random.default_rng(1).permutation(len(rows)))


@pytest.mark.slow
def test_the_order_of_rows_does_not_matter(many: Tables) -> None:
    assert_same(many, reduce(open_rows(shuffled_rows()), ends=MANY_END))


@pytest.mark.slow
def test_the_files_that_rows_are_in_do_not_matter(many: Tables, tmp_path: Any) -> None:
    shuffled = shuffled_rows()
    pq.write_table(shuffled.slice(0, 700), tmp_path / "b.parquet")
    # Files of other versions: other order of columns, some absent, some of them encoded.
    other = shuffled.slice(700).select(sorted(shuffled.column_names)).drop_columns(["detail", "errno"])
    encoded = other.set_column(other.column_names.index("host"), "host", other["host"].dictionary_encode())
    pq.write_table(encoded, tmp_path / "a.parquet")
    files = open_attempts([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    assert_same(many, reduce(files, ends=MANY_END))


@pytest.mark.slow
def test_the_cells_of_two_files_add_up_to_the_cells_of_both(many: Tables) -> None:
    rows, whole = many_rows(), many
    parts = [reduce(open_rows(arrow([*part, LATE])), ends=MANY_END) for part in (rows[::2], rows[1::2])]
    for name, counts in (("cells", [c for c in CELL_COUNTS if c != "connections"]), ("slots", ["n", "bad"])):
        together = pd.concat([getattr(part, name) for part in parts])
        keys = [k for k in whole.cells.columns if k not in CELL_COUNTS] if name == "cells" else ["host", "slot"]
        added = together.groupby(keys, dropna=False)[counts].sum()
        pd.testing.assert_frame_equal(added, getattr(whole, name).groupby(keys, dropna=False)[counts].sum())


@pytest.mark.slow
def test_connections_are_counted_in_the_first_minutes_and_estimated_after_them(
    many: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = many.cells
    monkeypatch.setattr("analysis.reduction.reduce.DISTINCT_ROWS", 600)
    estimated = reduce(open_rows(arrow([*many_rows(), LATE])), ends=MANY_END).cells
    keys = [name for name in exact.columns if name != "connections"]
    pd.testing.assert_frame_equal(exact[keys], estimated[keys])
    counted = exact["minute"] < exact["minute"].min() + 2
    assert estimated.loc[counted, "connections"].equals(exact.loc[counted, "connections"])
    assert estimated["connections"].sum() == pytest.approx(exact["connections"].sum(), rel=0.05)
    assert (estimated["connections"] <= estimated["n"]).all()


@pytest.mark.slow
def test_aborted_rows_change_no_count_but_their_own(many: Tables) -> None:
    rows = [*many_rows(), LATE]
    cut_off = [row | {"outcome": "aborted", "seq": None} for row in many_rows(200) if row["kind"] == "exchange"]
    after = reduce(open_rows(arrow(rows + cut_off)), ends=MANY_END)
    assert_same(many, after, but=("totals", "notes", "cut"))
    changed = many.totals.compare(after.totals).columns.get_level_values(0).unique()
    assert set(changed) == {"rows", "aborted"}


def run_of(run: str) -> list[oracle.Row]:
    start_us = START_US + {"run-1": 0, "run-2": 10**12}[run]
    return [a_row(run_id=run, seq=n, scheduled_at=start_us + n * 1_000_000, started_at=None) for n in range(30)]


@functools.cache
def cells_of_both_runs() -> pd.DataFrame:
    return tables_of(*run_of("run-1"), *run_of("run-2")).cells


@pytest.mark.slow
@pytest.mark.parametrize("run", ["run-1", "run-2"])
def test_two_runs_are_the_tables_of_each_side_by_side(run: str) -> None:
    both = cells_of_both_runs()
    assert list(both["run_id"].unique()) == ["run-1", "run-2"]
    mine = both[both["run_id"] == run].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, tables_of(*run_of(run)).cells)


def test_no_file_is_wrong_usage() -> None:
    with pytest.raises(ValueError, match="no Parquet file"):
        open_attempts([])
