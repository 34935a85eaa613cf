"""Histograms of times, since medians do not add up: round trips of connects (G6), latencies by arm of mitigation."""

from __future__ import annotations

from typing import Final

import ibis
import numpy as np
import pandas as pd
from ibis import _

from analysis.reduction.explain import microseconds
from analysis.reduction.expressions import step
from analysis.reduction.frames import sums_by
from analysis.reduction.log_bins import LATENCY_BINS_PER_DECADE, log_bin
from analysis.reduction.marked_rows import is_plain

# (below, width) of bins: exact where it matters, 1 % or better beyond, the last one open-ended.
RTT_STEPS: Final = ((10_000, 10), (100_000, 100), (1_000_000, 1_000), (0, 10_000))


def rtts(rows: ibis.Table) -> ibis.Table:
    """G6: histogram of the connects' round trips. Medians do not add up, their histograms do."""
    timed = rows.filter(is_plain(rows) & (rows.kind == "connect") & rows.rtt_s.notnull())
    keyed = timed.mutate(rtt_us=step(microseconds(timed.rtt_s), RTT_STEPS))
    return keyed.group_by("host", "platform", "delay_us", "rtt_us").agg(n=keyed.count())


def mitigation_costs(rows: ibis.Table) -> ibis.Table:
    """Latencies of what went well (`latency_bin`), and what else was started (null)."""
    waits = rows.filter(_.is_wait)
    latency_bin = log_bin(microseconds(waits.duration_s), LATENCY_BINS_PER_DECADE)
    keyed = waits.mutate(latency_bin=waits.is_bad.ifelse(ibis.null("int64"), latency_bin))
    return keyed.group_by("host", "platform", "minute", "mitigation", "kind", "latency_bin").agg(n=keyed.count())


def with_started(costs: pd.DataFrame) -> pd.DataFrame:
    """Of `mitigation_costs` the latencies of what went well, and all that was started (null)."""
    keys = ["host", "platform", "minute", "mitigation", "kind"]
    started = sums_by(costs, keys, ["n"]).assign(latency_bin=np.nan)
    good = costs[costs["latency_bin"].notna()]
    return pd.concat([good, started], ignore_index=True)[[*keys, "latency_bin", "n"]]


def base_rtt(cells: pd.DataFrame, rtts: pd.DataFrame) -> pd.DataFrame:
    """Per host the median round trip without the tester's own delay."""
    base = rtts.assign(rtt_us=rtts["rtt_us"] - rtts["delay_us"])
    return _medians(cells, base, ["host", "platform"]).rename(columns={"rtt_s": "base_rtt_s"})


def arm_rtt(cells: pd.DataFrame, rtts: pd.DataFrame) -> pd.DataFrame:
    """Per host and arm the median round trip: whether the delay arrived."""
    return _medians(cells[cells["mitigation"] == "none"], rtts, ["host", "platform", "delay_us"])


def _medians(groups: pd.DataFrame, histogram: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Lower median of each group, to the width of its bin; null where nothing was measured."""
    ordered = histogram.sort_values("rtt_us")
    by_group = ordered.groupby(keys, observed=True)["n"]
    is_reached = 2 * by_group.cumsum() >= by_group.transform("sum")
    medians = ordered[is_reached].groupby(keys, observed=True, as_index=False).first()
    medians = medians.assign(rtt_s=medians["rtt_us"] / 1e6)[[*keys, "rtt_s"]]
    counts = by_group.sum().reset_index()
    table = groups[keys].drop_duplicates().merge(medians, how="left", on=keys).merge(counts, how="left", on=keys)
    return table.assign(n=table["n"].fillna(0).astype("int64")).sort_values(keys, ignore_index=True)
