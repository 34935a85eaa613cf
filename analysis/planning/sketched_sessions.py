"""Every user's sessions of a sketched run, and what was attempted on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.planning.sketch import Sketch
from analysis.reduction.variants import VARIANTS
from analysis.stats.groups import Ints


@dataclass(frozen=True, kw_only=True)
class Held:
    """What sessions did.

    Attributes:
        n, bad, connections: (cells,) attempts, failures, and sessions behind them.
        session: (sessions, 2) attempts of each session: its connect, its exchanges; `failed` alike.
        cell: (sessions, 2) a cell of the session's arm and kind.
    """

    n: Ints
    bad: Ints
    connections: Ints
    session: Ints
    failed: Ints
    cell: Ints


def held_sessions(
    sketch: Sketch, risk: npt.NDArray[np.float64], runs_here: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Held:
    """Draw every user's sessions, one after the other, and what was attempted on them.

    Args:
        sketch: What the run would be like.
        risk: (hosts, minutes, clients, delays, operations) of a connection that is like the others.
        runs_here: (platforms, clients) whether a client is an arm of its own there.
        rng: Randomness.
    """
    hosts, minutes, _, delays, operations = risk.shape
    users = hosts * sketch.users
    ends = rng.poisson(60 * minutes / sketch.session_s, users)
    user = np.concatenate([np.arange(users), np.repeat(np.arange(users), ends)])
    start = np.concatenate([np.zeros(users), rng.uniform(0, minutes, int(ends.sum()))])
    order = np.lexsort((start, user))
    user, start = user[order], start[order]
    is_last = np.append(user[1:] != user[:-1], True)
    end = np.where(is_last, float(minutes), np.append(start[1:], float(minutes)))
    host = user // sketch.users
    mine = runs_here[host // sketch.hosts]
    client = np.argmax(rng.uniform(size=mine.shape) * mine, axis=1)
    delay = rng.integers(0, delays, len(user))
    sd = sketch.connection_sd
    alike = np.exp(rng.normal(-(sd**2) / 2, sd, len(user)))
    # One row for each session and minute; of its operations the connect comes once, when the session starts.
    begun = np.minimum(start.astype(np.int64), minutes - 1)
    spans = np.maximum(np.ceil(end).astype(np.int64) - begun, 1)
    of = np.repeat(np.arange(len(user)), spans)
    minute = begun[of] + np.arange(len(of)) - np.repeat(np.cumsum(spans) - spans, spans)
    lasted = np.clip(np.minimum(end[of], minute + 1) - np.maximum(start[of], minute), 0.0, 1.0)
    is_connect = np.array([name == "connect" for name in sketch.operations])
    a_minute = sketch.exchanges_a_minute / sketch.users / max(1, int((~is_connect).sum()))
    tried = rng.poisson(np.where(is_connect, 0.0, a_minute * lasted[:, None]))
    tried[:, is_connect] = (minute == begun[of])[:, None]
    arm = (host[of], minute, client[of], delay[of])
    bad = rng.binomial(tried, np.clip(risk[arm] * alike[of][:, None], 0.0, 1.0))
    cell = np.ravel_multi_index(arm, risk.shape[:4])[:, None] * operations + np.arange(operations)
    by_kind = np.stack([is_connect, ~is_connect], axis=1)
    first_cell = np.ravel_multi_index((host, begun, client, delay), risk.shape[:4])[:, None] * operations
    return Held(
        n=_summed(cell, tried, risk.size),
        bad=_summed(cell, bad, risk.size),
        connections=_summed(cell, tried > 0, risk.size),
        session=_by_session(of, tried @ by_kind, len(user)),
        failed=_by_session(of, bad @ by_kind, len(user)),
        cell=first_cell + np.array([np.argmax(is_connect), np.argmin(is_connect)]),
    )


def _summed(where: Ints, values: npt.NDArray[np.generic], size: int) -> Ints:
    return np.bincount(where.ravel(), weights=values.ravel(), minlength=size).astype(np.int64)


def _by_session(of: Ints, values: Ints, size: int) -> Ints:
    return np.stack([_summed(of, values[:, i], size) for i in range(values.shape[1])], axis=1)


def dealt_sessions(held: Held, cells: pd.DataFrame) -> pd.DataFrame:
    """Sessions by where and how they ran (`Tables.dealt`); nothing is explained, so that all ways of counting agree."""
    keys = ["host", "platform", "client", "event_loop", "delay_us", "kind"]
    n, x = held.session.ravel(), held.failed.ravel()
    frame = cells.iloc[held.cell.ravel()][keys].reset_index(drop=True)
    frame = frame.assign(m=1, n=n, nn=n * n, x=x, nx=n * x, xx=x * x)[n > 0]
    by = frame.groupby(keys, as_index=False)[["m", "n", "nn", "x", "nx", "xx"]].sum()
    same = {f"{sum_}_{variant}": by[sum_] for variant in VARIANTS for sum_ in ("x", "nx", "xx")}
    return by.drop(columns=["x", "nx", "xx"]).assign(**same, server_instance=None)
