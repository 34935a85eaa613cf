"""The path of the claim `server` by instances: one that it names fails more than the others at the same time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from analysis.claims.server_path import Path, bounded
from analysis.comparison import factor_conditions as factors
from analysis.comparison.dealt import difference_spread
from analysis.comparison.rule import effect_words
from analysis.comparison.run_minutes import LEAST_CHUNKS
from analysis.comparison.split import bound, by_instance
from analysis.comparison.view import CONNECTIONS_A_STRATUM, TIME_UNITS, View
from analysis.model import Effect
from analysis.reduction.variants import OF_THE_TARGET
from analysis.stats.estimate import Estimate, with_spread
from analysis.stats.groups import Bools, coded, combined, counts_of
from analysis.stats.holm import bonferroni
from analysis.stats.mantel_haenszel import risk_difference
from analysis.stats.rates import Rate

STICKY: Final = 0.8
# Less than this of the comparison left within strata: some processes changed over, and all others are pinned.
LEAST_OVERLAP: Final = 0.2
OUTLIER_ALPHA: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class InstanceRate:
    """One named instance against the rest.

    Attributes:
        name: As the server names it.
        estimate: Difference of risks within host, time, kind, client and delay; None: hardly ever beside another one.
        own: Its own failure rate.
    """

    name: str
    estimate: Estimate | None
    own: Rate


def instance_contrasts(view: View, silent: frozenset[str]) -> list[InstanceRate]:
    """Each instance that the server names against the rest; empty where fewer than two are named.

    Args:
        view: The prepared tables.
        silent: Operations that are never answered.
    """
    frame = view.tables.instances
    frame = frame[~frame["operation"].isin(silent) & (view.hosts_of("instances") >= 0)]
    instance, names = coded(frame["server_instance"].astype(str))
    if len(names) < 2:
        return []
    minute, n, bad = counts_of(frame, "minute"), counts_of(frame, "n"), counts_of(frame, "bad")
    kind, _ = coded(frame["kind"].astype(str))
    # A process may be pinned to an instance (its resolver remembers), and so may the relay of a delay.
    client, _ = coded(frame["client"].astype(str) + "/" + frame["event_loop"].astype(str))
    delay, _ = coded(frame["delay_us"])
    stratum, _ = combined(view.host_codes(frame), view.clock.bin(minute, _unit(view)), kind, client, delay)
    met = view.dealt_by(OF_THE_TARGET)
    place = {str(name): code for code, name in enumerate(coded(view.tables.dealt["server_instance"])[1])}
    met = met.where(met.instance >= 0)
    found = []
    for code, name in enumerate(names):
        exposed: Bools = instance == code
        contrast = risk_difference(
            stratum,
            view.clock.chunk(minute),
            exposed,
            n,
            bad,
            chunks=view.clock.chunks,
            design_effect=view.attempts_a_connection,
        )
        if contrast is not None:
            spread = difference_spread(
                met, met.instance == place.get(str(name), -1), ("host", "client", "delay", "kind")
            )
            contrast = replace(contrast, estimate=with_spread(contrast.estimate, spread))
        estimate = contrast.estimate if contrast is not None and contrast.overlap >= LEAST_OVERLAP else None
        if contrast is not None and estimate is not None and contrast.informed < LEAST_CHUNKS:
            # The server deals connections to instances, so connections are what was randomised: in a run too
            # short for chunks they alone give the error.
            estimate = Estimate(value=estimate.value, spreads=estimate.spreads[1:], n=estimate.n)
        own = Rate(events=int(bad[exposed].sum()), n=int(n[exposed].sum()), design_effect=view.attempts_a_connection)
        found.append(InstanceRate(name=str(name), estimate=estimate, own=own))
    return found


def _unit(view: View) -> int:
    """Minutes of a stratum of time where delays are strata too (`View.unit`)."""
    cells = view.compared
    for unit in TIME_UNITS:
        _, strata = view.strata(cells, cells.delay, unit=unit)
        if strata and cells.connections.sum() / strata >= CONNECTIONS_A_STRATUM:
            return unit
    return TIME_UNITS[-1]


def outliers(view: View, silent: frozenset[str]) -> list[str]:
    """Instances that surely fail more than the others, by more than the margin."""
    return [
        one.name
        for one in instance_contrasts(view, silent)
        if one.estimate is not None and one.estimate.p_above(view.margin) <= OUTLIER_ALPHA
    ]


def instances(view: View, silent: frozenset[str]) -> Path | None:
    """The instance that stands out most; None where none were named beside each other."""
    listed = instance_contrasts(view, silent)
    compared = [(one, one.estimate) for one in listed if one.estimate is not None]
    if not compared:
        return None
    one, estimate = min(compared, key=lambda pair: (pair[1].p_above(view.margin), -pair[1].value))
    low, high = estimate.interval()
    effect = Effect(name="risk difference", estimate=estimate.value, low=low, high=high)
    below = len(compared) == len(listed) and all(
        each.interval()[1] < view.margin or member.own.interval()[1] < view.margin for member, each in compared
    )
    words = f"Instance {one.name} against the others at the same time: {effect_words(effect)}."
    p_value = bonferroni(estimate.p_above(view.margin), len(listed))
    # A balancer that goes by user, or by path, deals users and not connections: an account may look like an instance.
    dealt = [condition for condition in factors.of_instances(view) if condition.check.ok is not True]
    if dealt:
        words, p_value, below = f"{words} {dealt[0].check.detail}", 1.0, False
    path = Path(
        name=f"the instance {one.name}",
        effect=effect,
        p_value=p_value,
        below=below,
        n=estimate.n,
        evidence=words,
        need=f"Instances that meet alike what differs now: {dealt[0].need}." if dealt else "",
    )
    parts = bound(by_instance(view, ["bad"], but=silent), view.margin, beside_the_rest=True)
    return bounded(path, parts, view.margin)


def sticky(view: View) -> bool:
    """Whether several instances are known and some host met hardly any but one of them."""
    frame = view.tables.instances
    if frame["server_instance"].nunique() < 2:
        return False
    shares = frame.groupby(["host", "platform", "server_instance"], observed=True)["n"].sum()
    by_host = shares.groupby(level=[0, 1])
    return bool((by_host.max() / by_host.sum() > STICKY).any())
