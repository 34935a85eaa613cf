"""From estimates and checks to a finding: the one rule that every comparison of the verdict follows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from analysis.comparison.run_minutes import LEAST_CHUNKS
from analysis.comparison.view import View
from analysis.comparison.words import interval_words
from analysis.model import Check, Effect, Finding, Part, State
from analysis.stats.detectable import Precision
from analysis.stats.estimate import Estimate
from analysis.stats.needs import Side, more_data
from analysis.stats.rates import Rate

# Where nearly everything fails nobody can fail more than others.
SATURATED: Final = 0.8
SATURATION: Final = "More than 80 % of the attempts fail: nobody can fail more than the others."
# A reader acts on the first conditions that fail; all of them are among the checks.
MOST_SAID: Final = 3
# What is said of a part that is shown and decides nothing.
DESCRIBED: Final = "With its own 95 % interval; the claim does not rest on it."


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A check, and what a test engineer would do to pass it.

    Attributes:
        check: The condition.
        need: What would pass it.
        of_error: Without it the error of the comparison is not known either.
    """

    check: Check
    need: str
    of_error: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One comparison of a claim.

    Attributes:
        name: "Windows - Linux", "320 ms - 0 ms on Linux", ...
        estimate: Difference of risks.
        informed: Chunks of time with information.
        sides: Whose hosts' spread is the estimate's first one; none: it does not rest on hosts.
        said: The name in a sentence, where that says more; empty: the name itself.
        weight: Its part of the claim's error rate, where any one comparison suffices; the scale does not matter.
        sole: The host without which it would not be beyond the margin; empty: it does not hang on one host.
    """

    name: str
    estimate: Estimate
    informed: int
    sides: tuple[Side, ...] = ()
    said: str = ""
    weight: float = 1.0
    sole: str = ""


@dataclass(frozen=True, kw_only=True)
class ComparisonRule:
    """How comparisons make a claim.

    Attributes:
        joined: "all": the claim is what all comparisons share (intersection-union, no correction);
            "any": one of them suffices (Bonferroni, by their weights).
        directed: The claim speaks of a higher risk only.
        confirmed: Sentence when confirmed, and
        ruled_out: when ruled out; both may use {name} and {effect}.
    """

    joined: Literal["all", "any"]
    directed: bool
    confirmed: str
    ruled_out: str


def compare(
    view: View,
    comparisons: Sequence[Comparison],
    conditions: Sequence[Condition],
    rule: ComparisonRule,
    *,
    ceiling: bool,
    incomplete: str = "",
    nothing_to_compare: str = "",
) -> Finding:
    """The finding of a comparison claim; `confirmed` still has to pass the family's Holm step.

    Args:
        view: The prepared tables.
        comparisons: The claim's comparisons.
        conditions: What must hold for the numbers to mean anything.
        rule: How comparisons make the claim.
        ceiling: The no-assumption bound holds for every group: ruled out whatever the conditions.
        incomplete: Who was not compared (then nothing but the ceiling rules the claim out).
        nothing_to_compare: What is needed where there are no comparisons.
    """
    checks = tuple(condition.check for condition in conditions)
    failed = [condition for condition in conditions if condition.check.ok is not True]
    judged = {one.name: part_of(one, view.margin, directed=rule.directed) for one in comparisons}
    # One attempt may stand in several comparisons (each client against the others), and is one attempt.
    n = min(sum(one.estimate.n for one in comparisons), int(view.compared.n_clean.sum()))
    chosen, p_value = _chosen(comparisons, view.margin, rule)
    effect = _effect(chosen.estimate, view.margin, directed=rule.directed) if chosen is not None else None
    base = Finding(
        state="undecided",
        effect=effect,
        n=n,
        p_value=p_value,
        parts=judged,
        checks=checks,
        precision=_precision(view, comparisons, failed, rule),
    )
    if ceiling:
        sentence = (
            f"Every group's own risk is surely below the margin of {points(view.margin)} points, "
            "so none can exceed another by it, whatever else differs."
        )
        return replace(base, state="ruled_out", evidence=sentence, ceiling=True)
    if chosen is None or effect is None:
        why = _listed(failed) or "There is nothing to compare."
        return replace(base, evidence=why, needs=_needs(failed) or nothing_to_compare)
    if saturated(view):
        return replace(
            base,
            evidence=SATURATION,
            needs="A run while the target works at times"
            + (", or a longer budget." if view.compared.timeouts.any() else "."),
        )
    short = too_short(view, min(one.informed for one in comparisons))
    if short:
        return replace(base, evidence=f"{_reading(chosen, effect)} {short[0]}", needs=short[1])
    if failed:
        return replace(base, evidence=f"{_reading(chosen, effect)} {_listed(failed)}", needs=_needs(failed))
    words = {"name": chosen.said or chosen.name, "effect": effect_words(effect)}
    if p_value is not None and p_value <= view.settings.alpha and chosen.sole:
        return replace(
            base,
            evidence=f"{_reading(chosen, effect)} Without the host {chosen.sole} it would not be beyond the margin.",
            needs=f"Another host like {chosen.sole}, or a look at what is particular to it.",
        )
    if p_value is not None and p_value <= view.settings.alpha:
        return replace(base, state="confirmed", evidence=rule.confirmed.format(**words))
    if all(part.state == "ruled_out" for part in judged.values()) and not incomplete:
        return replace(base, state="ruled_out", evidence=rule.ruled_out.format(**words))
    return _held_open(view, base, chosen, effect, incomplete)


def _held_open(view: View, base: Finding, chosen: Comparison, effect: Effect, incomplete: str) -> Finding:
    """What keeps a comparison open whose conditions hold, and what would close it."""
    inside = all(part.state == "ruled_out" for part in base.parts.values())
    if inside:
        return replace(
            base,
            evidence=f"{_reading(chosen, effect)} Within the margin. Not compared: {incomplete}.",
            needs=f"The same of what was not compared: {incomplete}.",
        )
    if effect.reversed:
        return replace(
            base,
            evidence=f"{_reading(chosen, effect)} The effect has the other sign than the claim.",
            needs="Look for what the lower risk comes from: a race, or an order that favours one side.",
        )
    open_end = f" Not compared: {incomplete}." if incomplete else ""
    needs = more_data(chosen.estimate, view.margin, minutes=len(view.clock.minutes), sides=chosen.sides, of=chosen.name)
    if chosen.sole and abs(effect.estimate or 0.0) > view.margin:
        # More hosts of its kind would tell, but nobody has fifty of them where one machine is at fault.
        open_end += f" Without the host {chosen.sole} the estimate would not be beyond it either."
        needs = f"A look at what is particular to {chosen.sole}, or a run without it."
    return replace(
        base,
        evidence=f"{_reading(chosen, effect)} The interval reaches across the margin of "
        f"{points(view.margin)} points.{open_end}",
        needs=needs,
    )


def _precision(
    view: View, comparisons: Sequence[Comparison], failed: Sequence[Condition], rule: ComparisonRule
) -> Precision:
    """How well the comparison that decides is known; where all must agree, the one that is known least."""
    chosen, _ = _chosen(comparisons, view.margin, rule)
    if chosen is None:
        return Precision(unknown=_listed(failed) or "There is nothing to compare.")
    of_error = [condition for condition in failed if condition.of_error]
    short = too_short(view, min(one.informed for one in comparisons))
    together = rule.joined == "all"
    return Precision(
        of="The platform that is known least" if together and len(comparisons) > 1 else chosen.name,
        estimates=tuple(one.estimate for one in comparisons) if together else (chosen.estimate,),
        directed=rule.directed,
        share=1.0 if together else chosen.weight / sum(one.weight for one in comparisons),
        unknown=_listed(of_error) or (SATURATION if saturated(view) else short[0] if short else ""),
        closed=_listed(failed),
    )


def saturated(view: View) -> bool:
    """Whether so many attempts fail that a comparison says nothing."""
    cells = view.compared
    return bool(cells.residual.sum() > SATURATED * max(1, cells.n_clean.sum()))


def too_short(view: View, informed: int) -> tuple[str, str] | None:
    """Why the run is too short for a comparison, and what to do; None if it is long enough."""
    if informed >= LEAST_CHUNKS:
        return None
    minutes = len(view.clock.minutes)
    least = 2 * LEAST_CHUNKS
    if minutes < least:
        return (
            f"{minutes} {'minute is' if minutes == 1 else 'minutes are'} too few to see how failures cluster in time.",
            f"A run of at least {least} minutes, better 30, with the same plan.",
        )
    return (
        f"Both sides were seen in only {informed} of {view.clock.chunks} parts of the run.",
        f"Both sides in the same minutes, during at least {least} minutes.",
    )


def part_of(one: Comparison, margin: float, *, directed: bool, evidence: str = "") -> Part:
    """A comparison by its own 95 % interval, without a share of the claim's error rate."""
    low, high = one.estimate.interval()
    p_value = one.estimate.p_above(margin) if directed else one.estimate.p_outside(margin)
    state: State = "undecided"
    if one.informed >= LEAST_CHUNKS:
        if -margin < low and high < margin:
            state = "ruled_out"
        elif low > margin or (high < -margin and not directed):
            state = "confirmed"
    return Part(
        state=state,
        effect=_effect(one.estimate, margin, directed=directed),
        n=one.estimate.n,
        p_value=p_value,
        evidence=evidence,
    )


