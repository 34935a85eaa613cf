"""The path of the claim `server` by likeness: everybody's sessions fail alike, while the controls are clean."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.server_path import Path
from analysis.comparison.probes import probe_rate
from analysis.comparison.rule import rate_effect, rate_words
from analysis.comparison.view import View
from analysis.reduction.variants import variant_of

# Clients that fail alike within a factor of two, and many of them: see `alike`.
SAME_LEAST: Final = 1 / 2
# What is known to be lost on the way is nothing that everybody's sessions show of the server.
SILENT: Final = variant_of(silence=True, answers=False, way=False)


def alike(view: View) -> Path | None:
    """Everybody's sessions fail alike while bare TCP and health requests do not; None without the controls."""
    # Also where they are compared, since somebody was spared them, losses on the way are no server's.
    cells = replace(view, spared_way="").compared
    platforms, clients = np.unique(cells.platform), np.unique(cells.client)
    sites = np.unique(cells.site[cells.site >= 0])
    hosts = np.unique(cells.host)
    if len(platforms) < 2 or len(clients) < 2 or len(sites) < 2 or len(hosts) < 4:
        return None
    for operation in ("tcp", "health"):
        for s in sites:
            if not probe_rate(view, operation=operation, site=view.sites[int(s)]).interval()[1] < view.margin:
                return None
    lowest = cells.where(cells.delay == cells.delay.min())
    groups = ((lowest.platform, platforms), (lowest.client, clients), (lowest.site, sites), (lowest.host, hosts))
    rates = []
    for group, members in groups:
        for member in members:
            mine = lowest.where(group == member)
            rates.append(view.rate(mine, mine.residual - mine.on_way, mine.n_clean, cautious=True, about=SILENT))
    if any(rate.n == 0 for rate in rates):
        return None
    estimates = [rate.estimate or 0.0 for rate in rates]
    same = min(estimates) > SAME_LEAST * max(estimates)
    overall = view.rate(lowest, lowest.residual - lowest.on_way, lowest.n_clean, about=SILENT)
    return Path(
        name="everybody alike, controls clean",
        effect=rate_effect(overall),
        p_value=max(rate.p_above(view.margin) for rate in rates) if same else 1.0,
        below=None,
        n=overall.n,
        evidence=f"Without added delay {rate_words(overall)} of the attempts fail, alike for every platform, client, "
        "site and host, while bare TCP connects and health requests from every site go well.",
    )
