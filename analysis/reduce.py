"""From attempts to small tables: the group-bys G1 to G6 of the method.

Every table is a sum over rows with whole numbers for keys: files and runs merge by adding, rows may come in
any order, and a table's size depends on hosts, minutes and arms, not on the number of attempts. The
expressions are Ibis, so that DuckDB and Spark run the same ones (`source.py`). What a row counts as is
decided in `explain.py`; the columns of each table are listed in `tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
from ibis import _

from analysis.explain import (
    CAUSES_OF_THE_GENERATOR,
    EXPLANATIONS,
    contract_columns,
    explained,
    is_usable,
    microseconds,
    seconds,
)
from analysis.tables import Tables
from attempts.schema import KINDS

MINUTE_S: Final = 60
SLOT_S: Final = 10
# A quota's sliding window, and the bins in which its subjects are compared (method, G4).
WINDOW_S: Final = 300
HOLD_BIN_S: Final = 0.5
# The shortest keepalive in the field is 20 s: a loop that stood still for half of it may itself have cost
# the session, so that its end is no word about the server's limits.
HOLD_LAG_S: Final = 10.0
# Bins a decade of the latency histogram: 12 % wide, finer than the noise of any p99 compared here.
LATENCY_BINS_PER_DECADE: Final = 20

# Up to this many rows connections are counted one by one, beyond it every second, third ... of them: counting
# distinct names is the only step whose memory grows with the rows.
DISTINCT_ROWS: Final = 8_000_000
# (below, width) of bins: exact where it matters, 1 % or better beyond, the last one open-ended.
RTT_STEPS: Final = ((10_000, 10), (100_000, 100), (1_000_000, 1_000), (0, 10_000))
# Known quotas are 5 and 20: exact there, and a subject that connects all the time cannot blow the table up.
ORDINAL_STEPS: Final = ((32, 1), (128, 8), (1_024, 64), (0, 1_024))

WAITS: Final = ("connect", "exchange")
OF_THE_TARGET: Final = ("explicit", "residual")

CELL_KEYS: Final = (
    "run_id",
    "host",
    "platform",
    "site",
    "minute",
    "client",
    "event_loop",
    "delay_us",
    "mitigation",
    "kind",
    "operation",
    "preface",
    "token_expired",
)


def run_end(manifest: Mapping[str, Any]) -> datetime | None:
    """When a run's attempts began to be cut off, by its `run.json`: the planned end, or an earlier one."""
    moments = [_moment(manifest.get(name)) for name in ("planned_end_at", "ended_at")]
    return min((moment for moment in moments if moment is not None), default=None)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def reduce(attempts: ibis.Table, *, ends: Mapping[str, datetime] | None = None) -> Tables:
    """The small tables of the attempts, whatever their number.

    Attempts are the rows of kind connect and exchange that did not end with the run (`aborted`). First tries
    and retries are kept apart, and so are the arms of mitigation.

    Args:
        attempts: Rows of the contract (`source.open_attempts`). Nullable columns may be missing, unknown ones
            are ignored.
        ends: For each run, when it was to end, or ended if that was earlier (`run_end`). Attempts scheduled
            within the largest budget before the end are dropped: the slow ones among them were cut
            off, and only the quick ones would be counted. Where a run's end is not given, and where
            its rows end earlier than that, the end is where its rows end.
    """
    rows = contract_columns(attempts)
    workers = _frame(_workers(rows))
    marked = _marked(rows, _cutoffs(workers, ends or {}))
    waits = marked.filter(_.is_wait)
    plain = waits.filter((_.retry == 0) & (_.mitigation == "none"))
    cells = _with_connections(_frame(_cells(waits)), waits, rows=int(workers["rows"].sum()))
    instances = _frame(_instances(plain))
    rtts = _frame(_rtts(plain))
    hosts = cells[["host", "platform"]].drop_duplicates()
    totals = _totals(workers, cells)
    return Tables(
        cells=cells,
        slots=_frame(_slots(plain)),
        instances=instances,
        subjects=_frame(_subjects(marked)),
        holds=_frame(_holds(marked)),
        base_rtt=_base_rtt(hosts, rtts),
        arm_rtt=_arm_rtt(cells, rtts),
        loops=_sums(cells[cells["mitigation"] == "none"], ["host", "platform"], ["good", "good_lagged"]),
        pythons=_sums(workers, ["platform", "python"], ["n"]),
        platform_instances=_sums(instances, ["platform", "server_instance"], ["n"]),
        sites=_sums(workers, ["platform", "host", "site"], ["n"]),
        probes=_frame(_probes(marked)),
        mitigation_costs=_frame(_mitigation_costs(waits)),
        totals=totals,
        notes=_notes(workers, totals),
    )


