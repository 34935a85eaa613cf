"""Latency: does an added network delay raise the risk, on every platform?

Delay is assigned at random for each connection, so that its effect is causal. What a failed attempt saw
of the network is no exposure: a timeout's duration is its budget.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Final

import numpy as np

from analysis.claims.claim import Claim, Evidence, Watched
from analysis.comparison import factor_conditions as factors
from analysis.comparison.arm_conditions import arms_interleaved, budgets_alike, delay_arrived
from analysis.comparison.by_minute import by_minute
from analysis.comparison.ceiling import below_ceiling
from analysis.comparison.cells import Cells
from analysis.comparison.rule import Comparison, ComparisonRule, Condition, compare
from analysis.comparison.undiluted import by_arm, by_client, by_host, by_operation, by_operation_and_arm, undiluted
from analysis.comparison.view import View
from analysis.comparison.within_hosts import contrast_of
from analysis.model import Finding
from analysis.stats.groups import Floats
from analysis.stats.mantel_haenszel import Contrast
from analysis.stats.rates import Rate

RULE = ComparisonRule(
    joined="all",
    directed=True,
    confirmed="A longer round trip raises the risk on every platform; least so {name}: {effect}.",
    ruled_out="A longer round trip changes no platform's risk by more than the margin; most so {name}: {effect}.",
)

# Of "not monotone".
LEVEL: Final = 0.05


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
        contrast = _contrast(view, mine, low, high)
        hosts = np.unique(ends.host)
        kept = contrast.overlap if contrast else None
        conditions.append(arms_interleaved(kept, ends, ends.delay == high, arms="delay arms", where=name))
        conditions.append(delay_arrived(view, hosts, low, high, where=name))
        arrived = arrived and conditions[-1].check.ok is True
        top = mine.where(mine.delay == high)
        exposed.append(view.rate(top, top.unexplained, top.n_clean, about=view.variant))
        if contrast is not None:
            label = f"{_ms(view, high)} against {_ms(view, low)} added on {name}"
            comparisons.append(Comparison(name=label, estimate=contrast.estimate, informed=contrast.informed))
    conditions += [budgets_alike(view, "delay_us", "delay arms"), *factors.of_delays(view)]
    there = [view.platforms[p] for p in np.unique(cells.platform).tolist()]
    without = [name for name in there if not any(c.name.endswith(f" on {name}") for c in comparisons)]
    return compare(
        view,
        comparisons,
        conditions,
        RULE,
        ceiling=arrived and not without and below_ceiling(exposed, view.margin),
        incomplete=", ".join(without),
        nothing_to_compare="Delay arms (for example --delay-ms 0,80,160,320), drawn for each connection.",
    )


def shape(view: View) -> str:
    """How the risk goes with the delay on each platform that has three or more delays, in words; else nothing.

    Each delay beside the lowest one; monotone, or not if a delay is surely worse than a longer one (95 %, shared by the
    pairs that are looked at).
    """
    said = []
    for p, name in enumerate(view.platforms):
        mine = view.compared.where(view.compared.platform == p)
        low, *higher = np.unique(mine.delay).tolist() or [0]
        rises = {delay: _contrast(view, mine, low, delay) for delay in higher}
        seen = {delay: contrast.estimate for delay, contrast in rises.items() if contrast is not None}
        if len(seen) < 2:
            continue
        values = [0.0, *(estimate.value for estimate in seen.values())]
        word = "monotone" if values == sorted(values) else "in no order that is sure"
        pairs = list(combinations([low, *seen], 2))
        worse = [pair for pair in pairs if _is_worse(view, mine, *pair, level=LEVEL / len(pairs))]
        if worse:
            word = f"not monotone: {_ms(view, worse[0][0])} is worse than {_ms(view, worse[0][1])}"
        listed = ", ".join(f"{_ms(view, delay)} {100 * estimate.value:+.2f}" for delay, estimate in seen.items())
        said.append(f"{name} {listed} points ({word})")
    return f"Beside the lowest delay: {'; '.join(said)}." if said else ""


def _is_worse(view: View, cells: Cells, shorter: int, longer: int, *, level: float) -> bool:
    """Whether a delay is surely worse than a longer one."""
    contrast = _contrast(view, cells, longer, shorter)
    return contrast is not None and contrast.estimate.p_above(0.0) <= level


def _contrast(view: View, cells: Cells, low: int, high: int) -> Contrast | None:
    """One delay against another, within host, time, client and kind; connections are what they are dealt to."""
    ends = cells.where((cells.delay == low) | (cells.delay == high))
    return contrast_of(view, ends, ends.delay == high, view.strata(ends)[0], dealt_within=("host", "client", "kind"))


def _ms(view: View, delay: int) -> str:
    return f"{view.delays_us[delay] / 1000:g} ms"


def _decide(evidence: Evidence) -> Finding:
    view = evidence.view
    looks = [*by_operation(view), *by_arm(view), *by_operation_and_arm(view), *by_client(view), *by_host(view)]
    found = undiluted(view, latency, latency(view), looks)
    return replace(found, evidence=f"{found.evidence} {shape(view)}".strip())


def _minutes(view: View) -> dict[str, Floats]:
    """Per platform, one difference of highest and lowest delay a minute."""
    cells = view.compared
    groups = {}
    for p, name in enumerate(view.platforms):
        mine = cells.where(cells.platform == p)
        arms = np.unique(mine.delay)
        if len(arms) > 1:
            ends = mine.where((mine.delay == arms[0]) | (mine.delay == arms[-1]))
            groups[name] = by_minute(view, ends, ends.delay == arms[-1], ends.client)
    return groups


CLAIM: Final = Claim(
    name="latency",
    title="Latency",
    statement="network latency raises the risk",
    weight=0.15,
    decide=_decide,
    while_live=Watched(minutes=_minutes, joined="all"),
)
