"""Service levels of stability: whether failures, or durations, grew from the run's start to its end."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd

from analysis.reduction.failures import KINDS
from analysis.reduction.log_bins import DURATION_BINS_PER_DECADE, middle_s
from analysis.reduction.overview import PARTS, Overview
from analysis.verdict.slo_check import CONFIDENCE, SloCheck, SloState, nothing_to_judge

FEWEST_PARTS: Final = 5  # three residual degrees of freedom: with fewer, t makes any interval useless


def worst_stability(sessions: pd.DataFrame, overview: Overview, limit: float) -> SloCheck:
    """The kind whose trend is worst. Not of all kinds together: their mix changes over a run, with its ramp above all.

    Auth probes go on where sessions connect once: they are left out.
    """
    plain = sessions[~sessions["auth_probe"]]
    of_kinds = [_stability(plain[plain["kind"] == kind], overview, limit, words) for kind, words in KINDS.items()]
    judged = [check for check in of_kinds if check.state != "void"]
    if not judged:
        return _stability(plain, overview, limit, "attempts")
    return max(judged, key=lambda check: (check.state == "breached", check.low or -1.0))


def _stability(sessions: pd.DataFrame, overview: Overview, limit: float, words: str) -> SloCheck:
    name = "stability"
    n = int(sessions["n"].sum())
    if n == 0 or overview.start is None or overview.end is None:
        return nothing_to_judge(name, limit)
    part_s = max(1.0, (overview.end - overview.start + 1) / PARTS)
    frame = sessions.assign(
        part=((sessions["slot"] - overview.start).clip(lower=0) // part_s).astype(int),
        bad=sessions["n"].where(sessions["outcome"] != "ok", 0),
    )
    parts = frame.groupby("part")[["n", "bad"]].sum()
    if len(parts) < FEWEST_PARTS:
        return _too_short(name, limit, n)
    ratio = (parts["bad"] / parts["n"]).to_numpy(dtype=float)
    trend = _trend(parts.index.to_numpy(dtype=float), ratio, parts["n"].to_numpy(dtype=float))
    # A straight line through shares may leave the scale; the shares cannot.
    value, low, high = (min(1.0, max(-1.0, change)) for change in trend)
    if parts["bad"].sum() == 0:
        # No failure, no scatter: what the last part could still hide bounds the rise.
        high = 1 - (1 - CONFIDENCE) ** (1 / float(parts["n"].iloc[-1]))
    state: SloState = "breached" if low > limit else "met"
    why = (
        f"The share of bad {words} changed by {100 * value:+.2f} points over the run "
        f"({100 * low:+.2f} to {100 * high:+.2f}; limit {100 * limit:+.2f}{_not_sure(state, value, limit)})."
    )
    return SloCheck(name=name, value=value, low=low, high=high, limit=limit, state=state, n=n, why=why)


def stability_latency(overview: Overview, limit: float) -> SloCheck:
    """Whether the typical duration of exchanges rose over the run; where there are none, of connects or checks."""
    name = "stability_latency"
    durations = overview.durations
    kind = next((kind for kind in ("exchange", "connect", "check") if (durations["kind"] == kind).any()), "exchange")
    rows = durations[(durations["kind"] == kind) & durations["outcome"].isin(["ok", "timeout"])]
    n = int(rows["n"].sum())
    if n == 0:
        return nothing_to_judge(name, limit)
    parts = _typical_by_part(rows)
    if len(parts) < FEWEST_PARTS:
        return _too_short(name, limit, n)
    x, y, weights = (values.to_numpy(dtype=float) for values in (parts.index.to_series(), parts["log_s"], parts["n"]))
    value, low, high = (math.expm1(change) for change in _trend(x, y, weights))
    state: SloState = "breached" if low > limit else "met"
    why = (
        f"The typical (geometric mean) {kind} changed its duration by {100 * value:+.0f} % over the run "
        f"({100 * low:+.0f} to {100 * high:+.0f} %; limit {100 * limit:+.0f} %{_not_sure(state, value, limit)})."
    )
    return SloCheck(name=name, value=value, low=low, high=high, limit=limit, state=state, n=n, why=why)


def _not_sure(state: SloState, value: float, limit: float) -> str:
    """Why a trend beyond its limit is met all the same."""
    return ", and that it is beyond is not sure" if state == "met" and value > limit else ""


def _typical_by_part(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean logarithm of the durations in each part; parts of the ramp-up, half empty, are left out.

    A mean of logarithms, not a median: with several delay arms a median lies in the gap between them and
    jumps. A timeout counts with its budget, so that an outage never looks like an improvement.
    """
    # Whole numbers first, then bins in their order: a sum of floats depends on the order in which the rows came.
    counts = rows.groupby(["part", "bin"], as_index=False)["n"].sum()
    log_s = np.log(middle_s(counts["bin"], DURATION_BINS_PER_DECADE))
    sums = counts.assign(total=log_s * counts["n"]).groupby("part")[["n", "total"]].sum()
    parts = pd.DataFrame({"log_s": sums["total"] / sums["n"], "n": sums["n"]})
    full = parts["n"] >= parts["n"].median() / 2
    return parts[full.cummax()]


def _trend(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Change of y from the first to the last part by weighted least squares, with a t interval."""
    from scipy.special import stdtrit

    span = float(x.max() - x.min())
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    spread = float(np.sum(weights * (x - mean_x) ** 2))
    slope = float(np.sum(weights * (x - mean_x) * (y - mean_y))) / spread
    residual = y - mean_y - slope * (x - mean_x)
    freedom = len(x) - 2
    error = math.sqrt(float(np.sum(weights * residual**2)) / freedom / spread)
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return slope * span, (slope - half) * span, (slope + half) * span


def _too_short(name: str, limit: float, n: int) -> SloCheck:
    return SloCheck(
        name=name,
        value=None,
        low=None,
        high=None,
        limit=limit,
        state="void",
        n=n,
        why=f"The run is too short for a trend: fewer than {FEWEST_PARTS} of its parts have attempts.",
    )