def _workers(rows: ibis.Table) -> ibis.Table:
    """What each worker wrote: rows, gaps, the last sign of life, the largest budget."""
    usable = is_usable(rows)
    is_wait = usable & rows.kind.isin(WAITS)
    is_kept = is_wait & (rows.outcome != "aborted")
    is_first = rows.retry.fill_null(0) == 0
    last_s = seconds(ibis.coalesce(rows.started_at, rows.scheduled_at)) + rows.duration_s
    return rows.group_by("run_id", "worker", "host", "platform", "site", "python").agg(
        rows=rows.count(),
        n=_count(is_kept & is_first),
        retries=_count(is_kept & ~is_first),
        aborted=_count(is_wait & (rows.outcome == "aborted")),
        unusable=_count(~usable),
        unknown_kind=_count(~rows.kind.isin(sorted(KINDS)).fill_null(True)),
        simulated=_count(rows.simulated.fill_null(False)),
        lag_null=_count(is_kept & rows.loop_lag_s.isnull()),
        seq_rows=rows.seq.count(),
        seq_sum=rows.seq.sum(),
        seq_max=rows.seq.max(),
        budget_s=is_wait.ifelse(rows.budget_s, ibis.null("float64")).max(),
        last_s=usable.ifelse(last_s, ibis.null("float64")).max(),
    )


def _cutoffs(workers: pd.DataFrame, ends: Mapping[str, datetime]) -> dict[str, int]:
    """For each run the second from which its attempts are dropped."""
    cutoffs = {}
    for run, group in workers.groupby("run_id"):
        last_s, budget_s = float(group["last_s"].max()), float(group["budget_s"].max())
        end = ends.get(str(run))
        if end is not None:
            last_s = min(last_s, end.timestamp())
        if np.isfinite(last_s) and np.isfinite(budget_s):
            cutoffs[str(run)] = int(np.floor(last_s - budget_s))
    return cutoffs


