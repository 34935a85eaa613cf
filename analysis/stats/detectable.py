"""The smallest effect that a claim would have shown in a run, with 80 % power.

The margin says which effect matters; this says which effect the run could see. Only where the second lies below the
first does "undecided" or "not significant" say anything of the effect.

A difference has the standard error and the degrees of freedom of its own comparison, and the claim's own share of the
family's error rate (Holm's first step, before anything else is confirmed). It is told from no effect at all by

    (t quantile of the level + t quantile of 0.80) x standard error

(Bloom, Evaluation Review 19 (1995)), and it is *confirmed*, which is to lie beyond the margin, from about the margin
more. A rate has no standard error where nothing failed: its limits are binomial, with the design effect of clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from scipy import special

from analysis.stats.estimate import Estimate, Spread, tail_of, upper_quantile
from analysis.stats.rates import Rate

POWER: Final = 0.8
NO_SIZE: Final = "It was not decided by a number that has an error."


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How well a claim's own comparison, or rate, is known.

    Attributes:
        of: Which one, in words.
        estimates: Differences, all of which must be beyond the margin for the claim to be confirmed.
        rate: Instead of differences.
        directed: The claim speaks of a higher risk only; a rate always does.
        share: Part of the claim's error rate that this comparison has.
        unknown: Why its error cannot be known; empty: it can.
        closed: Why nothing would have been confirmed, however large; empty: it would.
    """

    of: str = ""
    estimates: tuple[Estimate, ...] = ()
    rate: Rate | None = None
    directed: bool = True
    share: float = 1.0
    unknown: str = ""
    closed: str = ""

    def shared(self, part: float) -> Precision:
        """The same with a part of the error rate that it had."""
        return replace(self, share=self.share * part)


@dataclass(frozen=True, kw_only=True)
class Detectable:
    """The smallest effects that a claim would have shown with 80 % power, in the claim's own unit.

    Attributes:
        smallest: Told from no effect at all; for a rate: seen at least once. None: not measurable.
        confirmable: Confirmed, beyond the margin. None: none would have been.
        why: Whose they are, or why there are none, in a sentence.
    """

    smallest: float | None
    confirmable: float | None
    why: str


def detectable(precision: Precision | None, *, level: float, margin: float) -> Detectable:
    """What a claim could have found.

    Args:
        precision: Of the comparison or rate that decides the claim; None: there is none.
        level: The claim's error rate; the precision has its share of it.
        margin: Absolute difference of risks, or a rate.
    """
    if precision is None or precision.unknown or not (precision.estimates or precision.rate):
        return Detectable(smallest=None, confirmable=None, why=(precision.unknown if precision else "") or NO_SIZE)
    level *= precision.share
    if precision.rate is not None:
        smallest = smallest_seen(precision.rate)
        confirmable = smallest_rate(precision.rate, level=level, margin=margin)
    else:
        smallest, confirmable = (
            max(
                smallest_difference(one, level=level, bound=bound, directed=precision.directed)
                for one in precision.estimates
            )
            for bound in (0.0, margin)
        )
    if not 0 < smallest < 1:
        return Detectable(smallest=None, confirmable=None, why="No risk is so high that this run would have seen it.")
    why = f"{precision.of}."
    if precision.closed:
        why = f"{why} Nothing would have been confirmed, however large: {precision.closed}"
    elif not confirmable < 1:
        why = f"{why} No risk is so high that this run would have confirmed it."
    is_open = not precision.closed and confirmable < 1
    return Detectable(smallest=float(smallest), confirmable=float(confirmable) if is_open else None, why=why)


def smallest_difference(estimate: Estimate, *, level: float, bound: float = 0.0, directed: bool = True) -> float:
    """The difference that is significantly beyond the bound with 80 % power; infinite: none is.

    The largest over the spreads, all of which must agree. What an experiment finds depends on its plan, not on what
    it found: the estimate's own value does not matter.

    Args:
        estimate: Of it, the spreads alone.
        level: Error rate of the test.
        bound: In absolute value; 0: no effect at all.
        directed: The test is one-sided; else as `Estimate.p_outside` has it.
    """
    return max(
        critical_distance(spread, level=level, bound=bound, directed=directed)
        + upper_quantile(spread.df, POWER) * spread.se
        for spread in estimate.spreads
    )


def critical_distance(spread: Spread, *, level: float, bound: float, directed: bool) -> float:
    """How far from zero an estimate of this spread must lie to be significantly beyond the bound."""
    if spread.df < 1 or not math.isfinite(spread.se):
        return math.inf
    one_sided = bound + upper_quantile(spread.df, 1 - level) * spread.se
    if directed or spread.se <= 0:
        return one_sided
    two_sided = bound + upper_quantile(spread.df, 1 - level / 2) * spread.se
    if bound <= 0:
        return two_sided

    # Its import takes a third of a second, which only a search should pay.
    from scipy.optimize import brentq

    def excess(distance: float) -> float:
        return tail_of(distance - bound, spread) + tail_of(distance + bound, spread) - level

    # With a small spread the far tail is nothing: an end of the search may be the root itself, but for its last bits.
    if excess(one_sided) <= 0 or excess(two_sided) >= 0:
        return one_sided if excess(one_sided) <= 0 else two_sided
    return float(brentq(excess, one_sided, two_sided))


def smallest_rate(rate: Rate, *, level: float, margin: float) -> float:
    """The rate that is significantly above the margin with 80 % power, among as many trials; infinite: none is.

    Exact, by the binomial distribution: the fewest events that are significant, and the rate at which so many or more
    occur four times in five.
    """
    trials = rate.trials
    if trials <= 0 or float(special.betainc(trials, 1, margin)) > level:
        return math.inf

    from scipy.optimize import brentq

    def excess(events: float) -> float:
        return float(special.betainc(events, trials - events + 1, margin)) - level

    fewest = float(brentq(excess, 1e-9, trials)) * rate.design_effect
    whole = min(math.ceil(fewest - 1e-6) / rate.design_effect, trials)
    return float(special.betaincinv(whole, trials - whole + 1, POWER))


def smallest_seen(rate: Rate) -> float:
    """The rate at which one event or more would have been seen four times in five; infinite without trials."""
    return math.inf if rate.trials <= 0 else -math.expm1(math.log1p(-POWER) / rate.trials)
