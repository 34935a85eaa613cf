"""How the load generators fare, from their health files: all together, and each worker, in a form that stays small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from analysis.live.document import GeneratorLoad, WorkerLoad

# Twenty bins a decade, from a tenth of a millisecond to a hundred seconds: each 12 % wide.
_LAG_EDGES: Final = np.logspace(-4, 2, 121)
_P99: Final = 0.99
# A page shows no more lines than that, and a fleet may have hundreds.
MOST_WORKERS: Final = 50


class Vitals(NamedTuple):
    """The seconds of load generators, counted.

    Attributes:
        lags: Columns `worker`, `bin` and `n`: how many seconds had a lag in this bin.
        most: Columns `worker`, `lag_max_s` and `cpu_max`: the largest of each worker; NaN: none was measured.
    """

    lags: pd.DataFrame
    most: pd.DataFrame


def none() -> Vitals:
    """No second of any worker."""
    lags = pd.DataFrame(
        {"worker": pd.Series(dtype="str"), "bin": pd.Series(dtype="int64"), "n": pd.Series(dtype="int64")}
    )
    return Vitals(lags, pd.DataFrame({"worker": pd.Series(dtype="str"), "lag_max_s": [], "cpu_max": []}))


def read(path: Path) -> Vitals:
    """Those of one health file."""
    seconds = pd.read_parquet(path, columns=["worker", "loop_lag_s", "cpu"])
    measured = seconds[seconds["loop_lag_s"].notna()]
    bins = np.searchsorted(_LAG_EDGES, measured["loop_lag_s"].to_numpy(dtype=float))
    lags = measured[["worker"]].assign(bin=bins.astype("int64"), n=1).groupby(["worker", "bin"], as_index=False).sum()
    largest = seconds.astype({"loop_lag_s": "float64", "cpu": "float64"}).groupby("worker", as_index=False)
    return Vitals(lags, largest.agg(lag_max_s=("loop_lag_s", "max"), cpu_max=("cpu", "max")))


def total(parts: Sequence[Vitals]) -> Vitals:
    """Those of several files."""
    known = [part for part in parts if len(part.most)]
    if not known:
        return none()
    lags = pd.concat([part.lags for part in known]).groupby(["worker", "bin"], as_index=False).sum()
    return Vitals(lags, pd.concat([part.most for part in known]).groupby("worker", as_index=False).max())


def generator(vitals: Vitals) -> GeneratorLoad:
    """All of them, and the workers with the latest loops; one without a measured lag comes last."""
    every = [
        WorkerLoad(
            worker=str(row["worker"]),
            lag_p99_s=_p99_s(vitals.lags[vitals.lags["worker"] == row["worker"]], _known(row["lag_max_s"])),
            lag_max_s=_known(row["lag_max_s"]),
            cpu_max=_known(row["cpu_max"]),
        )
        for row in vitals.most.to_dict("records")
    ]
    worst = sorted(
        every, key=lambda one: (*(-(value or 0.0) for value in (one.lag_p99_s, one.lag_max_s, one.cpu_max)), one.worker)
    )
    lag_max_s = _known(vitals.most["lag_max_s"].max())
    return GeneratorLoad(
        lag_p99_s=_p99_s(vitals.lags, lag_max_s),
        lag_max_s=lag_max_s,
        cpu_max=_known(vitals.most["cpu_max"].max()),
        workers=tuple(worst[:MOST_WORKERS]),
        more_workers=max(0, len(worst) - MOST_WORKERS),
    )


def _p99_s(lags: pd.DataFrame, largest: float | None) -> float | None:
    """The upper edge of the bin that holds the 99th percentile of lag, at most the largest; None: not measured."""
    if largest is None:
        return None
    counts = np.bincount(lags["bin"], weights=lags["n"], minlength=len(_LAG_EDGES) + 1).cumsum()
    at = int(np.searchsorted(counts, _P99 * counts[-1]))
    return round(min(float(_LAG_EDGES[at]), largest) if at < len(_LAG_EDGES) else largest, 6)


def _known(value: object) -> float | None:
    return float(value) if isinstance(value, float) and value == value else None
