"""A rate in every part of the run, so that nothing is ruled out because it was diluted.

A fault that strikes one small arm, one host or one instance vanishes among the attempts of all others. So a claim
that is a rate is ruled out only if each part that has attempts enough is below the margin. Parts decide nothing else:
a claim is confirmed by its own groups (`rated.py`), which alone share its error rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import special

from analysis.comparison.cells import Cells
from analysis.comparison.rated import MOST_NAMED, rate_part
from analysis.comparison.rule import joined_words, points, rate_words
from analysis.comparison.view import View
from analysis.model import Finding
from analysis.stats.groups import Bools, Ints, coded, counts_of, sums
from analysis.stats.needs import about
from analysis.stats.rates import Rate, attempts_to_bound

# In all parts together: the chance that one is taken for different from the rest, or for large enough, by bad luck.
CHANCE: Final = 0.05
# Below this an interval's end lies on the far side of the truth (95 %, two-sided).
TAIL: Final = 0.025

RateOf = Callable[[Bools], Rate]


@dataclass(frozen=True, kw_only=True)
class Share:
    """The rate of one part of the run.

    Attributes:
        name: In words, as in "connects of instance-9".
        rate: Of the part.
        usual: The rate of what it is a part of.
    """

    name: str
    rate: Rate
    usual: float


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Parts of the run whose rates are not surely below the margin.

    Attributes:
        beyond: They may be beyond it: they had attempts enough, or they are unlike the rest.
        few: Names of those that are like the rest, and too small to tell.
    """

    beyond: tuple[Share, ...]
    few: tuple[str, ...]

    def words(self, margin: float) -> str:
        """A sentence that names what may be beyond the margin; empty where nothing may be."""
        if not self.beyond:
            return ""
        named = joined_words([f"{one.name} ({rate_words(one.rate)})" for one in self.beyond[:MOST_NAMED]])
        return f"Not surely below {points(margin)} %: {named}."

    def held_open(self, finding: Finding, margin: float, reading: str) -> Finding:
        """The finding, not ruled out though the reading would have it so."""
        parts = {one.name: rate_part(one.rate, margin) for one in self.beyond}
        return replace(
            finding,
            parts={**finding.parts, **parts},
            evidence=f"{reading} {self.words(margin)}",
            needs=self.needs(margin),
        )

    def needs(self, margin: float) -> str:
        """What would bound the part that is known least."""
        one = max(self.beyond, key=lambda one: (one.rate.interval()[1], one.name))
        if one.rate.interval()[0] > margin:
            return f"A run that looks at the {one.name} alone: they were found among many parts, and confirm nothing."
        wanted = attempts_to_bound(one.rate, margin)
        if wanted is None or wanted <= one.rate.n:
            return f"A longer run with the same plan ({one.name}: {rate_words(one.rate)})."
        return f"About {about(wanted - one.rate.n)} more {one.name} (now {one.rate.n:,})."


def bound(shares: Sequence[Share], margin: float, *, beside_the_rest: bool = False) -> Bound:
    """Hold the parts' rates against the margin.

    A part keeps the claim open if its limit (95 %) reaches the margin and it either differs from what it is a part of,
    or had attempts enough: such that, were it like the rest, all parts like it would have been bounded (95 %). Bad luck
    in one of many small parts is neither.

    Args:
        shares: The parts.
        margin: The rate that matters.
        beside_the_rest: What matters is by how much a part exceeds the rest.
    """
    beyond, few = [], []
    chance = CHANCE / max(1, len(shares))
    for one in shares:
        limit = margin + one.usual if beside_the_rest else margin
        if one.rate.interval()[1] < limit:
            continue
        # What fails more often than half the margin no run bounds: it is no excuse for a part that fails as often.
        usual = one.usual if beside_the_rest else min(one.usual, margin / 2)
        if one.rate.p_above(usual) <= chance or _is_large(one.rate.trials, limit, usual, chance):
            beyond.append(one)
        else:
            few.append(one.name)
    return Bound(beyond=tuple(beyond), few=tuple(few))


def _is_large(trials: float, limit: float, usual: float, chance: float) -> bool:
    """Whether so many trials at the usual rate stay surely below the limit (Clopper and Pearson)."""
    # Not by scipy.stats.binom, which says the same: its import takes as long as a third of the analysis' others.
    n = int(trials)
    if special.bdtr(0, n, limit) >= TAIL:
        return False
    most = math.ceil(special.bdtrik(TAIL, n, limit)) - 1
    return float(special.bdtrc(most, n, usual)) <= chance


