"""The moments at which a site's line failed: its bare TCP connects fail with its sessions, and no other site does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.claims.spared import ALIKE_LEAST, LEAST_COHORT, met_and_expected, nearly_spared
from analysis.comparison.rule import effect_words
from analysis.comparison.view import View
from analysis.model import Effect
from analysis.reduction.counts import SLOT_S
from analysis.reduction.marked_rows import MINUTE_S
from analysis.stats.groups import Bools, Ints, counts_of, share_of
from analysis.stats.synchrony import synchrony

# With fewer attempts of other sites in the moments nothing is known of their being spared.
LEAST_ELSEWHERE: Final = 20


@dataclass(frozen=True, kw_only=True)
class LineMoments:
    """What one site lost while its bare TCP connects failed.

    Attributes:
        site: Its name.
        effect: Sessions and probes lost beyond the ordinary, in points of all of the site.
        p_value: Against "at most the margin"; 1 where others failed as well, or some of the site did not.
        n: Attempts of the site.
        evidence: One sentence.
    """

    site: str
    effect: Effect
    p_value: float
    n: int
    evidence: str


def line_moments(view: View, silent: frozenset[str]) -> list[LineMoments]:
    """The moments of each site that has tcp probes; empty where fewer than two sites are known.

    Args:
        view: The prepared tables.
        silent: Operations that are never answered.
    """
    slots = view.tables.slots
    slots = slots[~slots["operation"].isin(silent) & (view.hosts_of("slots") >= 0)]
    known = slots.groupby("site")["n"].sum()
    sites = [str(site) for site, n in known.items() if n >= LEAST_COHORT]
    if len(sites) < 2:
        return []
    probes = view.tables.probes
    probes = probes[probes["operation"] == "tcp"]
    found = []
    for site in sites:
        here, asked = slots[slots["site"] == site], probes[probes["site"] == site]
        if not counts_of(asked, "n").any():
            continue
        slot = np.concatenate([counts_of(asked, "slot"), counts_of(here, "slot")])
        n = np.concatenate([counts_of(asked, "n"), counts_of(here, "n")])
        bad = np.concatenate([counts_of(asked, "bad"), counts_of(here, "residual")])
        is_session = np.arange(len(slot)) >= len(asked)
        both = synchrony(is_session.astype(np.int64), slot, n, bad)
        if both is None:
            continue
        merge = both.slot_s // SLOT_S
        # For the sessions a slot is bad where the probes failed.
        moments = np.unique(slot[is_session & both.bad] // merge)
        low, high = both.interval()
        effect = Effect(name="synchronous excess", estimate=both.excess, low=low, high=high)
        objection = ""
        if len(moments):
            elsewhere = slots[slots["site"].isin([one for one in sites if one != site])]
            objection = _others(
                counts_of(elsewhere, "slot") // merge,
                counts_of(elsewhere, "n"),
                counts_of(elsewhere, "residual"),
                moments,
                rate=share_of(bad[is_session & both.bad].sum(), n[is_session & both.bad].sum()),
            ) or _some_of_the_site(view, site, np.unique(moments * merge * SLOT_S // MINUTE_S))
        words = f"At {site} sessions and bare TCP connects fail in the same moments: {effect_words(effect)}"
        found.append(
            LineMoments(
                site=site,
                effect=effect,
                p_value=1.0 if objection or not len(moments) else both.p_above(view.margin),
                n=int(counts_of(here, "n").sum()),
                evidence=f"{words}, but {objection}." if objection else f"{words}, while other sites do not.",
            )
        )
    return found


def _others(slot: Ints, n: Ints, bad: Ints, moments: Ints, *, rate: float) -> str:
    """Whether the other sites failed in the moments as well, or hardly tried; empty: they were spared."""
    inside: Bools = np.isin(slot, moments)
    if n[inside].sum() < LEAST_ELSEWHERE:
        return "hardly anybody tried at other sites then"
    excess = share_of(bad[inside].sum(), n[inside].sum()) - share_of(bad[~inside].sum(), n[~inside].sum())
    return "other sites fail in them as well" if excess > ALIKE_LEAST * rate else ""


def _some_of_the_site(view: View, site: str, minutes: Ints) -> str:
    """Who of the site did not fail in the minutes of the moments, in words; empty: all did."""
    cells = view.cells
    cells = cells.where((cells.site == view.sites.index(site)) & np.isin(cells.minute, minutes) & ~view.flagged)
    hosts = tuple(f"{host} ({platform})" for host, platform in view.hosts)
    minute = view.clock.rank(cells.minute)
    for what, group, names in (
        ("platform", cells.platform, view.platforms),
        ("client", cells.client, view.clients),
        ("host", cells.host, hosts),
    ):
        spared = nearly_spared(*met_and_expected(group, minute, cells.n, cells.residual))
        if spared.any():
            return f"the {what} {names[int(np.argmax(spared))]} was nearly spared"
    return ""
