"""Connections as the sample: what an arm or an instance was dealt to is a connection, and not its minutes.

A session that is held for an hour on a bad path is bad in every minute. Minutes then agree with each other, and an
error that is taken from them is near zero, though one draw decided them all. So a difference between what was dealt
to connections has a third spread, from its connections; the widest counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.comparison.cells import Cells
from analysis.stats.estimate import Spread
from analysis.stats.groups import Bools, Floats, Ints, coded, combined, first_of, sums

# What was dealt to a connection, and what it did.
_KEYS: Final = ("host", "client", "delay", "kind")
# Where none failed, connections could hide a shared fate of so many attempts (as minutes could: `rates`).
MOST_SHARED: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """Sums over connections by where and how they ran, each (rows,).

    Attributes:
        host, client, delay, kind: Codes, as in `Cells`.
        instance: Code of the server's instance; -1: unknown.
        m: Connections.
        n, nn: Their attempts, and the sum of squares of these.
        x, nx, xx: Their failures, the sum of attempts times failures, and of squares of failures.
    """

    host: Ints
    client: Ints
    delay: Ints
    kind: Ints
    instance: Ints
    m: Floats
    n: Floats
    nn: Floats
    x: Floats
    nx: Floats
    xx: Floats

    def where(self, mask: Bools) -> Dealt:
        """The rows of the mask."""
        return Dealt(**{one.name: getattr(self, one.name)[mask] for one in fields(self)})

    def __len__(self) -> int:
        return len(self.m)


def dealt_of(frame: pd.DataFrame, variant: str, *, codes: dict[str, Ints]) -> Dealt:
    """The sums of one variant of failure.

    Args:
        frame: `Tables.dealt`.
        variant: One of `variants.VARIANTS`.
        codes: host, client, delay and kind of each row; below 0: not among the cells, and left out.
    """
    instance, _ = coded(frame["server_instance"])
    rows = Dealt(
        host=codes["host"],
        client=codes["client"],
        delay=codes["delay"],
        kind=codes["kind"],
        instance=instance,
        m=_floats(frame["m"]),
        n=_floats(frame["n"]),
        nn=_floats(frame["nn"]),
        x=_floats(frame[f"x_{variant}"]),
        nx=_floats(frame[f"nx_{variant}"]),
        xx=_floats(frame[f"xx_{variant}"]),
    )
    return rows.where(np.all([values >= 0 for values in codes.values()], axis=0))


def within(dealt: Dealt, cells: Cells) -> Bools:
    """(rows of dealt,) whether the cells hold attempts of the same host, client, delay and kind."""
    if not len(dealt) or not len(cells):
        return np.zeros(len(dealt), dtype=np.bool_)
    sizes = [int(max(getattr(dealt, key).max(), getattr(cells, key).max())) + 1 for key in _KEYS]
    there = np.zeros(math.prod(sizes), dtype=np.bool_)
    there[np.ravel_multi_index([getattr(cells, key) for key in _KEYS], sizes)] = True
    found: Bools = there[np.ravel_multi_index([getattr(dealt, key) for key in _KEYS], sizes)]
    return found


def difference_spread(dealt: Dealt, exposed: Bools, strata: Sequence[str]) -> Spread | None:
    """The spread of a difference of risks whose sample are connections; None where no stratum holds both sides.

    Args:
        dealt: The connections of both sides.
        exposed: (rows,) whose risk is asked about.
        strata: Names of what the sides are compared within: host, client, delay, kind.

    Returns:
        Spread: degrees of freedom after Satterthwaite (Biometrics Bulletin 2 (1946)).
    """
    stratum, size = combined(*(getattr(dealt, name) for name in strata))
    if size == 0:
        return None
    return _spread(*(_arm(dealt, side, stratum, size) for side in (exposed, ~exposed)))


def difference_spreads(dealt: Dealt, exposed: Bools, strata: Sequence[str]) -> dict[int, Spread]:
    """The same of each host by itself; a host that has no stratum with both sides is left out."""
    stratum, size = combined(dealt.host, *(getattr(dealt, name) for name in strata))
    host = first_of(stratum, dealt.host, size)
    one, other = (_arm(dealt, side, stratum, size) for side in (exposed, ~exposed))
    found = {}
    for code in np.unique(host[(one.n > 0) & (other.n > 0)]).tolist():
        spread = _spread(one.where(host == code), other.where(host == code))
        if spread is not None:
            found[code] = spread
    return found


@dataclass(frozen=True, kw_only=True)
class _Arm:
    """One side in each stratum, (strata,): connections, attempts, and the variance of its rate."""

    m: Floats
    n: Floats
    variance: Floats

    def where(self, mask: Bools) -> _Arm:
        """The strata of the mask."""
        return _Arm(m=self.m[mask], n=self.n[mask], variance=self.variance[mask])


def _spread(one: _Arm, other: _Arm) -> Spread | None:
    """The spread of the difference of two sides; None where no stratum holds both."""
    both = (one.n > 0) & (other.n > 0)
    if not both.any():
        return None
    # A side of one connection in a stratum has no spread of its own: it counts, with that of its side as a whole.
    weight = np.where(both, one.n * other.n / np.maximum(one.n + other.n, 1), 0.0)
    share = weight / weight.sum()
    parts, freedom = [], []
    for arm in (one, other):
        variance = np.where(np.isnan(arm.variance), _overall(arm), arm.variance)
        parts.append(share[both] ** 2 * variance[both])
        freedom.append(np.maximum(arm.m[both] - 1, 1))
    total = float(parts[0].sum() + parts[1].sum())
    if not math.isfinite(total):
        return Spread(math.inf, 0, "connections")
    below = sum(float((part**2 / free).sum()) for part, free in zip(parts, freedom, strict=True))
    return Spread(math.sqrt(total), total**2 / below if below > 0 else math.inf, "connections")


def _arm(dealt: Dealt, side: Bools, stratum: Ints, size: int) -> _Arm:
    of = {name: sums(stratum[side], getattr(dealt, name)[side], size) for name in ("m", "n", "nn", "x", "nx", "xx")}
    return _Arm(m=of["m"], n=of["n"], variance=_variance(**of))


def _variance(*, m: Floats, n: Floats, nn: Floats, x: Floats, nx: Floats, xx: Floats) -> Floats:
    """m/(m-1) sum (x_c - p n_c)^2 / n^2 (Cochran, Sampling Techniques, 1977, section 9); nan with one connection."""
    p = np.divide(x, n, out=np.zeros_like(x), where=n > 0)
    squares = np.maximum(0.0, xx - 2 * p * nx + p**2 * nn)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(m > 1, m / (m - 1) * squares / n**2, np.nan)


def _overall(arm: _Arm) -> Floats:
    """(strata,) the variance that a lone connection of a side has by the others of its side; nan if all are alone."""
    known = ~np.isnan(arm.variance) & (arm.n > 0)
    if not known.any():
        return np.full_like(arm.variance, np.inf)
    a_connection = float((arm.variance * arm.m)[known].sum()) / float(known.sum())
    return np.full_like(arm.variance, a_connection)


def design_effect(dealt: Dealt) -> float:
    """Attempts that an independent trial is worth, by the spread between connections; at least 1.

    Where nothing failed, the attempts of one connection may share a fate that was not seen.
    """
    total: dict[str, Any] = {name: np.array([getattr(dealt, name).sum()]) for name in ("m", "n", "nn", "x", "nx", "xx")}
    n, x, m = float(total["n"][0]), float(total["x"][0]), float(total["m"][0])
    if n <= 0:
        return 1.0
    p = x / n
    if not 0.0 < p < 1.0 or m < 2:
        return min(MOST_SHARED, max(1.0, n / max(1.0, m)))
    return max(1.0, float(_variance(**total)[0]) * n / (p * (1 - p)))


def _floats(values: pd.Series[Any]) -> Floats:
    return values.to_numpy(dtype=np.float64)
