"""What else may differ between platforms: one check for every column, as a table of columns.

A platform whose tokens are another tenant's, whose users run another scenario, or whose sessions are older, looks worse
than it is where that matters. Each column is held against the same rule:

- *Shared.* At least half of the attempts are alike on both sides (overlap of the shares of its levels).
- *Harmless.* What is not shared, times what it differs by within a side, is within the margin: the most that it can
  look like (Kitagawa's composition component, Journal of the American Statistical Association 50 (1955)).
- *Not nested.* Where every host has levels of its own, on both sides (users dealt to hosts, say), they are a part of
  how hosts differ, which the comparison of hosts takes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from analysis.comparison import Condition
from analysis.groups import Floats
from analysis.model import Check

if TYPE_CHECKING:
    from analysis.view import View

SHARED_LEAST: Final = 0.5
# Levels with fewer attempts than this have no rate of their own.
LEAST_ATTEMPTS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One column that may differ between the sides.

    Attributes:
        name: In the record.
        level: What of it is compared, from the rows.
        words: What is alike or not, for people.
        need: What to do about it.
    """

    name: str
    level: Callable[[Any], Any]
    words: str
    need: str


def _halving(value: Any) -> Any:
    """Bins that double, as whole numbers; what is below 1 is one bin."""
    return value.clip(1.0, 1e12).log2().floor().cast("int64").cast("string")


# To hold another column against the rule is one line here.
FACTORS: Final[tuple[Factor, ...]] = (
    Factor(name="scenario", level=lambda t: t.scenario, words="scenarios", need="the same --scenario everywhere"),
    Factor(name="subject", level=lambda t: t.subject, words="users", need="users drawn from one pool everywhere"),
    Factor(
        name="age_s",
        level=lambda t: _halving(t.age_s),
        words="ages of sessions",
        need="sessions that live equally long everywhere (--session-s)",
    ),
    Factor(
        name="open_connections",
        level=lambda t: _halving(t.open_connections.cast("float64")),
        words="numbers of open connections",
        need="the same number of users a worker everywhere",
    ),
    Factor(
        name="token_age_s",
        level=lambda t: _halving(t.token_age_s),
        words="ages of tokens",
        need="tokens that are renewed alike everywhere",
    ),
    Factor(
        # Jobs that start with the minute strike who is always late in it: the strata of time are whole minutes.
        name="scheduled_at",
        level=lambda t: (t.second % 60 // 10).cast("string"),
        words="times within the minute",
        need="users that start at random times within a minute everywhere",
    ),
    Factor(name="idle_s", level=lambda t: _halving(t.idle_s), words="idle times", need="the same --pace-s everywhere"),
    Factor(
        name="bytes_out",
        level=lambda t: _halving(t.bytes_out.cast("float64")),
        words="sizes of requests",
        need="the same sizes of requests everywhere",
    ),
    Factor(
        name="cpu",
        level=lambda t: (t.cpu * 10).floor().cast("int64").cast("string"),
        words="loads of the machines",
        need="machines that are equally loaded",
    ),
    Factor(
        name="loop_lag_s",
        level=lambda t: _halving(t.loop_lag_s * 100),
        words="delays of the event loops",
        need="fewer users a worker where the loops are late",
    ),
)


def conditions(view: View, platforms: Sequence[int]) -> tuple[Condition, ...]:
    """For each factor whether it was alike on the platforms, or cannot matter; what nobody recorded is left out."""
    frame = view.tables.factors
    found = []
    for factor in FACTORS:
        rows = frame[frame["factor"] == factor.name]
        rows = rows[rows["platform"].isin([view.platforms[p] for p in platforms])]
        if rows["platform"].nunique() < 2 or rows["level"].nunique() < 2:
            continue
        found.append(_condition(view, factor, rows))
    return tuple(found)


def _condition(view: View, factor: Factor, rows: pd.DataFrame) -> Condition:
    check_name = f"same {factor.words}"
    for one, two in combinations(sorted(rows["platform"].unique()), 2):
        sides = [_by_level(rows[rows["platform"] == name]) for name in (one, two)]
        shared, bias = shared_and_bias(*sides)
        if shared >= SHARED_LEAST and bias <= view.margin:
            continue
        if shared < SHARED_LEAST and all(_is_nested(rows[rows["platform"] == name]) for name in (one, two)):
            continue
        detail = f"The {factor.words} of {one} and {two} differ (overlap {shared:.0%})"
        detail += f", which alone may make {100 * bias:.2f} points." if shared >= SHARED_LEAST else "."
        return Condition(check=Check(name=check_name, ok=False, detail=detail), need=factor.need)
    detail = f"The {factor.words} were alike, or do not matter."
    return Condition(check=Check(name=check_name, ok=True, detail=detail), need=factor.need)


def _by_level(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.groupby("level")[["n", "bad"]].sum()


def shared_and_bias(one: pd.DataFrame, two: pd.DataFrame) -> tuple[float, float]:
    """How much two sides share of a factor, and the difference of risks that their mix alone would make.

    Args:
        one: n and bad of each level (index), and
        two: the same of the other side.

    Returns:
        The overlap, 0 to 1; and the larger of the differences by either side's own risks.
    """
    levels = one.index.union(two.index)
    both = [side.reindex(levels, fill_value=0) for side in (one, two)]
    n = [side["n"].to_numpy(dtype=np.float64) for side in both]
    shares = [counts / max(1.0, counts.sum()) for counts in n]
    shared = float(np.minimum(shares[0], shares[1]).sum())
    return shared, max(_composition(side, shares[0] - shares[1]) for side in both)


def _composition(side: pd.DataFrame, surplus: Floats) -> float:
    """What a surplus of some levels over others makes, by one side's risks; levels that it hardly has have its mean."""
    n, bad = (side[name].to_numpy(dtype=np.float64) for name in ("n", "bad"))
    mean = bad.sum() / max(1.0, n.sum())
    risk = np.where(n >= LEAST_ATTEMPTS, bad / np.maximum(n, 1.0), mean)
    return abs(float(surplus @ risk))


def _is_nested(rows: pd.DataFrame) -> bool:
    """Whether the hosts of one side share as little with each other as the sides do: each has levels of its own."""
    hosts = [_by_level(mine)["n"] for _, mine in rows.groupby("host")]
    if len(hosts) < 2:
        return False
    overlaps = []
    for one, two in combinations(hosts, 2):
        levels = one.index.union(two.index)
        shares = [side.reindex(levels, fill_value=0) / side.sum() for side in (one, two)]
        overlaps.append(float(np.minimum(shares[0], shares[1]).sum()))
    return float(np.median(overlaps)) < SHARED_LEAST
