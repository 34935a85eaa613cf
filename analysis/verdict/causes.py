"""Shares of the causes: a census of the failures, each counted once; the shares never decide a claim."""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.claims.server_instances import outliers
from analysis.comparison.view import View
from analysis.model import CauseShare
from analysis.stats.groups import Floats, combined, sums
from analysis.stats.synchrony import Synchrony

RESAMPLES: Final = 400
# Resampling is part of the result: the same tables must give the same intervals.
SEED: Final = 20_260_308
NAMES: Final = ("client_loop", "auth", "format", "server", "network", "latency", "platform_x_latency", "unexplained")


def cause_shares(view: View, bursts: Synchrony | None, silent: frozenset[str]) -> tuple[CauseShare, ...]:
    """Shares of all failures, with intervals from resampling the chunks of the run.

    In order: the exact causes; the server's own word, requests that it had and did not answer, and the
    excess in shared bad moments or of instances that stand out; what was lost on the way, if it spared nobody; of the
    rest what the delay arms add on
    every platform (latency) and what they add beyond that (platform_x_latency); the remainder is unexplained.

    Args:
        view: The prepared tables.
        bursts: Synchrony of the target's failures.
        silent: Operations that are never answered (format).
    """
    cells = view.cells
    total = float(cells.bad.sum())
    if total == 0:
        return ()
    chunks = view.clock.chunks
    chunk = view.clock.chunk(cells.minute)
    counts = np.zeros((len(NAMES), chunks))
    counts[0] = sums(chunk, cells.client_loop, chunks)
    counts[1] = sums(chunk, cells.auth, chunks)
    flagged = np.where(view.flagged, cells.residual, 0)
    counts[2] = sums(chunk, cells.format, chunks) + sums(chunk, flagged, chunks)
    residual = sums(chunk, np.where(view.flagged, 0, cells.residual), chunks)
    unanswered = sums(chunk, np.where(view.flagged, 0, cells.unanswered), chunks)
    excess = np.maximum(_burst_excess(view, bursts, silent), _instance_excess(view, silent))
    # Bursts and instances may be the same failures that a ping has shown to be the server's.
    lost = sums(chunk, np.where(view.flagged | bool(view.spared_way), 0, cells.on_way), chunks)
    from_server = np.maximum(unanswered, np.minimum(excess, residual - lost))
    counts[3] = sums(chunk, cells.explicit, chunks) + from_server
    counts[4] = lost
    left = residual - from_server - lost
    kept = np.divide(left, residual, out=np.zeros_like(left), where=residual > 0)
    shared, beyond = _delay_excess(view)
    counts[5] = np.minimum(shared * kept, left)
    counts[6] = np.minimum(beyond * kept, left - counts[5])
    counts[7] = sums(chunk, cells.bad, chunks) - counts[:7].sum(axis=0)
    return _shares(counts, sums(chunk, cells.bad, chunks))


def _burst_excess(view: View, bursts: Synchrony | None, silent: frozenset[str]) -> Floats:
    """(chunks,) residual failures in shared bad slots beyond the ordinary rate."""
    chunks = view.clock.chunks
    if bursts is None or not bursts.bad.any():
        return np.zeros(chunks)
    frame = view.tables.slots
    frame = frame[~frame["operation"].isin(silent) & (view.hosts_of("slots") >= 0)]
    n = frame["n"].to_numpy(dtype=np.float64)
    residual = (frame["residual"] - frame["on_way"]).to_numpy(dtype=np.float64)
    good = ~bursts.bad
    rate = residual[good].sum() / max(1.0, n[good].sum())
    excess = np.where(bursts.bad, residual - rate * n, 0.0)
    chunk = view.clock.chunk(frame["slot"].to_numpy(dtype=np.int64) // 6)
    return np.maximum(0.0, sums(chunk, excess, chunks))


def _instance_excess(view: View, silent: frozenset[str]) -> Floats:
    """(chunks,) failures of instances that stand out, beyond the rate of the others.

    Explicit answers are among them, so that where an instance both answers with errors and stays silent
    the share of the server is a little too high; it is held within the residual failures.
    """
    chunks = view.clock.chunks
    standing_out = outliers(view, silent)
    frame = view.tables.instances
    frame = frame[~frame["operation"].isin(silent) & (view.hosts_of("instances") >= 0)]
    if not standing_out or len(frame) == 0:
        return np.zeros(chunks)
    bad = frame["server_instance"].isin(standing_out).to_numpy(dtype=np.bool_)
    n, x = frame["n"].to_numpy(dtype=np.float64), frame["bad"].to_numpy(dtype=np.float64)
    rate = x[~bad].sum() / max(1.0, n[~bad].sum())
    chunk = view.clock.chunk(frame["minute"].to_numpy(dtype=np.int64))
    return np.maximum(0.0, sums(chunk, np.where(bad, x - rate * n, 0.0), chunks))


def _delay_excess(view: View) -> tuple[Floats, Floats]:
    """(chunks,) residual failures beyond the lowest arm's rate: what all platforms share, and the rest."""
    cells = view.compared
    chunks = view.clock.chunks
    chunk = view.clock.chunk(cells.minute)
    arms, platforms = len(view.delays_us), len(view.platforms)
    if arms < 2:
        return np.zeros(chunks), np.zeros(chunks)
    group, size = cells.platform * arms + cells.delay, platforms * arms
    n, x = sums(group, cells.n_clean, size), sums(group, cells.unexplained, size)
    rate = np.divide(x, n, out=np.full(size, np.nan), where=n > 0).reshape(platforms, arms)
    above = np.maximum(0.0, rate - rate[:, :1])
    common = np.nan_to_num(np.nanmin(np.where(np.isnan(above), np.inf, above), axis=0), posinf=0.0)
    place, places = combined(chunk, group)
    attempts = sums(place, cells.n_clean, places)
    first_chunk, first_group = np.zeros(places, dtype=np.int64), np.zeros(places, dtype=np.int64)
    first_chunk[place], first_group[place] = chunk, group
    arm, cohort = first_group % arms, first_group // arms
    own = np.nan_to_num(above[cohort, arm])
    shared = sums(first_chunk, attempts * common[arm], chunks)
    beyond = sums(first_chunk, attempts * np.maximum(0.0, own - common[arm]), chunks)
    return shared, beyond


def _shares(counts: Floats, total: Floats) -> tuple[CauseShare, ...]:
    rng = np.random.default_rng(SEED)
    chunks = counts.shape[1]
    drawn = rng.integers(0, chunks, (RESAMPLES, chunks))
    totals = total[drawn].sum(axis=1)
    shares = []
    for name, count in zip(NAMES, counts, strict=True):
        share = float(count.sum() / total.sum())
        if share <= 0 and name != "unexplained":
            continue
        again = count[drawn].sum(axis=1)[totals > 0] / totals[totals > 0]
        low, high = (float(q) for q in np.quantile(again, (0.025, 0.975)))
        shares.append(CauseShare(name=name, share=share, low=low, high=high))
    return tuple(sorted(shares, key=lambda one: (-one.share, one.name)))
