"""A number with its uncertainty, where several standard errors compete and the widest one counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from scipy import special


class Spread(NamedTuple):
    """One standard error of an estimate and the degrees of freedom behind it (infinite: normal).

    `of` names the sample where more of it is not simply more attempts: connections.
    """

    se: float
    df: float
    of: str = ""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An estimated effect with one or more spreads; every spread that is valid must agree.

    With few degrees of freedom a standard error is small by chance now and then. So hosts, chunks of
    time and attempts each give one, and the wider interval and the larger p-value count.

    Attributes:
        value: The effect, an absolute difference of risks unless said otherwise.
        spreads: At least one.
        n: Attempts behind it.
    """

    value: float
    spreads: tuple[Spread, ...]
    n: int = 0

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The widest of the two-sided Student intervals."""
        half = max(upper_quantile(spread.df, 0.5 + confidence / 2) * spread.se for spread in self.spreads)
        return self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """One-sided p-value against "the effect is at most `bound`" (the largest over the spreads)."""
        return max(tail_of(self.value - bound, spread) for spread in self.spreads)

    def p_outside(self, bound: float) -> float:
        """p-value against "the effect lies within -bound and bound" (the largest over the spreads).

        The chance, at an effect exactly on the bound, of an estimate at least as far from zero on
        either side: one-sided where the spread is small beside the bound, two-sided where it is large.
        """
        distance = abs(self.value)
        return max(
            min(1.0, tail_of(distance - bound, spread) + tail_of(distance + bound, spread)) for spread in self.spreads
        )


def widest(*estimates: Estimate) -> Estimate:
    """The first estimate with the spreads of all of them."""
    first = estimates[0]
    return Estimate(value=first.value, spreads=tuple(s for e in estimates for s in e.spreads), n=first.n)


def with_spread(estimate: Estimate, spread: Spread | None) -> Estimate:
    """The estimate with one more spread; None: as it is."""
    return (
        estimate
        if spread is None
        else Estimate(value=estimate.value, spreads=(*estimate.spreads, spread), n=estimate.n)
    )


def upper_quantile(df: float, probability: float) -> float:
    """Student's quantile; infinite with less than one degree of freedom, normal with infinitely many."""
    if df < 1:
        return math.inf
    if math.isinf(df):
        return float(special.ndtri(probability))
    return float(special.stdtrit(df, probability))


def tail_of(distance: float, spread: Spread) -> float:
    """The chance that noise alone carries the estimate at least `distance` up."""
    if spread.df < 1 or not math.isfinite(spread.se):
        return 1.0
    if spread.se <= 0.0:
        return 0.0 if distance > 0 else 1.0
    t = distance / spread.se
    if math.isinf(spread.df):
        return float(special.ndtr(-t))
    return float(special.stdtr(spread.df, -t))
