"""The path of the claim `server` by moments: clients that share nothing but the server fail together.

Hosts of one site share its line, too, so the moments are held against the sites, or against the control probes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analysis.claims.server_alike import SAME_LEAST
from analysis.claims.server_instances import OUTLIER_ALPHA
from analysis.claims.server_path import Path
from analysis.claims.spared import ALIKE_LEAST, LEAST_COHORT
from analysis.comparison.rule import effect_words, rate_words
from analysis.comparison.view import View
from analysis.model import Effect
from analysis.stats.groups import Bools, Ints, coded, counts_of, sums
from analysis.stats.rates import Rate
from analysis.stats.synchrony import Synchrony, synchrony

# With fewer attempts of a site in the bad moments nothing is known of its being spared.
LEAST_IN_MOMENTS: Final = 20
# With fewer attempts of the others in a slot a burst goes unseen, and nothing is ruled out.
LEAST_OTHERS: Final = 12


def together(view: View, silent: frozenset[str], *, residual_only: bool = False) -> Synchrony | None:
    """Synchrony of the platforms' failures, or of the hosts' where there is one platform."""
    frame = _slots(view, silent)
    host = view.host_codes(frame)
    group = host if len(view.platforms) < 2 else view.platform_of[host]
    return synchrony(
        group, counts_of(frame, "slot"), counts_of(frame, "n"), counts_of(frame, "residual" if residual_only else "bad")
    )


def _slots(view: View, silent: frozenset[str]) -> pd.DataFrame:
    """The rows of G2 that synchrony is about: `Synchrony.bad` has a place for each."""
    frame = view.tables.slots
    frame = frame[~frame["operation"].isin(silent) & (view.hosts_of("slots") >= 0)]
    # What is known to be lost on the way strikes many at once as well, and is no server's.
    lost = frame["on_way"]
    kept = lost if view.spared_way else 0
    return frame.assign(bad=frame["bad"] - lost, residual=frame["residual"] - lost + kept)


def synchronous(view: View, found: Synchrony, silent: frozenset[str]) -> Path:
    """Clients that share nothing but the server fail in the same moments.

    Args:
        view: The prepared tables.
        found: Of all failures that are the target's (`together`).
        silent: Operations that are never answered, as `together` had them.
    """
    low, high = found.interval()
    groups = "platforms" if len(view.platforms) > 1 else "hosts"
    effect = Effect(name="synchronous excess", estimate=found.excess, low=low, high=high)
    line = _line(view, found, silent)
    return Path(
        name="failures at the same moments",
        effect=effect,
        p_value=max(found.p_above(view.margin), line.p_value),
        below=high < view.margin and found.other_attempts >= LEAST_OTHERS,
        n=int(view.cells.n.sum()),
        evidence=f"The {groups} fail in the same moments{line.who}: {effect_words(effect)} of all attempts, in "
        f"{found.episodes} {'burst' if found.episodes == 1 else 'bursts'} ({found.slot_s} s slots).{line.caution}",
        need=line.need,
    )


@dataclass(frozen=True, kw_only=True)
class Line:
    """Whether the moments may be those of a line that hosts share: platforms at one site share more than the server.

    Attributes:
        p_value: Against "a line failed"; 0 where nothing speaks for it.
        who: Who else did or did not fail, within the path's sentence.
        caution: A sentence after it.
        need: What would tell.
    """

    p_value: float = 0.0
    who: str = ""
    caution: str = ""
    need: str = ""


def may_be_a_line(view: View, found: Synchrony, silent: frozenset[str]) -> bool:
    """Whether the moments speak of a network: a site was spared, or bare TCP connects failed in them, too."""
    return _line(view, found, silent).p_value >= 1.0


def _line(view: View, found: Synchrony, silent: frozenset[str]) -> Line:
    """By the sites where there are two or more, and else by the control probes."""
    frame = _slots(view, silent)
    merge = found.slot_s // 10
    slot = counts_of(frame, "slot") // merge
    moments = np.unique(slot[found.bad])
    if len(moments) == 0:
        return Line()
    site, names = coded(frame["site"])
    attempts = sums(site + 1, counts_of(frame, "n"), len(names) + 1)[1:]
    used = np.concatenate([[False], attempts >= LEAST_COHORT])[site + 1]
    if len(np.unique(site[used])) < 2:
        return _line_by_probes(view, frame, moments, merge)
    return _line_by_sites(frame[used], [str(name) for name in names], site[used], np.isin(slot, moments)[used])


def _line_by_sites(frame: pd.DataFrame, names: list[str], site: Ints, inside: Bools) -> Line:
    """The sites must share the moments, and none of them be spared.

    Args:
        frame: Rows of G2.
        names: Of the sites.
        site: (rows,).
        inside: (rows,) in a bad moment.
    """
    n, bad = counts_of(frame, "n"), counts_of(frame, "bad")
    need = "Bursts that the hosts of two or more sites share: what one site sees alone may be its line."
    seen, failed = sums(site[inside], n[inside], len(names)), sums(site[inside], bad[inside], len(names))
    outside = sums(site[~inside], bad[~inside], len(names)) / np.maximum(sums(site[~inside], n[~inside], len(names)), 1)
    excess = np.where(seen >= LEAST_IN_MOMENTS, failed / np.maximum(seen, 1) - outside, np.nan)
    if np.count_nonzero(~np.isnan(excess)) >= 2 and np.nanmin(excess) <= ALIKE_LEAST * np.nanmax(excess):
        return Line(p_value=1.0, who=f", but the site {names[int(np.nanargmin(excess))]} was nearly spared", need=need)
    group = np.unique(site, return_inverse=True)[1].astype(np.int64)
    between = synchrony(group, counts_of(frame, "slot"), n, bad)
    p_value = between.p_coincidence if between is not None else 1.0
    if p_value > OUTLIER_ALPHA:
        return Line(p_value=p_value, who=", but that all sites do is not sure", need=need)
    return Line(p_value=p_value, who=", at all sites")


def _line_by_probes(view: View, frame: pd.DataFrame, moments: Ints, merge: int) -> Line:
    """At one site, or at unknown ones, bare TCP connects tell whether the line worked in the bad moments.

    Args:
        view: The prepared tables.
        frame: Rows of G2.
        moments: Bad slots, merged.
        merge: How many slots of the tables are one of them.
    """
    one = "All hosts are at one site" if frame["site"].notna().all() else "The hosts' sites are not recorded"
    tell = "Hosts at a second site, or tcp probes: a line that all hosts share would look the same."
    inside = np.isin(counts_of(frame, "slot") // merge, moments)
    rate = float(counts_of(frame, "bad")[inside].sum()) / max(1.0, float(counts_of(frame, "n")[inside].sum()))
    probes = view.tables.probes
    probes = probes[probes["operation"] == "tcp"]
    in_moments = np.isin(counts_of(probes, "slot") // merge, moments)
    # What is lost all the time, by a firewall say, is no part of the moments.
    quiet = probes[~in_moments]
    always = float(quiet["bad"].sum()) / max(1.0, float(quiet["n"].sum()))
    probes = probes[in_moments]
    n, bad = int(probes["n"].sum()), int(probes["bad"].sum())
    tried = Rate(events=max(0, round(bad - always * n)), n=n, design_effect=1.0)
    if tried.n and (tried.estimate or 0.0) > ALIKE_LEAST * rate:
        caution = f" {one}, and {rate_words(tried)} of the bare TCP connects failed in these moments too."
        return Line(p_value=1.0, caution=caution, need=tell)
    if tried.n and tried.interval()[1] < SAME_LEAST * rate:
        return Line(who=", while bare TCP connects went well")
    return Line(caution=f" {one}: a line that they share would look the same; a second site or tcp probes would tell.")
