"""Network: was what was sent lost, held up or cut between the two machines?

An exact rule where the kernel was asked: a request that was never acknowledged, or an answer that came late after
something had to be sent again, carries its own cause. Beside it the control probes: a site whose bare TCP connects fail
in the same moments as its sessions, while other sites do not.

What is not acknowledged is the way's, or the peer's whole machine's: from here both are the same, and the evidence says
so. A loss that spares a platform, client or host of the same site is no line's (`spared_of_way`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.claim import Claim
from analysis.claims.network_moments import LineMoments, line_moments
from analysis.claims.spared import met_and_expected, nearly_spared, spared_address
from analysis.comparison.cells import Cells
from analysis.comparison.rated import few_words, rated
from analysis.comparison.rule import joined_words, points, rate_words
from analysis.comparison.split import bound, counted, shares
from analysis.comparison.view import View
from analysis.model import Finding, Part, State
from analysis.stats.groups import Ints
from analysis.stats.holm import bonferroni
from analysis.stats.needs import about
from analysis.stats.rates import Rate, attempts_to_bound

KERNELS: Final = "A run on machines whose kernel can be asked (Linux, Windows 10 1703 or later, macOS)."


def network(view: View, silent: frozenset[str]) -> Finding:
    """The share that is known to be lost on the way, over all and by site, and the moments at which a line failed.

    Ruled out by its ceiling: what may have been lost there is below the margin in every part of the run (`split.py`).

    Args:
        view: The prepared tables.
        silent: Operations that are never answered.
    """
    cells = view.cells.where(~view.flagged)
    n = int(cells.n.sum())
    lost = _rates(view, cells, cells.on_way)
    judged = rated(lost, view.margin, n=n)
    lines = line_moments(view, silent)
    ways = 1 + len(lines)
    spared, address = view.spared_way, spared_address(view)
    line = min(lines, key=lambda one: (one.p_value, one.site), default=None)
    own = 1.0 if spared or address else judged.p_value
    p_value = bonferroni(min(own, line.p_value if line is not None else 1.0), ways)
    level = view.settings.alpha / ways
    base = replace(
        judged.finding,
        p_value=p_value,
        parts={**judged.finding.parts, **{f"bare TCP connects at {one.site}": _part(one, level) for one in lines}},
    )
    reading = f"Of the {judged.worst} {rate_words(lost[judged.worst])} were lost or held up on the way"
    if p_value <= view.settings.alpha:
        said = [f"{reading}. {_where(view, cells)}"] if own <= level else []
        said += [one.evidence for one in lines if one.p_value <= level]
        return replace(base, state="confirmed", evidence=" ".join(said))
    if judged.p_value <= view.settings.alpha and (spared or address):
        return replace(base, evidence=f"{reading}, but {spared or address}.", needs=_needs_of_spared(spared))
    open_rates = _rates(view, cells, cells.may_be_way)
    ceiling = rated(open_rates, view.margin, n=n)
    if ceiling.all_below:
        words = f"Of the attempts {rate_words(open_rates['attempts'])} may have been lost, held up or cut on the way."
        parts = bound(shares(view, cells, counted(cells, cells.may_be_way)), view.margin)
        if not parts.beyond:
            words += f" That is below {points(view.margin)} %.{few_words(parts.few)}"
            return replace(base, state="ruled_out", evidence=words)
        held = parts.held_open(base, view.margin, f"{words}{_untold(cells)}")
        return replace(held, needs=f"{KERNELS} {held.needs}") if _is_untold(cells) else held
    highest = open_rates[ceiling.highest]
    evidence = (
        f"Of the {ceiling.highest} {rate_words(highest)} may have been lost, held up or cut on the way; it is known "
        f"of {int(cells.on_way.sum()):,}.{_untold(cells)}"
    )
    needs = (KERNELS if _is_untold(cells) else "", _more(view, cells, highest, lines))
    return replace(base, evidence=evidence, needs=" ".join(need for need in needs if need))


def _rates(view: View, cells: Cells, events: Ints) -> dict[str, Rate]:
    """Of all attempts, of each kind, and of each site where there are several: none is diluted by the others."""
    rates = {"attempts": view.census(cells, events)}
    groups = [(f"{kind}s", cells.kind == code) for code, kind in enumerate(view.kinds)]
    groups = groups if len(view.kinds) > 1 else []
    if len(view.sites) > 1:
        groups += [(f"attempts at {site}", cells.site == code) for code, site in enumerate(view.sites)]
    for name, mask in groups:
        rates[name] = view.census(cells.where(mask), events[mask])
    return rates


def _where(view: View, cells: Cells) -> str:
    """Whose way it was: that of some sites, or everybody's, which may as well be the peer's machine."""
    known = cells.where(cells.site >= 0)
    if len(np.unique(known.site)) > 1:
        spared = nearly_spared(*met_and_expected(known.site, known.delay, known.n, known.on_way))
        names = [view.sites[code] for code in np.flatnonzero(spared)]
        if names:
            return f"Nearly spared: {joined_words(names)}. So it is the line of the others."
    return (
        "Nobody who could be compared was spared: it was between the two machines, or the peer's whole machine is gone."
    )


def _part(one: LineMoments, level: float) -> Part:
    state: State = "confirmed" if one.p_value <= level else "undecided"
    return Part(state=state, effect=one.effect, n=one.n, p_value=one.p_value, evidence=one.evidence)


def _needs_of_spared(spared: str) -> str:
    if not spared:
        return "The target's own view: is the machine behind one of its addresses gone, or its line?"
    return (
        "The same client from another machine at the same site, and the kernel of all of them asked: a firewall, a "
        "scanner or a driver of one machine loses what its neighbours' lines carry."
    )


def _untold(cells: Cells) -> str:
    """How many timeouts the kernel said nothing of, as a sentence; empty: none."""
    timeouts, untold = int(cells.timeouts.sum()), int((cells.timeouts - cells.placed).sum())
    if not untold:
        return ""
    if untold == timeouts:
        return (
            f" The kernel was not asked (Wine, an old system, or an older version) where {untold:,} timeouts were lost."
        )
    return f" Of {untold:,} of {timeouts:,} timeouts the kernel could not say where they were lost."


def _is_untold(cells: Cells) -> bool:
    return bool((cells.timeouts > cells.placed).any())


def _more(view: View, cells: Cells, rate: Rate, lines: Sequence[LineMoments]) -> str:
    """What would bound the rate, or tell what it is; empty where kernels alone may say it."""
    wanted = attempts_to_bound(rate, view.margin)
    if wanted is not None and wanted > rate.n:
        return f"About {about(wanted - rate.n)} more attempts."
    if (cells.timeouts - cells.placed).sum() >= cells.may_be_way.sum():
        return ""
    probes = "" if lines else " Control probes (tcp) from two sites or more."
    return f"What ended them without a word: the server's log at their moments, or its firewall's.{probes}"


CLAIM: Final = Claim(
    name="network",
    title="Network",
    statement="what was sent was lost, held up or cut between the two machines",
    weight=0.03,
    decide=lambda evidence: network(evidence.view, evidence.silent),
)
