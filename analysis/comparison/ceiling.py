"""The bound that no confounding can break: a group's excess risk is at most its own risk."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.stats.rates import Rate


def below_ceiling(rates: Iterable[Rate], margin: float, *, confidence: float = 0.95) -> bool:
    """Whether every group's own risk is surely below the margin, so that none can exceed another by it.

    risk(exposed) - risk(counterfactual) <= risk(exposed) (Manski, American Economic Review 80 (1990)).
    For a comparison of a pair every side must be among the rates.

    Returns:
        False without rates, or where a group has no attempts.
    """
    listed = tuple(rates)
    return bool(listed) and all(rate.n > 0 and rate.interval(confidence)[1] < margin for rate in listed)