def _marked(rows: ibis.Table, cutoffs: Mapping[str, int]) -> ibis.Table:
    """The usable rows, explained; `is_wait`: a connect or exchange that ended, scheduled before the tail."""
    marked = explained(rows.filter(is_usable(rows))).mutate(
        retry=_.retry.fill_null(0),
        mitigation=_.mitigation.fill_null("none"),
        event_loop=_.event_loop.fill_null("unknown"),
    )
    # A join would be the way for many runs; engines look a CASE over few strings up once a string.
    branches = [(marked.run_id == run, ibis.literal(second, "int64")) for run, second in cutoffs.items()]
    cutoff = ibis.cases(*branches) if branches else ibis.null("int64")
    is_wait = marked.kind.isin(WAITS) & (marked.outcome != "aborted") & (marked.second < cutoff)
    return marked.mutate(is_wait=is_wait.fill_null(False), minute=marked.second // MINUTE_S)


def _cells(waits: ibis.Table) -> ibis.Table:
    """G1: what happened in each minute of each host, by arm and operation."""
    first = waits.retry == 0
    bad = first & waits.is_bad
    return waits.group_by(*CELL_KEYS).agg(
        n=_count(first),
        bad=_count(bad),
        timeouts=_count(first & (waits.outcome == "timeout")),
        **{name: _count(first & (waits.explanation == name)) for name in EXPLANATIONS},
        auth_fresh=_count(first & (waits.explanation == "auth") & waits.token_fresh),
        any_lag_bad=_count(bad & waits.has_any_lag),
        lag_null=_count(first & waits.loop_lag_s.isnull()),
        n_clean=_count(first & waits.is_clean),
        good=_count(first & ~waits.is_bad),
        good_lagged=_count(first & ~waits.is_bad & waits.has_lag),
        retries=_count(~first),
        rescued=_count(~first & ~waits.is_bad),
    )


def _with_connections(cells: pd.DataFrame, waits: ibis.Table, *, rows: int) -> pd.DataFrame:
    """Add `connections`, the distinct ones. Counting them is the one thing that grows with the rows."""
    every = max(1, -(-rows // DISTINCT_ROWS))
    sample = waits.filter((_.retry == 0) & (_.connection % every == 0))
    named = sample.mutate(name=sample.worker + ":" + sample.connection.cast("string"))
    counted = _frame(named.group_by(*CELL_KEYS).agg(connections=named.name.nunique()))
    cells = cells.merge(counted, how="left", on=list(CELL_KEYS), validate="one_to_one")
    estimate = cells["connections"].fillna(0) * every
    return cells.assign(connections=np.minimum(estimate, cells["n"]).astype("int64"))


def _slots(plain: ibis.Table) -> ibis.Table:
    """G2: failures that are not the client's or the token's, in slots short enough for synchrony."""
    return (
        plain.mutate(slot=plain.second // SLOT_S)
        .group_by("host", "platform", "slot", "operation")
        .agg(
            n=_.count(),
            bad=_count(_.explanation.isin(OF_THE_TARGET)),
            residual=_count(_.explanation == "residual"),
        )
    )


def _instances(plain: ibis.Table) -> ibis.Table:
    """G3: the same by the server's instance, where it named one."""
    return (
        plain.filter(_.server_instance.notnull())
        .group_by("host", "platform", "minute", "server_instance", "kind", "operation")
        .agg(n=_.count(), bad=_count(_.explanation.isin(OF_THE_TARGET)))
    )


def _subjects(marked: ibis.Table) -> ibis.Table:
    """G4: connects by their ordinal among their subject's connects of the last `WINDOW_S`.

    A server counts every connect against a quota: retries, other arms and those that the run's end cut off
    have an ordinal too, though only the plain ones are counted here.
    """
    connects = marked.filter((_.kind == "connect") & _.subject.notnull() & _.started_at.notnull())
    trailing = ibis.range_window(
        group_by="subject", order_by="started_at", preceding=ibis.interval(seconds=WINDOW_S), following=0
    )
    ranked = connects.mutate(rank=connects.count().over(trailing))
    kept = ranked.filter(_.is_wait & (_.retry == 0) & (_.mitigation == "none"))
    return (
        kept.mutate(bin=_.second // WINDOW_S, ordinal=_step(_.rank, ORDINAL_STEPS))
        .group_by("host", "platform", "bin", "ordinal")
        .agg(n=_.count(), explicit=_count(_.explanation == "explicit"))
    )


def _holds(marked: ibis.Table) -> ibis.Table:
    """G5: how long sessions stayed open, and whether it was the peer who ended them."""
    holds = marked.filter((_.kind == "hold") & (_.mitigation == "none"))
    late_s = ibis.greatest(holds.loop_lag_s.fill_null(0.0), holds.loop_blocked_s.fill_null(0.0))
    by_peer = (
        (holds.outcome == "failed")
        & (holds.closed_by.fill_null("network") != "client")
        & ~holds.cause.fill_null("").isin(CAUSES_OF_THE_GENERATOR)
        & (late_s < HOLD_LAG_S)
    )
    # The high bits of a linear congruential step (Knuth, TAOCP 2, 3.2.1): neighbours fall on either side.
    parity = (holds.connection * 1_103_515_245 + 12_345) // 65_536 % 2
    keyed = holds.mutate(
        chunk_minute=holds.minute,
        by_peer=by_peer,
        parity=parity,
        duration_bin=(holds.duration_s / HOLD_BIN_S).floor().cast("int64"),
        idle_bin=(holds.idle_s / HOLD_BIN_S).floor().cast("int64"),
    )
    keys = ("host", "platform", "chunk_minute", "by_peer", "parity", "duration_bin", "idle_bin")
    return keyed.group_by(*keys).agg(n=keyed.count())


def _rtts(plain: ibis.Table) -> ibis.Table:
    """Histogram of the connects' round trips: medians do not add up, their histograms do."""
    timed = plain.filter((_.kind == "connect") & _.rtt_s.notnull()).mutate(us=microseconds(_.rtt_s))
    return (
        timed.mutate(rtt_us=_step(_.us, RTT_STEPS)).group_by("host", "platform", "delay_us", "rtt_us").agg(n=_.count())
    )


def _probes(marked: ibis.Table) -> ibis.Table:
    """The controls beside the sessions, in the slots of G2."""
    probes = marked.filter((_.kind == "probe") & (_.outcome != "aborted")).mutate(slot=_.second // SLOT_S)
    return probes.group_by("host", "platform", "site", "slot", "operation").agg(n=_.count(), bad=_count(_.is_bad))


def _mitigation_costs(waits: ibis.Table) -> ibis.Table:
    """Latencies of what went well, and what was started for it (`latency_bin` null)."""
    keys = ("host", "platform", "minute", "mitigation", "kind")
    us = ibis.greatest(microseconds(waits.duration_s), 1)
    latency_bin = (us.cast("float64").log10() * LATENCY_BINS_PER_DECADE).floor().cast("int64")
    good = waits.filter(~_.is_bad).mutate(latency_bin=latency_bin)
    latencies = good.group_by(*keys, "latency_bin").agg(n=_.count())
    started = waits.group_by(*keys).agg(n=_.count()).mutate(latency_bin=ibis.null("int64"))
    return latencies.union(started.select(*latencies.columns))


def _count(condition: Any) -> Any:
    return condition.ifelse(1, 0).sum().fill_null(0)


def _step(value: Any, steps: tuple[tuple[int, int], ...]) -> Any:
    """The lower edge of a whole number's bin; `steps` are (below, width), the last one open-ended."""
    widths = [(value < below, value // width * width) for below, width in steps[:-1]]
    return ibis.cases(*widths, else_=value // steps[-1][1] * steps[-1][1])


def _frame(table: ibis.Table) -> pd.DataFrame:
    """Executed, and in the order of its keys: engines return groups in any order."""
    frame: pd.DataFrame = table.to_pandas()
    return frame.sort_values(list(frame.columns), ignore_index=True)


def _sums(frame: pd.DataFrame, keys: list[str], counts: list[str]) -> pd.DataFrame:
    return frame.groupby(keys, dropna=False, observed=True)[counts].sum().reset_index()


def _base_rtt(hosts: pd.DataFrame, rtts: pd.DataFrame) -> pd.DataFrame:
    """Per host the median round trip without the tester's own delay."""
    base = rtts.assign(rtt_us=rtts["rtt_us"] - rtts["delay_us"])
    return _medians(hosts, base, ["host", "platform"]).rename(columns={"rtt_s": "base_rtt_s"})


def _arm_rtt(cells: pd.DataFrame, rtts: pd.DataFrame) -> pd.DataFrame:
    """Per host and arm the median round trip: whether the delay arrived."""
    plain = cells[cells["mitigation"] == "none"]
    return _medians(plain, rtts, ["host", "platform", "delay_us"])


def _medians(groups: pd.DataFrame, histogram: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Lower median of each group, to the width of its bin (`RTT_STEPS`); null where nothing was measured."""
    ordered = histogram.sort_values("rtt_us").assign(below=lambda h: h.groupby(keys, observed=True)["n"].cumsum())
    total = ordered.groupby(keys, observed=True)["n"].transform("sum")
    reached = ordered[2 * ordered["below"] >= total].groupby(keys, observed=True, as_index=False).first()
    medians = reached.assign(rtt_s=reached["rtt_us"] / 1e6)[[*keys, "rtt_s"]]
    counts = ordered.groupby(keys, observed=True, as_index=False)["n"].sum()
    table = groups[keys].drop_duplicates().merge(medians, how="left", on=keys).merge(counts, how="left", on=keys)
    return table.assign(n=table["n"].fillna(0).astype("int64")).sort_values(keys, ignore_index=True)


def _totals(workers: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    attempts = int(cells["n"].sum())
    return pd.DataFrame(
        {
            "attempts": [attempts],
            "rows": [int(workers["rows"].sum())],
            "timeouts": [int(cells["timeouts"].sum())],
            "aborted": [int(workers["aborted"].sum())],
            "dropped_tail": [int(workers["n"].sum()) - attempts],
            "retries": [int(workers["retries"].sum())],
            "hosts": [int(cells["host"].nunique())],
            "first_minute": [cells["minute"].min()],
            "last_minute": [cells["minute"].max()],
            "simulated": [int(workers["simulated"].sum())],
            "seq_missing": [_seq_missing(workers)],
        }
    )


def _seq_missing(workers: pd.DataFrame) -> int:
    """Rows that a worker numbered and that are not there (those after its last row cannot be seen)."""
    return int(_gaps(workers).clip(lower=0).sum())


def _gaps(workers: pd.DataFrame) -> pd.Series[int]:
    """For each worker what its numbers promise less what is there; negative: rows that are there twice."""
    boots = workers.groupby(["run_id", "worker"]).agg(
        rows=("seq_rows", "sum"), last=("seq_max", "max"), total=("seq_sum", "sum")
    )
    gaps = (boots["last"].fillna(-1) + 1 - boots["rows"]).astype("int64")
    # As many rows twice as are missing leave the count right, and hardly ever the sum.
    swapped = (gaps == 0) & (boots["total"].fillna(0) != boots["rows"] * (boots["rows"] - 1) // 2)
    return gaps.mask(swapped, 1)


def _notes(workers: pd.DataFrame, totals: pd.DataFrame) -> tuple[str, ...]:
    """What was missing or dropped, in sentences."""
    total = totals.iloc[0]
    twice = int(-_gaps(workers).clip(upper=0).sum())
    unnumbered = int((workers["rows"] - workers["seq_rows"]).sum())
    waits = int(workers["n"].sum() + workers["retries"].sum())
    counted = (
        (total["seq_missing"], "rows are missing: their workers numbered them and they are not in the files"),
        (twice, "rows are there more than once: a file or a run was named twice"),
        (unnumbered, "rows have no number (seq), so that a lost one could not be noticed"),
        (int(workers["unusable"].sum()), "rows were left out: without run, place, time, arm, budget or outcome"),
        (int(workers["unknown_kind"].sum()), "rows were left out: their kind is not one of the contract's"),
        (total["dropped_tail"], "attempts were dropped: scheduled within the largest budget before their run's end"),
        (total["aborted"], "attempts were still waiting when their run ended, and count neither way"),
        (int(workers["lag_null"].sum()), f"of {waits} attempts have no measured event-loop lag"),
        (total["simulated"], "rows carry a platform that is a label put on for a rehearsal"),
    )
    return tuple(f"{int(count)} {sentence}." for count, sentence in counted if count)
