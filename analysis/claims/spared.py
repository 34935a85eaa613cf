"""Who was nearly spared a kind of failure, or of end: what spares a cohort is not the server's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.comparison.cells import Cells
from analysis.comparison.view import View
from analysis.stats.groups import Bools, Floats, Ints, counts_of, sums
from analysis.stats.rates import clopper_pearson

# A fault of the server's spares no cohort: the least hit one still has a fifth of the most hit one's rate.
ALIKE_LEAST: Final = 1 / 5
# Cohorts with fewer attempts than this say nothing of being spared.
LEAST_COHORT: Final = 200
# A limit that ends this cohort's sessions surely less than half as often as another's is not everybody's.
MET_LEAST: Final = 1 / 2


def spared_of_silence(view: View) -> str:
    """Who was nearly spared a server that keeps silent while it answers pings, in words; empty: nobody.

    A server's fault spares no cohort. A client that swallows requests, or a middlebox of one site that answers
    pings itself, looks the same on each connection, and spares all the others.
    """
    cells = view.cells.where(~view.flagged)
    return spared_of(view, cells, cells.unanswered)


def spared_of_answers(view: View) -> str:
    """Who was nearly spared what the server itself says (errors, closes), in words; empty: nobody, or there was none.

    Such failures are the server's where all met them alike. Where somebody was spared they may be the client's: a
    platform that provokes them, a proxy of one site that answers in the server's place.
    """
    cells = view.cells.where(~view.flagged)
    return spared_of(view, cells, cells.explicit)


def spared_of_ends(view: View) -> str:
    """Who was nearly spared sessions that the server itself ended while they were held, in words; empty: nobody."""
    frame = view.tables.sessions
    host = view.host_codes(frame)
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
    """(cohorts,) which of them surely met it less than half as often as another."""
    low, high = np.array([clopper_pearson(float(met), float(tried)) for met, tried in zip(x, n, strict=True)]).T
    result: Bools = high < MET_LEAST * low.max()
    return result
