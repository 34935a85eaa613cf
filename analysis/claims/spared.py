"""Who was nearly spared a kind of failure, or of end: what spares a cohort is not the server's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from analysis.comparison.cells import Cells
from analysis.comparison.view import View
from analysis.stats.groups import Bools, Floats, Ints, coded, combined, counts_of, sums
from analysis.stats.rates import clopper_pearson

# A fault of the server's spares no cohort: the least hit one still has a fifth of the most hit one's rate.
ALIKE_LEAST: Final = 1 / 5
# Cohorts with fewer attempts than this say nothing of being spared.
LEAST_COHORT: Final = 200
# At this chance luck alone spares a cohort: none of three failures that were to be expected, or one of six. Of a cohort
# that had fewer to expect nothing is said.
SPARED_ALPHA: Final = 0.05
# A limit that ends this cohort's sessions surely less than half as often as another's is not everybody's.
MET_LEAST: Final = 1 / 2


def spared_of_silence(view: View) -> str:
    """Who was nearly spared a server that had the request and keeps silent, in words; empty: nobody.

    A server's fault spares no cohort. A client that swallows requests, or a middlebox of one site that answers
    pings itself, looks the same on each connection, and spares all the others.
    """
    cells = view.cells.where(~view.flagged)
    return spared_of(view, cells, cells.unanswered)


def spared_of_way(view: View) -> str:
    """Who was nearly spared what others lost on the way at the same site and delay, in words; empty: nobody.

    Hosts of one site share its line, whatever runs on them. A loss that spares one platform, client or host there is
    its machine's, its system's or its client's; one that spares a delay is the tester's own relay's. A machine whose
    kernel nobody could ask has not been spared, but nobody knows of it.
    """
    cells = view.cells.where(~view.flagged)
    if not cells.on_way.any():
        return ""
    delays = tuple(f"{delay / 1000:g} ms" for delay in view.delays_us)
    line, line_and_delay = cells.site + 1, combined(cells.site + 1, cells.delay)[0]
    for what, group, names, alike in (
        ("platform", cells.platform, view.platforms, line_and_delay),
        ("client", cells.client, view.clients, line_and_delay),
        ("host", cells.host, tuple(f"{host} ({platform})" for host, platform in view.hosts), line_and_delay),
        ("delay", cells.delay, delays, line),
    ):
        lost = met_and_expected(group, alike, cells.n, cells.on_way)
        spared = nearly_spared(*lost)
        if not spared.any():
            continue
        place = int(np.flatnonzero(spared)[np.argmax(lost[1][spared])])
        # What is lost there may be lost on the way as well, and nothing can tell.
        untold = sums(group, cells.may_be_way - cells.on_way, len(lost[0]))[place]
        if untold > ALIKE_LEAST * lost[1][place]:
            return f"of the {what} {names[place]} nobody knows whether it was spared"
        return f"the {what} {names[place]} was nearly spared"
    return ""


def spared_address(view: View) -> str:
    """Whether one of the target's addresses was nearly spared what was lost on the way to the others; empty: no."""
    frame = view.tables.peers
    address, addresses = coded(frame["peer_address"].astype(str))
    site, _ = coded(frame["site"])
    n, lost = counts_of(frame, "n"), counts_of(frame, "on_way")
    spared = nearly_spared(*met_and_expected(address, site + 1, n, lost))
    if not spared.any():
        return ""
    were = "was" if spared.sum() == 1 else "were"
    return f"{int(spared.sum())} of the target's {len(addresses)} addresses {were} nearly spared"


def met_and_expected(group: Ints, alike: Ints, n: Ints, failed: Ints) -> tuple[Floats, Floats]:
    """(groups,) failures that each group met, and would have met if it were as the others where they all were.

    Args:
        group: (rows,) whole numbers from 0: who is asked about.
        alike: (rows,) whole numbers from 0: what they must have in common.
        n: (rows,) attempts.
        failed: (rows,) of them the failures.
    """
    groups, places = (int(codes.max()) + 1 if len(codes) else 0 for codes in (group, alike))
    tried, met = (sums(group * places + alike, x, groups * places).reshape(groups, places) for x in (n, failed))
    others, others_met = tried.sum(axis=0) - tried, met.sum(axis=0) - met
    expected = tried * np.divide(others_met, others, out=np.zeros_like(met), where=others > 0)
    return np.where(others > 0, met, 0.0).sum(axis=1), expected.sum(axis=1)


