"""Server: do the failures come from the server's side?

A union of paths (a module `server_...` each), corrected for their number. To rule the server out takes more than
their absence: some cohort must be clean all the time, since a server that keeps silent does so to everybody, and
hardly anybody may have been told no: who refuses, resets or closes may do so to one side only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.claims import server_moments as moments
from analysis.claims.claim import Claim
from analysis.claims.server_alike import alike
from analysis.claims.server_answers import explicit
from analysis.claims.server_instances import instances, sticky
from analysis.claims.server_limits import limits
from analysis.claims.server_path import Path
from analysis.claims.server_silence import acknowledged, unanswered
from analysis.claims.server_tokens import fresh_refusals
from analysis.comparison import factor_conditions as factors
from analysis.comparison.rated import few_words, is_few
from analysis.comparison.rule import joined_words, points, rate_words, too_short
from analysis.comparison.run_minutes import LEAST_CHUNKS
from analysis.comparison.split import Bound, bound, counted, shares
from analysis.comparison.view import View
from analysis.model import Check, Finding, Part, State
from analysis.stats.detectable import Precision
from analysis.stats.groups import Bools, sums
from analysis.stats.holm import bonferroni
from analysis.stats.rates import Rate
from analysis.stats.synchrony import Synchrony

PRESENT: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Clean:
    """The cohort that fails least, with its limit corrected for the choice."""

    name: str
    rate: Rate
    high: float


def server(view: View, found: Synchrony | None, silent: frozenset[str]) -> Finding:
    """The union of the paths.

    Args:
        view: The prepared tables.
        found: Synchrony of all failures that are the target's (`server_moments.together`).
        silent: Operations that are never answered: the format's, not an instance's.
    """
    ways = [explicit(view), fresh_refusals(view), *limits(view)]
    synchronous = moments.synchronous(view, found, silent) if found is not None else None
    instance = instances(view, silent)
    silences = (unanswered(view), acknowledged(view))
    ways += [way for way in (synchronous, instance, *silences, alike(view)) if way is not None]
    best = min(ways, key=lambda way: (way.p_value, way.name))
    p_value = bonferroni(best.p_value, len(ways))
    parts = {way.name: _part(way, view.settings.alpha / len(ways)) for way in ways}
    clean, refused = cleanest(view), told_no(view)
    checks = _checks(view, clean, refused, synchronous, instance, silent)
    held = Finding(
        state="undecided",
        effect=best.effect,
        n=int(view.cells.n.sum()),
        p_value=p_value,
        parts=parts,
        checks=checks,
        precision=Precision(unknown=_bounded(ways)),
    )
    if p_value <= view.settings.alpha:
        said = " ".join(way.evidence for way in ways if parts[way.name].state == "confirmed")
        return replace(held, state="confirmed", evidence=said or best.evidence)
    open_ways = [way for way in ways if way.below is False]
    if not open_ways and clean is not None and all(check.ok for check in checks):
        scope = "of any instance" if instance is not None else "of all attempts"
        words = (
            f"A cohort was clean all the time ({clean.name}: {rate_words(clean.rate)}), no moment, age or answer "
            f"{scope} shows more than {points(view.margin)} points."
        )
        few = [name for names in (refused.few, *(way.few for way in ways)) for name in names]
        words += few_words(list(dict.fromkeys(few)))
        return replace(held, state="ruled_out", evidence=words)
    there = {
        "ping": not view.cells.unasked.any(),
        "probes": len(view.tables.probes) > 0,
        "instances": int(view.tables.instances["n"].sum()) > 0,
    }
    needs = _needs(open_ways, checks, there=frozenset(name for name, is_there in there.items() if is_there))
    return replace(held, evidence=_why_open(view, open_ways, checks), needs=needs)


def _bounded(ways: Sequence[Path]) -> str:
    """Why the union of the paths has no smallest detectable effect, and what each way of looking leaves possible."""
    words = "Its paths are of several kinds, which have no common error"
    limits = {way.name: way.effect.high for way in ways if way.effect is not None and way.effect.high is not None}
    if not limits:
        return f"{words}."
    most = max(limits, key=lambda name: (limits[name], name))
    return (
        f"{words}. Their upper limits (95 %) are {100 * limits[most]:.3g} % of the attempts or less ({most}), "
        "each of what it looks at."
    )


def cleanest(view: View) -> Clean | None:
    """The cohort with the lowest limit, of those seen in nearly all minutes; None where no limit is below.

    Its limit is that of its worst operation, of those that have attempts enough to be bounded.
    """
    cells = view.compared
    cohorts: dict[str, Bools] = {}
    # Whom the target can tell from the others it may serve otherwise: they clear it for themselves only.
    platforms = range(len(view.platforms))
    are_alike = not factors.seen_to_differ(factors.of_platforms(view, platforms))
    for p, name in enumerate(view.platforms):
        cohorts[name] = cells.platform == p
        if len(view.delays_us) > 1:
            cohorts[f"{name} without added delay"] = (cells.platform == p) & (cells.delay == 0)
    if len(view.delays_us) > 1 and not factors.seen_to_differ(factors.of_delays(view)):
        for d, delay in enumerate(view.delays_us):
            cohorts[f"{delay / 1000:g} ms added"] = cells.delay == d
    if len(view.clients) > 1:
        for names, codes in ((view.clients, cells.client), (view.families, cells.family)):
            for c, name in enumerate(names):
                if name not in cohorts and not factors.seen_to_differ(factors.of_clients(view, (name,))):
                    cohorts[name] = codes == c
    if not are_alike:
        cohorts = {name: mask for name, mask in cohorts.items() if np.isin(platforms, cells.platform[mask]).all()}
    # A balancer may deal addresses to instances: hosts that are clean say nothing of the instances that other hosts
    # meet, unless these are named.
    if int(view.tables.instances["n"].sum()) == 0:
        hosts = len(np.unique(cells.host))
        cohorts = {name: mask for name, mask in cohorts.items() if len(np.unique(cells.host[mask])) == hosts}
    minutes = len(view.clock.minutes)
    level = 1 - 0.05 / max(1, len(cohorts))
    found = []
    for name, mask in cohorts.items():
        mine = cells.where(mask)
        if len(np.unique(mine.minute)) <= PRESENT * minutes:
            continue
        rates = [view.rate(mine, mine.residual + mine.explicit + mine.auth_fresh, mine.n)]
        for operation in np.unique(mine.operation).tolist():
            one = mine.where(mine.operation == operation)
            rates.append(view.rate(one, one.residual + one.explicit + one.auth_fresh, one.n))
        # A few attempts of an operation say nothing, unless too many of them fail already.
        bounded = [
            rate
            for rate in rates
            if rate is rates[0] or not is_few(rate, view.margin, level) or (rate.estimate or 0.0) > view.margin
        ]
        highest = max(rate.interval(level)[1] for rate in bounded)
        found.append(Clean(name=name, rate=rates[0], high=highest))
    best = min(found, key=lambda one: (one.high, one.name), default=None)
    return best if best is not None and best.high < view.margin else None


def told_no(view: View) -> Bound:
    """Parts of the run in which more attempts than the margin may have been told no: refused, reset, closed.

    A cohort that is clean clears the server of silence, and not of what it, or something at its side, says to others.
    """
    cells = view.cells.where(~view.flagged)
    return bound(shares(view, cells, counted(cells, cells.said_no)), view.margin)


def _part(way: Path, alpha: float) -> Part:
    if way.p_value <= alpha:
        return Part(state="confirmed", effect=way.effect, n=way.n, p_value=way.p_value, evidence=way.evidence)
    state: State = "ruled_out" if way.below else "undecided"
    return Part(state=state, effect=way.effect, n=way.n, p_value=way.p_value)


def _checks(
    view: View,
    clean: Clean | None,
    refused: Bound,
    synchronous: Path | None,
    instance: Path | None,
    silent: frozenset[str],
) -> tuple[Check, ...]:
    """What ruling the server out rests on."""
    long_enough = len(view.clock.minutes) >= 2 * LEAST_CHUNKS
    connects = sums(view.cells.host, np.where(view.connects, view.cells.n, 0), len(view.hosts)).sum()
    named = int(view.tables.instances["n"].sum()) > 0
    is_tied = sticky(view)
    met = "Some host met hardly any but one of the instances." if is_tied else "Hosts met all instances that are named."
    checks = [
        Check(
            name="a clean cohort",
            ok=clean is not None,
            detail=f"{clean.name} was clean." if clean else "No cohort is surely below the margin all the time.",
        ),
        Check(
            name="hardly anybody told no",
            ok=not refused.beyond,
            detail=f"Refused, reset or closed: {refused.words(view.margin)}"
            if refused.beyond
            else f"Refused, reset or closed were less than {points(view.margin)} % everywhere.",
        ),
        Check(
            name="groups to compare",
            ok=synchronous is not None,
            detail="Clients that share nothing but the server were compared moment by moment."
            if synchronous
            else "There is one host: whether others fail at the same moment cannot be seen.",
        ),
        Check(name="long enough", ok=long_enough, detail=f"{len(view.clock.minutes)} minutes."),
        Check(name="connects seen", ok=bool(connects > 0), detail=f"{int(connects)} connects."),
        Check(
            name="hosts meet all instances",
            ok=not is_tied,
            detail=met if named else "The server names no instance.",
        ),
    ]
    if silent:
        # A gap in the server's routing and a slow handler look alike from here.
        names = joined_words(sorted(silent))
        checks.append(Check(name="every type answered", ok=False, detail=f"Nobody answers {names}: by whose fault?"))
    if instance is None and int(view.tables.instances["server_instance"].nunique()) > 1:
        detail = "The instances could not be compared: each client of a host hardly ever met two at the same time."
        checks.append(Check(name="instances compared", ok=False, detail=detail))
    return tuple(checks)


def _why_open(view: View, ways: list[Path], checks: tuple[Check, ...]) -> str:
    short = too_short(view, view.clock.chunks)
    said = [way.evidence for way in ways if way.need or (way.effect is not None and (way.effect.estimate or 0.0) > 0)]
    failed = [check.detail for check in checks if check.ok is not True]
    return " ".join([*([short[0]] if short else []), *said[:2], *failed]) or "The limits reach across the margin."


def _needs(ways: list[Path], checks: tuple[Check, ...], *, there: frozenset[str]) -> str:
    """What would settle it, without what is there already.

    Args:
        ways: Paths that could not be bounded.
        checks: What ruling the server out rests on.
        there: What the run had already: "ping" (the peer of every silent wait that could be asked was sent one),
            "probes" (controls), "instances" (named by the server).
    """
    needs = []
    if "ping" not in there:
        needs.append("A ping after each silent timeout (--peer-check-s above 0): it tells a server that keeps silent.")
    failed = {check.name for check in checks if check.ok is not True}
    if "long enough" in failed:
        needs.append(f"A run of at least {2 * LEAST_CHUNKS} minutes.")
    if "groups to compare" in failed:
        needs.append("A second host, so that failures at the same moment can be seen.")
    if "hardly anybody told no" in failed:
        needs.append("The server's log, or its proxy's: who refused, reset or closed, and why there?")
    if failed & {"hosts meet all instances", "instances compared"}:
        needs.append("Connections without session affinity, so that every client of a host meets every instance.")
    needs += [way.need for way in ways if way.need]
    if "every type answered" in failed:
        needs.append("The server's log of the unanswered messages.")
    if "a clean cohort" in failed:
        wanted = [] if "probes" in there else ["control probes (tcp, health) from every site"]
        wanted += [] if "instances" in there else ["an instance named in the upgrade's response (X-Server-Instance)"]
        wanted += [] if any("erver's log" in need for need in needs) else ["the server's log"]
        listed = ", or ".join(wanted or ["more attempts"])
        needs.append(f"{listed[0].upper()}{listed[1:]}: a constant fault looks the same from all clients.")
    if not needs:
        unbounded = f": {joined_words([way.name for way in ways])} could not be bounded" if ways else ""
        needs.append(f"More attempts{unbounded}.")
    return " ".join(needs)


CLAIM: Final = Claim(
    name="server",
    title="Server",
    statement="it comes from the server's side",
    weight=0.15,
    decide=lambda evidence: server(evidence.view, evidence.together, evidence.silent),
    while_live="at the end",
    of_refusals=True,
)