def shares(view: View, cells: Cells, rate: RateOf) -> list[Share]:
    """The rates of kinds of attempts, and of each kind those of its operations, arms and places.

    Args:
        view: Names.
        cells: What is taken apart.
        rate: Of a mask of these cells.
    """
    found = []
    everything: Bools = np.ones(len(cells), dtype=np.bool_)
    kinds = [(f"{view.kinds[code]}s", cells.kind == code, code) for code in np.unique(cells.kind).tolist()]
    usual = rate(everything).estimate or 0.0
    for plural, inside, code in kinds:
        of_kind = rate(inside)
        if len(kinds) > 1:
            found.append(Share(name=plural, rate=of_kind, usual=usual))
        seen = {inside.tobytes()}
        for name, mask in _parts(view, cells, view.kinds[code]):
            part = inside & mask
            # A client that one platform has is that platform's client: one part, and not two.
            if part.any() and part.tobytes() not in seen:
                seen.add(part.tobytes())
                found.append(Share(name=name, rate=rate(part), usual=of_kind.estimate or 0.0))
    return found


def _parts(view: View, cells: Cells, kind: str) -> Iterator[tuple[str, Bools]]:
    """Parts of the attempts of one kind, by name: those that a test engineer would name, the widest first."""
    delays = tuple(f"{delay / 1000:g} ms added" for delay in view.delays_us)
    arms: tuple[tuple[str, Ints, tuple[str, ...]], ...] = (
        ("of", cells.platform, view.platforms),
        ("of", cells.client, view.clients),
        ("with", cells.delay, delays),
        ("of", cells.site, view.sites),
        ("of", cells.host, tuple(f"{platform} {host}" for host, platform in view.hosts)),
    )
    for code, name in enumerate(view.operations):
        yield f"{name} {kind}s", cells.operation == code
    for word, codes, names in arms:
        for code, name in enumerate(names):
            yield f"{kind}s {word} {name}", codes == code
    for word, codes, names in arms[1:3]:
        for p, platform in enumerate(view.platforms):
            for code, name in enumerate(names):
                yield f"{kind}s {word} {name} on {platform}", (codes == code) & (cells.platform == p)


def counted(cells: Cells, events: Ints) -> RateOf:
    """Rates, by mask, of events that carry their own cause, as `View.census` has them."""

    def rate(mask: Bools) -> Rate:
        n, connections = int(cells.n[mask].sum()), int(cells.connections[mask].sum())
        return Rate(events=int(events[mask].sum()), n=n, design_effect=max(1.0, n / max(1, connections)))

    return rate


def by_instance(
    view: View, counts: Sequence[str], *, but: Collection[str] = (), kinds: Collection[str] = ()
) -> list[Share]:
    """The rates of each instance that the server names, by kind of attempt and operation; none of a single one.

    Args:
        view: The tables; `Tables.instances`.
        counts: Its columns that are the events.
        but: Operations that are left out.
        kinds: Of attempts; none: all.
    """
    frame = view.tables.instances
    kept = ~frame["operation"].isin(list(but)).to_numpy(dtype=np.bool_) & (view.hosts_of("instances") >= 0)
    frame = frame[kept]
    instance, instances = coded(frame["server_instance"].astype(str))
    if len(instances) < 2:
        return []
    kind, kinds_there = coded(frame["kind"].astype(str))
    operation, operations = coded(frame["operation"].astype(str))
    n, events = counts_of(frame, "n"), frame[list(counts)].to_numpy(dtype=np.int64).sum(axis=1)
    found = []
    for code, name in enumerate(kinds_there):
        if kinds and name not in kinds:
            continue
        cells = view.cells.where(view.of_kind(view.cells, name))
        shared = max(1.0, float(cells.n.sum()) / max(1.0, float(cells.connections.sum())))
        mine = kind == code
        usual = float(events[mine].sum()) / max(1, int(n[mine].sum()))
        splits = [(f"{name}s", mine)]
        there = np.unique(operation[mine]).tolist()
        if len(there) > 1:
            splits += [(f"{operations[o]} {name}s", mine & (operation == o)) for o in there]
        for plural, one in splits:
            of_n, of_events = (sums(instance[one], x[one], len(instances)) for x in (n, events))
            found += [
                Share(
                    name=f"{plural} of {instances[i]}",
                    rate=Rate(events=int(of_events[i]), n=int(of_n[i]), design_effect=shared),
                    usual=usual,
                )
                for i in np.unique(instance[one]).tolist()
            ]
    return found
