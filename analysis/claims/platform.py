"""Platform: does the client's platform raise the risk, at equal latency, time and server?

Two stages: an effect of each host within strata of time, latency, client and kind; then the hosts of
one platform against those of the others. With one host a side there is no second stage, and no verdict.
"""

from __future__ import annotations

import math
from dataclasses import replace

from analysis import checks
from analysis.ceiling import below_ceiling
from analysis.cohorts import cohorts_of, contrasts, platform_rates
from analysis.comparison import Rule, compare
from analysis.estimate import Estimate, Spread, widest
from analysis.groups import combined
from analysis.host_stage import host_effects
from analysis.model import Finding
from analysis.synchrony import Synchrony
from analysis.view import View

RULE = Rule(
    joined="any",
    directed=False,
    confirmed="At equal latency, time, client and server the platforms differ; {name}: {effect}.",
    ruled_out="At equal latency, time, client and server platforms differ by less than the margin; {name}: {effect}.",
)


def platform(view: View, together: Synchrony | None) -> Finding:
    """Hosts of one platform against those of the others.

    Args:
        view: The prepared tables.
        together: Synchrony of the platforms' residual failures, groups in the order of `view.platforms`.
    """
    sides = cohorts_of(view)
    cells = sides.cells
    when = view.clock.bin(cells.minute, view.unit)
    stratum, _ = combined(when, checks.latency_bins(view, cells) + 1, cells.client, cells.operation)
    chunk = view.clock.chunk(cells.minute)
    found = host_effects(
        stratum,
        chunk,
        cells.host,
        cells.n_clean,
        cells.unexplained,
        hosts=len(view.hosts),
        chunks=view.clock.chunks,
    )
    informed = len(set(chunk.tolist()))
    comparisons = [
        replace(one, estimate=widest(one.estimate, _attempts(view, one.estimate)))
        for one in contrasts(view, sides, found.effects[sides.hosts], found.scores[:, sides.hosts], informed)
    ]
    conditions = checks.present(
        (
            checks.not_simulated(view),
            checks.enough_hosts(view, sides.hosts, sides.platforms),
            checks.base_rtt_known(view, sides.hosts),
            checks.met(found.component, sides.hosts),
            *checks.shared_conditions(view, cells, sides.platforms),
            checks.sites_shared(view, sides.hosts, sides.platforms),
            checks.probes_alike(view, sides.platforms),
            checks.instances_shared(view, sides.platforms),
            checks.loops_measured(view),
            checks.loops_alike(view, sides.hosts, sides.platforms),
            checks.ordinals_alike(view, sides.hosts, sides.platforms),
            checks.own_bursts(view, together, sides.platforms),
            checks.pythons_shared(view, sides.platforms),
            checks.budgets_alike(view, "platform", "platforms"),
        )
    )
    return compare(
        view,
        comparisons,
        conditions,
        RULE,
        ceiling=len(view.platforms) > 1 and below_ceiling(platform_rates(view, view.compared), view.margin),
        incomplete=sides.left_out,
        nothing_to_compare="Three hosts of each of two platforms, in the same minutes on the same network.",
    )


def _attempts(view: View, estimate: Estimate) -> Estimate:
    """The spread that attempts alone would give: a floor where nothing failed and all hosts agree."""
    variance = 0.0
    for rate in platform_rates(view, view.compared):
        trials, events = rate.n / view.attempts_a_connection, rate.events / view.attempts_a_connection
        p = (events + 1) / (trials + 2)
        variance += p * (1 - p) / (trials + 2)
    return Estimate(value=estimate.value, spreads=(Spread(math.sqrt(variance), math.inf),), n=estimate.n)
