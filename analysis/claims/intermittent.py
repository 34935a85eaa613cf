"""Intermittent: under the same conditions some attempts fail and some do not.

Conditions are host, client, delay, operation, user, scenario, size of request, frames before the welcome and an expired
token; time is not one of them. What fails always under its conditions is a defect, but not an intermittent one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.claim import Claim
from analysis.comparison.cells import Cells
from analysis.comparison.rated import few_words, is_few, rated
from analysis.comparison.rule import points, rate_words
from analysis.comparison.split import bound, by_instance, shares
from analysis.comparison.view import View
from analysis.model import Finding
from analysis.reduction.thresholds import ALWAYS_RATIO
from analysis.stats.groups import Bools, Ints, combined, sums
from analysis.stats.needs import about
from analysis.stats.rates import Rate, attempts_to_bound

# A smaller cell that failed throughout may be chance; then its conditions on all hosts decide.
LEAST_CELL: Final = 10
OF_AN_OPERATION: Final = " requests"


def intermittent(view: View) -> Finding:
    """The worst cohort by its rate of failures that are not deterministic."""
    cells = view.cells
    always = always_fails(cells, connect=view.kinds.index("connect") if "connect" in view.kinds else -1)
    sometimes = cells.where(~always)
    coarse = {name: _rate(view, sometimes.where(mask)) for name, mask in _cohorts(view, sometimes, fine=False).items()}
    fine = _cohorts(view, sometimes, fine=True)
    rates = {name: _rate(view, sometimes.where(mask)) for name, mask in fine.items()}
    if not rates:
        return Finding(
            state="undecided",
            n=int(cells.n.sum()),
            evidence="Everything fails, always, under every condition.",
            needs="A run while the target answers at times"
            + (", or a longer budget." if view.cells.timeouts.any() else "."),
        )
    n = int(cells.n.sum())
    operations = {name for name in coarse if name.endswith(OF_AN_OPERATION)}
    judged, bounded = rated(rates, view.margin, n=n), rated(coarse, view.margin, n=n, may_be_few=operations)
    worst, widest = judged.worst, bounded.highest
    shown = {**bounded.finding.parts, worst: judged.finding.parts[worst]}
    base = replace(judged.finding, parts=shown)
    if judged.p_value <= view.settings.alpha:
        without = {name: _without_never_ok(view, sometimes.where(fine[name]), rate) for name, rate in rates.items()}
        if rated(without, view.margin, n=n).p_value > view.settings.alpha:
            return _always_or_by_chance(base, view, worst, rates[worst])
        return replace(
            base, state="confirmed", evidence=f"Under the same conditions ({worst}) {rate_words(rates[worst])} fail."
        )
    if bounded.all_below:
        few = sorted(name for name in operations if is_few(coarse[name], view.margin))
        highest = max(coarse.keys() - few, key=lambda name: (coarse[name].interval()[1], name))
        # Instances are counted with what always fails: where something does, they say nothing of the rest.
        beside = {view.operations[o] for o in np.unique(cells.operation[always | (cells.n_always > 0)])}
        split = shares(view, sometimes, lambda mask: _rate(view, sometimes.where(mask)))
        split += by_instance(view, ["bad", "auth", "format"], but=beside)
        parts = bound(split, view.margin)
        words = (
            f"No cohort's rate of such failures reaches {points(view.margin)} %. "
            f"At most so in {highest}: {rate_words(coarse[highest])}."
        )
        if parts.beyond:
            return parts.held_open(base, view.margin, words)
        by_platform = {f"{name} {kind}s" for name in view.operations for kind in view.kinds}
        others = [name for name in parts.few if name not in by_platform]
        return replace(base, state="ruled_out", evidence=f"{words}{few_words([*few, *others])}")
    reading = f"At most so in {widest}: {rate_words(coarse[widest])}."
    return replace(
        base,
        evidence=f"{reading} That reaches across the margin of {points(view.margin)} %.",
        needs=_needs(widest, coarse[widest], view.margin),
    )


def _needs(cohort: str, rate: Rate, margin: float) -> str:
    """How many attempts would bound the widest cohort, if its rate is what it seems."""
    wanted = attempts_to_bound(rate, margin)
    if wanted is None:
        return f"A longer run with the same plan ({cohort}: {rate_words(rate)})."
    more = about(wanted - rate.n)
    return f"About {more} more attempts of the cohort that is known least: {cohort} (now {rate.n:,})."


def _rate(view: View, cohort: Cells) -> Rate:
    """Failures that are not those of a user, a scenario, or a size of request, that always fails."""
    return view.rate(cohort, cohort.bad - cohort.bad_always, cohort.n - cohort.n_always)


def _without_never_ok(view: View, cohort: Cells, rate: Rate) -> Rate:
    """The rate of a cohort of one platform and kind, without as many failures as users who never succeeded had there.

    Nobody knows how many of them are the cohort's: at most all.
    """
    frame = view.tables.never_ok
    if not len(cohort) or not len(frame):
        return rate
    theirs = frame[frame["platform"] == view.platforms[cohort.platform[0]]]
    of_never = min(rate.events, int(theirs.loc[theirs["kind"] == view.kinds[cohort.kind[0]], "n"].sum()))
    return replace(rate, events=rate.events - of_never, n=rate.n - of_never)


def _always_or_by_chance(finding: Finding, view: View, cohort: str, rate: Rate) -> Finding:
    """Undecided, since those who failed may be users who always do."""
    users = int(view.tables.never_ok["users"].sum())
    words = (
        f"In {cohort} {rate_words(rate)} fail, but {users} user{'s' if users > 1 else ''} failed each time, and came "
        "less than ten times: they may fail always."
    )
    return replace(finding, evidence=words, needs="A longer run, or fewer users: ten attempts of each, of each kind.")


def _cohorts(view: View, cells: Cells, *, fine: bool) -> dict[str, Bools]:
    """Each platform by delay, by client and by kind; finer: the first two for each kind.

    A fault is confirmed where it strikes, undiluted; to bound it the coarse cohorts must do, or no run would
    have enough attempts in each.
    """
    delays = tuple(f"{delay / 1000:g} ms added" for delay in view.delays_us)
    kinds = tuple(f"{kind}s" for kind in view.kinds)
    arms: list[tuple[Ints, tuple[str, ...]]] = [(cells.delay, delays), (cells.client, view.clients)]
    splits: list[tuple[str, Bools]] = [("", np.ones(len(cells), dtype=np.bool_))]
    if fine:
        splits = [(f", {name}", cells.kind == code) for code, name in enumerate(kinds)]
    else:
        arms.append((cells.kind, kinds))
        if len(view.operations) > 2:
            arms.append((cells.operation, tuple(f"{name}{OF_AN_OPERATION}" for name in view.operations)))
    found = {}
    for codes, names in arms:
        for p, platform in enumerate(view.platforms):
            for more, inside in splits:
                for code, name in enumerate(names):
                    mask: Bools = (cells.platform == p) & inside & (codes == code)
                    if mask.any():
                        found[f"{platform}, {name}{more}"] = mask
    return found


def always_fails(cells: Cells, *, connect: int) -> Bools:
    """(cells,) whether nearly all attempts under the same conditions fail; small groups go by all hosts.

    A connect that waited in vain has seen no frame before the welcome because it waited in vain: having
    seen none is its outcome, not a condition that it shares with others, so such a connect is judged
    together with those that have. `connect` is the code of that kind.
    """
    without = np.zeros_like(cells.preface)
    knows = (cells.kind != connect) | (cells.preface > 0)
    result: Bools = np.where(knows, _always(cells, cells.preface), _always(cells, without))
    return result


def _always(cells: Cells, preface: Ints) -> Bools:
    alike, many = combined(cells.operation, preface, cells.expired)
    exact, finest = combined(cells.host, cells.client, cells.delay, alike)
    everywhere = sums(alike, cells.bad, many) / sums(alike, cells.n, many)
    n = sums(exact, cells.n, finest)
    rate = sums(exact, cells.bad, finest) / n
    enough = n[exact] >= LEAST_CELL
    result: Bools = (rate[exact] >= ALWAYS_RATIO) & (enough | (everywhere[alike] >= ALWAYS_RATIO))
    return result


CLAIM: Final = Claim(
    name="intermittent",
    title="Intermittent",
    statement="under the same conditions some attempts fail and some do not",
    weight=0.03,
    decide=lambda evidence: intermittent(evidence.view),
)
