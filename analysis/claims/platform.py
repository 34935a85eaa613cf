"""Platform: does the client's platform raise the risk, at equal latency, time and server?

Two stages: an effect of each host within strata of time, latency, client, kind and scenario; then the hosts of
one platform against those of the others. With one host a side there is no second stage, and no verdict.
The same client is one library on one family of loop (`loops.py`): what a platform's own loop does is the
platform's. `platform_parts.py` says how much of it is.
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
from analysis.comparison.arm_conditions import budgets_alike
from analysis.comparison.ceiling import below_ceiling
from analysis.comparison.cohorts import Cohorts, cohorts_of, contrasts, in_common, leaders, platform_rates
from analysis.comparison.host_conditions import (
    base_rtt_known,
    enough_hosts,
    kernels_alike,
    loops_alike,
    loops_measured,
    met,
    not_simulated,
)
from analysis.comparison.rule import Comparison, ComparisonRule, compare, present
from analysis.comparison.shared_conditions import (
    instances_shared,
    latency_bins,
    ordinals_alike,
    own_bursts,
    probes_alike,
    shared_conditions,
    sites_shared,
)
from analysis.comparison.undiluted import by_client, by_delay, by_operation, undiluted
from analysis.comparison.view import View
from analysis.comparison.within_hosts import effects_by_host
from analysis.model import Finding
from analysis.stats.estimate import Estimate, Spread, widest
from analysis.stats.groups import combined
from analysis.stats.host_stage import HostEffects, host_effects
from analysis.stats.synchrony import Synchrony

RULE = ComparisonRule(
    joined="any",
    directed=False,
    confirmed="At equal latency, time, client and server the platforms differ; {name}: {effect}.",
    ruled_out="At equal latency, time, client and server platforms differ by less than the margin; {name}: {effect}.",
)


def platform(view: View, together: Synchrony | None, *, parted: bool = True) -> Finding:
    """Hosts of one platform against those of the others.

    Args:
        view: The prepared tables.
        together: Synchrony of the platforms' residual failures, groups in the order of `view.platforms`.
        parted: Say what the difference consists of, too.
    """
    sides = cohorts_of(view)
    found = _effects(view, sides)
    firsts = leaders(found.effects[sides.hosts], view.platform_of[sides.hosts], sides.platforms)
    comparisons = _comparisons(view, sides, found, firsts)
    conditions = present(
        (
            not_simulated(view),
            enough_hosts(view, sides.hosts, sides.platforms),
            base_rtt_known(view, sides.hosts),
            met(found.component, sides.hosts),
            *shared_conditions(view, sides.cells, sides.platforms),
            sites_shared(view, sides.hosts, sides.platforms),
            probes_alike(view, sides.platforms),
            instances_shared(view, sides.platforms),
            loops_measured(view),
            loops_alike(view, sides.hosts, sides.platforms),
            kernels_alike(view, sides.platforms),
            ordinals_alike(view, sides.hosts, sides.platforms),
            own_bursts(view, together, sides.platforms),
            budgets_alike(view, "platform", "platforms"),
            *factors.of_platforms(view, sides.platforms),
        )
    )
    exposed = view.compared.where(in_common(view.compared, range(len(view.platforms))))
    finding = compare(
        view,
        comparisons,
        conditions,
        RULE,
        ceiling=len(view.platforms) > 1 and below_ceiling(platform_rates(view, exposed), view.margin),
        incomplete=sides.left_out,
        nothing_to_compare="Three hosts of each of two platforms, in the same minutes on the same network.",
    )
    if not parted:
        return finding
    return with_parts(
        view,
        finding,
        sides,
        firsts,
        compared=lambda some, ones: _comparisons(view, some, _effects(view, some), ones),
        within=lambda cells, loop: effects_by_host(view, cells, loop),
    )


def _effects(view: View, sides: Cohorts) -> HostEffects:
    """Every host's own risk, within strata of time, latency, client, kind and scenario."""
    cells = sides.cells
    when = view.clock.bin(cells.minute, view.unit)
    stratum, _ = combined(when, latency_bins(view, cells) + 1, cells.family, cells.operation, cells.scenario)
    return host_effects(
        stratum,
        view.clock.chunk(cells.minute),
        cells.host,
        cells.n_clean,
        cells.unexplained,
        hosts=len(view.hosts),
        chunks=view.clock.chunks,
    )


def _comparisons(view: View, sides: Cohorts, found: HostEffects, firsts: Sequence[int]) -> list[Comparison]:
    """Hosts against hosts; none where some of them never met."""
    if len(np.unique(found.component[sides.hosts])) > 1:
        return []
    informed = len(np.unique(view.clock.chunk(sides.cells.minute)))
    effects, scores = found.effects[sides.hosts], found.scores[:, sides.hosts]
    return [
        replace(one, estimate=widest(one.estimate, _attempts(view, sides, one.estimate)))
        for one in contrasts(view, sides, effects, scores, informed, firsts=firsts)
    ]


def _attempts(view: View, sides: Cohorts, estimate: Estimate) -> Estimate:
    """The spread that attempts and connections alone would give: a floor where nothing failed and all hosts agree."""
    variance = 0.0
    for rate in platform_rates(view, sides.cells, sides.platforms):
        trials, events = rate.trials, rate.events / rate.design_effect
        p = (events + 1) / (trials + 2)
        variance += p * (1 - p) / (trials + 2)
    return Estimate(value=estimate.value, spreads=(Spread(math.sqrt(variance), math.inf),), n=estimate.n)


def _decide(evidence: Evidence) -> Finding:
    view, apart = evidence.view, evidence.apart
    looks = [*by_operation(view), *by_delay(view), *by_client(view)]
    return undiluted(view, lambda part: platform(part, apart, parted=False), platform(view, apart), looks)


CLAIM: Final = Claim(
    name="platform",
    title="Platform",
    statement="the client's platform raises the risk",
    weight=0.2,
    decide=_decide,
    while_live="at the end",
)
