"""Latency: does an added network delay raise the risk, on every platform?

Delay is assigned at random for each connection, so that its effect is causal. What a failed attempt saw
of the network is no exposure: a timeout's duration is its budget.
"""

from __future__ import annotations

import numpy as np

from analysis import factors
from analysis.ceiling import below_ceiling
from analysis.checks import arms_interleaved, budgets_alike, delay_arrived
from analysis.comparison import Comparison, Condition, Rule, compare
from analysis.mantel_haenszel import risk_difference
from analysis.model import Finding
from analysis.rates import Rate
from analysis.view import View
from analysis.within_hosts import over_connections

RULE = Rule(
    joined="all",
    directed=True,
    confirmed="A longer round trip raises the risk on every platform; least so {name}: {effect}.",
    ruled_out="A longer round trip changes no platform's risk by more than the margin; most so {name}: {effect}.",
)


def latency(view: View) -> Finding:
    """The highest against the lowest assigned delay, within host, time, client and kind, per platform."""
    cells = view.compared
    comparisons: list[Comparison] = []
    conditions: list[Condition] = []
    exposed: list[Rate] = []
    arrived = True
    for p, name in enumerate(view.platforms):
        mine = cells.where(cells.platform == p)
        arms = np.unique(mine.delay)
        if len(arms) < 2:
            continue
        low, high = int(arms[0]), int(arms[-1])
        ends = mine.where((mine.delay == low) | (mine.delay == high))
        stratum, _ = view.strata(ends)
        chunk = view.clock.chunk(ends.minute)
        contrast = risk_difference(
            stratum,
            chunk,
            ends.delay == high,
            ends.n_clean,
            ends.unexplained,
            chunks=view.clock.chunks,
            design_effect=view.attempts_a_connection,
        )
        hosts = np.unique(ends.host)
        kept = contrast.overlap if contrast else None
        conditions.append(arms_interleaved(kept, ends, ends.delay == high, arms="delay arms", where=name))
        conditions.append(delay_arrived(view, hosts, low, high, where=name))
        arrived = arrived and conditions[-1].check.ok is True
        top = mine.where(mine.delay == high)
        exposed.append(view.rate(top, top.unexplained, top.n_clean, about=view.variant))
        if contrast is not None:
            label = f"{view.delays_us[high] / 1000:g} ms against {view.delays_us[low] / 1000:g} ms added on {name}"
            dealt = over_connections(view, contrast, ends, ends.delay == high, strata=("host", "client", "kind"))
            comparisons.append(Comparison(name=label, estimate=dealt.estimate, informed=contrast.informed))
    conditions += [budgets_alike(view, "delay_us", "delay arms"), *factors.of_delays(view)]
    without = [name for name in view.platforms if not any(c.name.endswith(f" on {name}") for c in comparisons)]
    return compare(
        view,
        comparisons,
        conditions,
        RULE,
        ceiling=arrived and not without and below_ceiling(exposed, view.margin),
        incomplete=", ".join(without),
        nothing_to_compare="Delay arms (for example --delay-ms 0,80,160,320), drawn for each connection.",
    )
