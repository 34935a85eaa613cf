"""Claims that are a rate: the worst of several groups by its p-value, and all of them by their limits."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.comparison.rule import joined_words, rate_effect
from analysis.model import Finding, Part, State
from analysis.stats.detectable import Precision
from analysis.stats.holm import bonferroni
from analysis.stats.rates import Rate


@dataclass(frozen=True, kw_only=True)
class Rated:
    """Groups' rates held against the margin.

    Attributes:
        worst: The group with the smallest p-value, by name.
        highest: The group with the highest upper limit.
        p_value: Of the worst group, corrected for the number of groups.
        all_below: Every group's upper limit lies below the margin.
        finding: Undecided yet, with effect, p-value and parts.
    """

    worst: str
    highest: str
    p_value: float
    all_below: bool
    finding: Finding


# Groups that are named in a sentence; all of them are among a claim's parts.
MOST_NAMED: Final = 3


def is_few(rate: Rate, margin: float, level: float = 0.95) -> bool:
    """Whether a group has too few attempts for the interval of a level to stay below the margin, whatever they show."""
    return are_few(rate.trials, margin, level)


def are_few(trials: float, margin: float, level: float = 0.95) -> bool:
    """Whether so few trials cannot bound a rate by the margin: -log(alpha / 2) / n (Clopper and Pearson)."""
    return trials * margin < math.log(2 / (1 - level))


def few_words(names: Sequence[str]) -> str:
    """The sentence that names groups with too few attempts; empty where there are none."""
    if not names:
        return ""
    others = len(names) - MOST_NAMED
    more = [f"{others} other part{'s' if others > 1 else ''} of the run"] if others > 0 else []
    return f" Too few attempts to say it of {joined_words([*names[:MOST_NAMED], *more])} alone."


def rated(rates: Mapping[str, Rate], margin: float, *, n: int, may_be_few: Collection[str] = ()) -> Rated:
    """Hold the rates of one or more groups against the margin.

    Args:
        rates: At least one, by the group's name.
        margin: The rate that matters.
        n: Attempts that the claim rests on.
        may_be_few: Groups that need not be bounded where they have too few attempts for it.
    """
    worst = min(
        rates, key=lambda name: (rates[name].p_above(margin), -(rates[name].estimate or 0.0), rates[name].trials, name)
    )
    highest = max(rates, key=lambda name: (rates[name].interval()[1], name))
    p_value = bonferroni(rates[worst].p_above(margin), len(rates))
    parts = {name: rate_part(rate, margin) for name, rate in rates.items()}
    return Rated(
        worst=worst,
        highest=highest,
        p_value=p_value,
        all_below=all(
            part.state == "ruled_out" or (name in may_be_few and is_few(rates[name], margin))
            for name, part in parts.items()
        ),
        finding=Finding(
            state="undecided",
            effect=rate_effect(rates[worst]),
            n=n,
            p_value=p_value,
            parts=parts,
            precision=Precision(of=f"{worst[0].upper()}{worst[1:]}", rate=rates[worst], share=1 / len(rates)),
        ),
    )


def rate_part(rate: Rate, margin: float) -> Part:
    """One group's rate as a part of a claim, by its own 95 % interval."""
    low, high = rate.interval()
    state: State = "confirmed" if low > margin else "ruled_out" if high < margin else "undecided"
    return Part(state=state, effect=rate_effect(rate), n=rate.n, p_value=rate.p_above(margin))