def nearly_spared(met: Floats, expected: Floats) -> Bools:
    """(groups,) whether each met so much less than was to be expected that it is no luck (Poisson)."""
    result: Bools = (met <= ALIKE_LEAST * expected) & (special.pdtr(np.floor(met), expected) <= SPARED_ALPHA)
    return result


def spared_of_answers(view: View) -> str:
    """Who was nearly spared what the server itself says (errors, closes), in words; empty: nobody, or there was none.

    Such failures are the server's where all met them alike. Where somebody was spared they may be the client's: a
    platform that provokes them, a proxy of one site that answers in the server's place.
    """
    cells = view.cells.where(~view.flagged)
    return spared_of(view, cells, cells.explicit)


def spared_of_ends(view: View) -> str:
    """Who was nearly spared sessions that the server itself ended while they were held, in words; empty: nobody."""
    frame, host = view.tables.sessions, view.hosts_of("sessions")
    frame, host = frame[host >= 0], host[host >= 0]
    site_of = {str(name): code for code, name in enumerate(view.sites)}
    where = InstancePlaces(
        host=host,
        platform=view.platform_of[host],
        client=view.client_codes(frame),
        delay=view.delay_codes(frame),
        site=np.array([site_of.get(str(name), -1) for name in frame["site"]], dtype=np.int64),
        n=counts_of(frame, "n"),
    )
    ended = counts_of(frame, "explicit")
    if not ended.any():
        return ""
    for what, names, n, x in _cohorts(view, where, ended):
        is_spared = are_spared(n, x)
        if is_spared.any():
            return f"the {what} {names[int(np.argmax(is_spared))]} was nearly spared"
        if len(names) > 1 and (x > 0).sum() < 2:
            return f"only the {what} {names[int(np.argmax(x))]} met it"
    return ""


@dataclass(frozen=True, kw_only=True)
class InstancePlaces:
    """Where something was tried, each (rows,): codes of the view, and how often; as in `Cells`."""

    host: Ints
    platform: Ints
    client: Ints
    delay: Ints
    site: Ints
    n: Ints


def spared_of(view: View, cells: Cells, failed: Ints) -> str:
    """Who was nearly spared such failures, in words; empty if they met everybody alike.

    Args:
        view: Names.
        cells: Where attempts were made.
        failed: (rows,) of them the failures.
    """
    hit = sums(cells.host, failed, len(view.hosts)) > 0
    if not hit.any():
        return ""
    if len(view.hosts) > 1 and hit.sum() < 2:
        return "only one host saw it"
    for what, names, n, x in _cohorts(view, cells, failed):
        used = n >= LEAST_COHORT
        if used.sum() < 2:
            continue
        rate = x[used] / n[used]
        if rate.min() <= ALIKE_LEAST * rate.max():
            return f"the {what} {np.array(names)[used][int(np.argmin(rate))]} was nearly spared"
    return ""


def _cohorts(
    view: View, places: Cells | InstancePlaces, failed: Ints
) -> Iterator[tuple[str, tuple[str, ...], Floats, Floats]]:
    """By platform, client, delay and site: names of those that tried, how often each did, and how often it failed."""
    delays = tuple(f"{delay / 1000:g} ms" for delay in view.delays_us)
    for what, group, names in (
        ("platform", places.platform, view.platforms),
        ("client", places.client, view.clients),
        ("delay", places.delay, delays),
        ("site", places.site, view.sites),
    ):
        known = group >= 0
        n, x = (sums(group[known], counts[known], len(names)) for counts in (places.n, failed))
        tried = n > 0
        yield what, tuple(np.array(names, dtype=object)[tried].tolist()), n[tried], x[tried]


def are_spared(n: Floats, x: Floats) -> Bools:
    """(cohorts,) which of them surely met it less than half as often as another; where nobody is known, none."""
    if not len(n):
        return np.zeros(0, dtype=np.bool_)
    low, high = np.array([clopper_pearson(float(met), float(tried)) for met, tried in zip(x, n, strict=True)]).T
    result: Bools = high < MET_LEAST * low.max()
    return result