def _chosen(
    usable: Sequence[Comparison], margin: float, rule: ComparisonRule
) -> tuple[Comparison | None, float | None]:
    """The comparison that decides, and the claim's p-value."""
    if not usable:
        return None, None
    ps = [one.estimate.p_above(margin) if rule.directed else one.estimate.p_outside(margin) for one in usable]
    if rule.joined == "all":
        worst = max(range(len(ps)), key=lambda i: (ps[i], -i))
        return usable[worst], ps[worst]
    total = sum(one.weight for one in usable)
    adjusted = [min(1.0, p * total / one.weight) for p, one in zip(ps, usable, strict=True)]
    best = min(range(len(ps)), key=lambda i: (adjusted[i], ps[i], i))
    return usable[best], adjusted[best]


def _effect(estimate: Estimate, margin: float, *, directed: bool) -> Effect:
    low, high = estimate.interval()
    return Effect(
        name="risk difference",
        estimate=estimate.value,
        low=_finite(max(low, -1.0)) if math.isfinite(low) else None,
        high=_finite(min(high, 1.0)) if math.isfinite(high) else None,
        reversed=directed and high < -margin,
    )


def rate_effect(rate: Rate) -> Effect | None:
    """A rate as an effect; None without attempts."""
    if rate.estimate is None:
        return None
    low, high = rate.interval()
    return Effect(name="rate", estimate=rate.estimate, low=low, high=high)


