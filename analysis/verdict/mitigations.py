"""Mitigations: what each arm saves and what it costs against none, paired within host, minute and kind."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from analysis.comparison.rule import effect_words
from analysis.comparison.run_minutes import LEAST_CHUNKS
from analysis.comparison.view import View
from analysis.model import Effect, MitigationEffect
from analysis.reduction.log_bins import LATENCY_BINS_PER_DECADE, edge_s
from analysis.stats.estimate import Estimate
from analysis.stats.groups import Bools, Floats, Ints, coded, combined, sums
from analysis.stats.host_stage import over_chunks
from analysis.stats.mantel_haenszel import risk_difference
from analysis.verdict.causes import SEED

RESAMPLES: Final = 200


def mitigation_effects(view: View) -> tuple[MitigationEffect, ...]:
    """Each arm of mitigation against `none`; empty where there is no such arm."""
    frame = view.tables.cells
    arms = sorted(set(frame["mitigation"].dropna().astype(str)) - {"none"})
    return tuple(effect for arm in arms if (effect := _effect(view, arm)) is not None)


def _effect(view: View, arm: str) -> MitigationEffect | None:
    frame = view.tables.cells
    frame = frame[frame["mitigation"].isin(["none", arm])]
    frame = frame[frame["minute"].isin(view.clock.minutes)]
    minute = frame["minute"].to_numpy(dtype=np.int64)
    host, _ = coded(frame["host"].astype(str) + "/" + frame["platform"].astype(str))
    client, _ = coded(frame["client"].astype(str))
    delay, _ = coded(frame["delay_us"])
    kind, _ = coded(frame["kind"].astype(str))
    mitigated = (frame["mitigation"] == arm).to_numpy(dtype=np.bool_)
    n = frame["n"].to_numpy(dtype=np.int64)
    # A failure that a retry made good is saved: what counts is how it ended.
    rescued, retries = (frame[name].to_numpy(dtype=np.int64) for name in ("rescued", "retries"))
    connect = (frame["kind"] == "connect").to_numpy(dtype=np.bool_)
    bad = np.maximum(frame["bad"].to_numpy(dtype=np.int64) - np.where(mitigated, rescued, 0), 0)
    stratum, _ = combined(host, view.clock.bin(minute, view.unit), client, delay, kind)
    contrast = risk_difference(
        stratum,
        view.clock.chunk(minute),
        ~mitigated,
        n,
        bad,
        chunks=view.clock.chunks,
        design_effect=view.attempts_a_connection,
    )
    if contrast is None:
        return None
    saved = _as_effect("points saved", contrast.estimate, informed=contrast.informed)
    costs = _Costs(view, arm)
    evidence = f"Saves {effect_words(saved)} of the attempts."
    if arm == "longer_budget":
        evidence += f" {_late_replies(n, bad, mitigated)}"
    return MitigationEffect(
        mitigation=arm,
        saved=saved,
        added_p50_s=costs.added_quantile(0.50),
        added_p99_s=costs.added_quantile(0.99),
        added_connects=_added_connects(view, minute, connect, mitigated, n, retries),
        n=contrast.n,
        evidence=evidence,
    )


def _late_replies(n: Ints, bad: Ints, mitigated: Bools) -> str:
    """What share of the failures would have been late replies, had one waited longer."""
    without = bad[~mitigated].sum() / max(1, n[~mitigated].sum())
    longer = bad[mitigated].sum() / max(1, n[mitigated].sum())
    if without <= 0:
        return "Nothing failed without it."
    share = min(1.0, max(0.0, 1.0 - longer / without))
    return f"{share:.0%} of the failures would have been late replies."


def _as_effect(name: str, estimate: Estimate, *, informed: int) -> Effect:
    if informed < LEAST_CHUNKS:
        return Effect(name=name, estimate=estimate.value, low=None, high=None)
    low, high = estimate.interval()
    return Effect(name=name, estimate=estimate.value, low=low, high=high)


class _Costs:
    """Latency of an arm against none, by chunk of the run."""

    def __init__(self, view: View, arm: str) -> None:
        frame = view.tables.mitigation_costs
        frame = frame[frame["mitigation"].isin(["none", arm]) & frame["minute"].isin(view.clock.minutes)]
        self.chunks = view.clock.chunks
        self.chunk = view.clock.chunk(frame["minute"].to_numpy(dtype=np.int64))
        self.mine = (frame["mitigation"] == arm).to_numpy(dtype=np.bool_)
        self.timed = frame["latency_bin"].notna().to_numpy(dtype=np.bool_)
        self.bin = frame["latency_bin"].fillna(0).to_numpy(dtype=np.int64)
        self.n = frame["n"].to_numpy(dtype=np.float64)

    def added_quantile(self, share: float) -> Effect | None:
        """Difference of a quantile of the good attempts' durations, in seconds; chunks are resampled."""
        rows = self.timed
        if not (rows & self.mine).any() or not (rows & ~self.mine).any():
            return None
        lowest = int(self.bin[rows].min())
        bins = int(self.bin[rows].max()) - lowest + 1
        table = np.zeros((2, self.chunks, bins))
        np.add.at(table, (self.mine[rows].astype(int), self.chunk[rows], self.bin[rows] - lowest), self.n[rows])
        value = _quantile(table[1].sum(axis=0), lowest, share) - _quantile(table[0].sum(axis=0), lowest, share)
        drawn = np.random.default_rng(SEED).integers(0, self.chunks, (RESAMPLES, self.chunks))
        again = [
            _quantile(table[1][row].sum(axis=0), lowest, share) - _quantile(table[0][row].sum(axis=0), lowest, share)
            for row in drawn
        ]
        low, high = np.nanquantile(again, (0.025, 0.975))
        known = self.chunks >= LEAST_CHUNKS
        return Effect(
            name=f"added seconds at p{100 * share:g}",
            estimate=value,
            low=float(low) if known else None,
            high=float(high) if known else None,
        )


def _added_connects(
    view: View, minute: Ints, connect: Bools, mitigated: Bools, n: Ints, retries: Ints
) -> Effect | None:
    """Connects started again for each first one, more than without the arm; parts of the run are the sample."""
    chunks = view.clock.chunks
    chunk = view.clock.chunk(minute)
    value = 0.0
    scores: Floats = np.zeros(chunks)
    for mask, sign in ((connect & mitigated, 1.0), (connect & ~mitigated, -1.0)):
        first = sums(chunk[mask], n[mask], chunks)
        again = sums(chunk[mask], retries[mask], chunks)
        if first.sum() == 0:
            return None
        ratio = float(again.sum() / first.sum())
        value += sign * ratio
        scores += sign * (again - ratio * first) / first.sum()
    informed = len(np.unique(chunk[connect]))
    return _as_effect("added connects per connect", over_chunks(value, scores, informed), informed=informed)


def _quantile(counts: Floats, lowest: int, share: float) -> float:
    """A quantile of a histogram of logarithms, in seconds, spread evenly within its bin."""
    total = counts.sum()
    if total <= 0:
        return math.nan
    below = np.concatenate([[0.0], np.cumsum(counts)])
    bin_ = min(int(np.searchsorted(below, share * total, side="left")), len(counts)) - 1
    bin_ = max(bin_, 0)
    inside = (share * total - below[bin_]) / counts[bin_] if counts[bin_] else 0.0
    return edge_s(float(lowest + bin_ + inside), LATENCY_BINS_PER_DECADE)
