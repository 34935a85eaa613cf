"""Platform x latency: does latency raise the risk more on one platform than on another?

Each host's own effect of latency first (what is particular to the host cancels), then hosts of one
platform against hosts of the others. On the additive scale: points of risk. Platforms share a client that is one
library on one family of loop; `platform_parts.py` says how much of the difference is the loop's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.claim import Claim, Evidence
from analysis.claims.platform_parts import with_parts
from analysis.comparison import factor_conditions as factors
from analysis.comparison.arm_conditions import arms_interleaved, budgets_alike, delay_arrived
from analysis.comparison.ceiling import below_ceiling
from analysis.comparison.cells import Cells
from analysis.comparison.cohorts import Cohorts, cohorts_of, contrasts, in_common, leaders, platform_rates
from analysis.comparison.host_conditions import (
    base_rtt_similar,
    enough_hosts,
    kernels_alike,
    loops_alike,
    loops_measured,
    not_simulated,
)
from analysis.comparison.rule import Comparison, ComparisonRule, Condition, compare, present
from analysis.comparison.shared_conditions import (
    instances_shared,
    ordinals_alike,
    own_bursts,
    probes_alike,
    shared_conditions,
    sites_shared,
)
from analysis.comparison.undiluted import by_arm, by_client, by_operation, by_operation_and_arm, undiluted
from analysis.comparison.view import View
from analysis.comparison.within_hosts import HostEffect, contrasts_by_host, difference, host_effect, independent_se
from analysis.model import Finding
from analysis.stats.estimate import Estimate, Spread, widest
from analysis.stats.groups import Bools, Floats
from analysis.stats.mantel_haenszel import Arms, Contrast, pooled_odds_ratio
from analysis.stats.synchrony import Synchrony

RULE = ComparisonRule(
    joined="any",
    directed=False,
    confirmed="Latency raises the risk more on one platform than on another; {name}: {effect}.",
    ruled_out="Latency raises no platform's risk by more than another's, within the margin; {name}: {effect}.",
)


def platform_x_latency(view: View, together: Synchrony | None, *, parted: bool = True) -> Finding:
    """The hosts' effects of latency, platform against platform.

    Args:
        view: The prepared tables.
        together: Synchrony of the platforms' residual failures, groups in the order of `view.platforms`.
        parted: Say what the difference consists of, too.
    """
    sides = cohorts_of(view)
    arms = np.unique(sides.cells.delay)
    low, high = (int(arms[0]), int(arms[-1])) if len(arms) > 1 else (0, 0)
    seen = _effects(view, sides.cells, low, high)
    compared = _that_show(view, sides, seen)
    hosts = compared.hosts
    firsts = leaders(_values(compared, seen), view.platform_of[hosts], compared.platforms)
    comparisons = _comparisons(view, compared, seen, firsts)
    conditions = _conditions(view, sides, compared, seen, (low, high), together)
    cells = view.compared
    top = cells.where((cells.delay == high) & in_common(cells, range(len(view.platforms))))
    delays_known = all(c.check.ok is True for c in conditions if c.check.name.startswith("delay arrived"))
    finding = compare(
        view,
        comparisons,
        conditions,
        RULE,
        ceiling=bool(seen)
        and len(view.platforms) > 1
        and delays_known
        and below_ceiling(platform_rates(view, top), view.margin),
        incomplete=sides.left_out,
        nothing_to_compare="Delay arms (for example --delay-ms 0,80,160,320) on three hosts of each of two platforms.",
    )

    def on_some(some: Cohorts, ones: Sequence[int]) -> list[Comparison]:
        effects = _effects(view, some.cells, low, high)
        shown = _that_show(view, some, effects)
        return _comparisons(view, shown, effects, ones) if shown.platforms == compared.platforms else []

    def between_loops(cells: Cells, loop: Bools) -> dict[int, HostEffect]:
        ours, theirs = (_effects(view, cells.where(side), low, high) for side in (loop, ~loop))
        return {h: difference(host_effect(ours[h]), host_effect(theirs[h])) for h in ours if h in theirs}

    scaled = _with_scale(view, finding, compared, seen)
    if not parted:
        return scaled
    return with_parts(view, scaled, compared, firsts, compared=on_some, within=between_loops)


def _conditions(
    view: View,
    sides: Cohorts,
    compared: Cohorts,
    seen: dict[int, Contrast],
    ends: tuple[int, int],
    together: Synchrony | None,
) -> list[Condition]:
    """What must hold for the hosts' effects of latency to be compared.

    Args:
        view: The prepared tables.
        sides: All platforms that could be compared; `compared` those of them that show an effect of latency.
        compared: See `sides`.
        seen: Of each host that has one its effect of latency.
        ends: Codes of the lowest and the highest delay.
        together: Synchrony of the platforms' residual failures.
    """
    hosts, (low, high) = compared.hosts, ends
    conditions = [
        not_simulated(view),
        enough_hosts(view, hosts if low != high else sides.hosts, sides.platforms),
    ]
    if seen:
        conditions += [
            base_rtt_similar(view, hosts, compared.platforms),
            loops_measured(view),
            loops_alike(view, hosts, compared.platforms),
            *present((kernels_alike(view, compared.platforms),)),
            sites_shared(view, hosts, compared.platforms),
            # Each host is its own control for what it always is; not for who else was there, and when.
            *shared_conditions(
                view,
                sides.cells.where(np.isin(sides.cells.host, hosts)),
                compared.platforms,
                names=frozenset({"same minutes", "same clients"}),
            ),
            budgets_alike(view, "platform", "platforms"),
            *factors.of_platforms(view, compared.platforms),
            *factors.of_delays(view),
        ]
        for p in compared.platforms:
            mine = hosts[view.platform_of[hosts] == p]
            kept = min(seen[int(h)].overlap for h in mine)
            of_ends = sides.cells.where(np.isin(sides.cells.host, mine) & np.isin(sides.cells.delay, (low, high)))
            conditions.append(
                arms_interleaved(kept, of_ends, of_ends.delay == high, arms="delay arms", where=view.platforms[p])
            )
            conditions.append(delay_arrived(view, mine, low, high, where=view.platforms[p]))
        conditions += present(
            (
                instances_shared(view, compared.platforms),
                probes_alike(view, compared.platforms),
                ordinals_alike(view, hosts, compared.platforms),
                own_bursts(view, together, compared.platforms),
            )
        )
    return conditions


def _effects(view: View, cells: Cells, low: int, high: int) -> dict[int, Contrast]:
    """What the highest delay adds to the risk of each host; hosts that lack an arm have none."""
    if low == high:
        return {}
    ends = cells.where((cells.delay == low) | (cells.delay == high))
    return contrasts_by_host(view, ends, ends.delay == high, view.strata(ends)[0], dealt_within=("client", "kind"))


def _that_show(view: View, sides: Cohorts, seen: dict[int, Contrast]) -> Cohorts:
    """The sides with the hosts that have an effect of latency, and their platforms."""
    hosts = np.array([h for h in sides.hosts if int(h) in seen], dtype=np.int64)
    shown = tuple(p for p in sides.platforms if (view.platform_of[hosts] == p).any())
    return replace(sides, hosts=hosts, platforms=shown)


def _values(sides: Cohorts, seen: dict[int, Contrast]) -> Floats:
    return np.array([seen[int(h)].estimate.value for h in sides.hosts], dtype=np.float64)


def _comparisons(view: View, sides: Cohorts, seen: dict[int, Contrast], firsts: Sequence[int]) -> list[Comparison]:
    if len(sides.platforms) < 2:
        return []
    scores = np.stack([seen[int(h)].scores for h in sides.hosts], axis=1)
    informed = min(seen[int(h)].informed for h in sides.hosts)
    found = contrasts(view, sides, _values(sides, seen), scores, informed, firsts=firsts)
    return [replace(one, estimate=widest(one.estimate, _attempts(view, sides, seen, one.estimate))) for one in found]


def _attempts(view: View, sides: Cohorts, seen: dict[int, Contrast], estimate: Estimate) -> Estimate:
    """The spread that attempts alone would give: a floor where nothing failed and all hosts agree."""
    variance = 0.0
    for p in sides.platforms:
        mine = [seen[int(h)] for h in sides.hosts if view.platform_of[h] == p]
        variance += sum(independent_se(contrast) ** 2 for contrast in mine) / len(mine) ** 2
    return Estimate(value=estimate.value, spreads=(Spread(math.sqrt(variance), math.inf),), n=estimate.n)


def _with_scale(view: View, finding: Finding, sides: Cohorts, seen: dict[int, Contrast]) -> Finding:
    """Say where the difference in points may be one and the same factor on a higher base risk."""
    if finding.state != "confirmed" or len(sides.platforms) != 2:
        return finding
    ratios = []
    for p in sides.platforms:
        mine = [seen[int(h)].arms for h in sides.hosts if view.platform_of[h] == p]
        ratios.append(pooled_odds_ratio(Arms(*(np.concatenate(parts) for parts in zip(*mine, strict=True)))))
    if ratios[0] is None or ratios[1] is None:
        return finding
    log_ratio = math.log(ratios[0].value / ratios[1].value)
    half = 1.96 * math.hypot(ratios[0].log_se, ratios[1].log_se)
    if abs(log_ratio) > half:
        return finding
    both = f"{ratios[0].value:.1f} and {ratios[1].value:.1f}"
    words = f" The odds ratios agree ({both}): latency multiplies a higher base risk."
    return replace(finding, evidence=finding.evidence + words)


def _decide(evidence: Evidence) -> Finding:
    view, apart = evidence.view, evidence.apart
    looks = [*by_operation(view), *by_arm(view), *by_operation_and_arm(view), *by_client(view)]

    def of_part(part: View) -> Finding:
        return platform_x_latency(part, apart, parted=False)

    return undiluted(view, of_part, platform_x_latency(view, apart), looks)


CLAIM: Final = Claim(
    name="platform_x_latency",
    title="Platform x latency",
    statement="latency raises the risk more on one platform than on another",
    weight=0.25,
    decide=_decide,
    while_live="at the end",
)