def effect_words(effect: Effect) -> str:
    """An effect in points, with its interval."""
    if effect.estimate is None:
        return "no estimate"
    return interval_words(effect.estimate, effect.low, effect.high, before="95 % interval ", without=" (no interval)")


def rate_words(rate: Rate) -> str:
    """A rate in percent, with its interval and its counts."""
    if rate.estimate is None:
        return "no attempts"
    low, high = rate.interval()
    counts = f"{rate.events:,} of {rate.n:,}"
    return f"{100 * rate.estimate:.2f} % ({counts}; 95 % interval {100 * low:.2f} to {100 * high:.2f} %)"


def points(ratio: float) -> str:
    """A ratio in points, without needless zeros."""
    return f"{100 * ratio:g}"


def joined_words(names: Sequence[str]) -> str:
    """Names as an English list."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _reading(chosen: Comparison, effect: Effect) -> str:
    return f"{chosen.said or chosen.name}: {effect_words(effect)}."


def _listed(failed: Sequence[Condition]) -> str:
    """What stands in the way: the first few in words, the others by number."""
    said = [condition.check.detail for condition in failed[:MOST_SAID]]
    more = len(failed) - MOST_SAID
    if more > 0:
        said.append(f"{more} more {'condition does' if more == 1 else 'conditions do'} not hold.")
    return " ".join(said)


def _needs(failed: Sequence[Condition]) -> str:
    wanted = dict.fromkeys(condition.need.rstrip(".") for condition in failed[:MOST_SAID] if condition.need)
    return " ".join(f"{need[0].upper()}{need[1:]}." for need in wanted)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def present(conditions: Iterable[Condition | None]) -> tuple[Condition, ...]:
    """The conditions that the data could be held against."""
    return tuple(condition for condition in conditions if condition is not None)
