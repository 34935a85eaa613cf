"""Two sides of one host against each other, host by host; then the hosts as the sample.

What is particular to a host cancels, so that hosts of all platforms make one sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.comparison.cells import Cells
from analysis.comparison.dealt import difference_spread, difference_spreads, within
from analysis.comparison.rule import Comparison
from analysis.comparison.view import View
from analysis.stats.estimate import Estimate, Spread, widest, with_spread
from analysis.stats.groups import Bools, Floats, Ints, combined
from analysis.stats.host_stage import one_sample, over_chunks, weighted_mean
from analysis.stats.mantel_haenszel import Contrast, risk_difference, risk_differences
from analysis.stats.needs import Side

# Hosts whose variances differ by more than this are weighted by what they know.
UNEVEN: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class HostEffect:
    """One host's own difference of risks.

    Attributes:
        value: The difference.
        variance: As attempts, or the connections that they ran on, would give it by themselves.
        scores: (chunks,) what each chunk adds to the error.
        informed: Chunks in which both sides were seen.
        n: Attempts of both sides.
    """

    value: float
    variance: float
    scores: Floats
    informed: int
    n: int


def host_effect(contrast: Contrast) -> HostEffect:
    """A contrast on one host as that host's effect."""
    return HostEffect(
        value=contrast.estimate.value,
        variance=independent_se(contrast) ** 2,
        scores=contrast.scores,
        informed=contrast.informed,
        n=contrast.n,
    )


def independent_se(contrast: Contrast) -> float:
    """The larger error of attempts and of connections, each as if they shared nothing else."""
    return max(spread.se for spread in contrast.estimate.spreads[1:])


def difference(one: HostEffect, two: HostEffect) -> HostEffect:
    """How much more the one effect is than the other, on the same host."""
    return HostEffect(
        value=one.value - two.value,
        variance=one.variance + two.variance,
        scores=one.scores - two.scores,
        informed=min(one.informed, two.informed),
        n=one.n + two.n,
    )


def effects_by_host(view: View, cells: Cells, exposed: Bools) -> dict[int, HostEffect]:
    """Of each host that ran both the exposed's risk against the others', within time, delay, operation and scenario."""
    when = view.clock.bin(cells.minute, view.unit)
    stratum, _ = combined(cells.host, when, cells.delay, cells.operation, cells.scenario)
    found = contrasts_by_host(view, cells, exposed, stratum, dealt_within=("delay", "kind"))
    return {host: host_effect(contrast) for host, contrast in found.items()}


def contrasts_by_host(
    view: View, cells: Cells, exposed: Bools, stratum: Ints, *, dealt_within: Sequence[str]
) -> dict[int, Contrast]:
    """As `contrast_of`, of each host by itself, by its code; a stratum lies within one host."""
    found = risk_differences(
        cells.host,
        stratum,
        view.clock.chunk(cells.minute),
        exposed,
        cells.n_clean,
        cells.unexplained,
        chunks=view.clock.chunks,
        design_effect=view.attempts_a_connection,
    )
    inside = view.dealt.where(within(view.dealt, cells))
    spreads = difference_spreads(inside, within(inside, cells.where(exposed)), dealt_within)
    return {
        host: replace(contrast, estimate=with_spread(contrast.estimate, spreads.get(host)))
        for host, contrast in found.items()
    }


def contrast_of(
    view: View, cells: Cells, exposed: Bools, stratum: Ints, *, dealt_within: Sequence[str]
) -> Contrast | None:
    """The Mantel-Haenszel risk difference of two sides, with chunks, attempts and connections as the sample.

    Args:
        view: The prepared tables.
        cells: Of both sides.
        exposed: (cells,) whose risk is asked about: whole arms (host, client, delay).
        stratum: (cells,) what is alike within.
        dealt_within: What connections were dealt to the sides within, as columns of `dealt`.

    Returns:
        The contrast; None where no stratum holds both sides.
    """
    contrast = risk_difference(
        stratum,
        view.clock.chunk(cells.minute),
        exposed,
        cells.n_clean,
        cells.unexplained,
        chunks=view.clock.chunks,
        design_effect=view.attempts_a_connection,
    )
    if contrast is None:
        return None
    inside = view.dealt.where(within(view.dealt, cells))
    spread = difference_spread(inside, within(inside, cells.where(exposed)), dealt_within)
    return replace(contrast, estimate=with_spread(contrast.estimate, spread))


def over_hosts(name: str, own: Mapping[int, HostEffect]) -> Comparison | None:
    """The mean of the hosts' effects, hosts as the sample; the widest of host, chunk and attempt spreads counts.

    None with fewer than two hosts.
    """
    effects = list(own.values())
    if len(effects) < 2:
        return None
    values = np.array([one.value for one in effects])
    variances = np.array([one.variance for one in effects])
    n = sum(one.n for one in effects)
    uneven = variances.max() > UNEVEN * variances.min()
    hosts = weighted_mean(values, variances, n=n) if uneven else one_sample(values, n=n)
    assert hosts is not None
    informed = min(one.informed for one in effects)
    chunks = over_chunks(hosts.value, np.mean([one.scores for one in effects], axis=0), informed)
    floor = math.sqrt(float(variances.sum())) / len(effects)
    attempts = Estimate(value=hosts.value, spreads=(Spread(floor, math.inf),))
    sides = (Side(name="", hosts=len(effects), variance=hosts.spreads[0].se ** 2 * len(effects)),)
    return Comparison(name=name, estimate=widest(hosts, chunks, attempts), informed=informed, sides=sides)
