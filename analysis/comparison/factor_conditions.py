"""One check of whatever else may differ between the sides of a comparison, for each column of a table.

A platform whose tokens are another tenant's, a client whose users run another scenario, or a delay that mostly older
sessions had, looks worse than it is where that matters. Each column is held against the same rule:

- *Shared.* At least half of the attempts are alike on both sides (overlap of the shares of its levels).
- *Harmless.* What is not shared, times what it differs by within a side, is within the margin: the most that it can
  look like (Kitagawa's composition component, Journal of the American Statistical Association 50 (1955)).
- *Compared within.* Sides that differ in scenarios are compared within them: there it takes only that they share them.
- *Not nested.* Where every host has levels of its own, on both sides (users dealt to hosts, say), they are a part of
  how hosts differ, which a comparison of hosts takes in.

Platforms are compared as wholes; the others within hosts, so that what a host always is does not count.
There users may be so many that hardly one is drawn twice: half of what chance would make the sides share is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from analysis.comparison.loops import families
from analysis.comparison.rule import Condition
from analysis.comparison.shared_conditions import SHARED_LEAST
from analysis.model import Check
from analysis.reduction.factors import FACTORS, Factor, Sides
from analysis.stats.groups import Bools, Floats, coded_pair, sums

if TYPE_CHECKING:
    from analysis.comparison.view import View

# Levels with fewer attempts than this have no rate of their own.
LEAST_ATTEMPTS: Final = 30
# Where connections dealt at random would share less than this, what the sides share says nothing of the dealing.
CHANCE_LEAST: Final = 0.2
# A level with more connections than this is on both sides, however they are dealt.
MANY_CONNECTIONS: Final = 200


class Counts(NamedTuple):
    """Attempts of one side, failures among them, and connections (0: not counted), each (hosts, levels)."""

    n: Floats
    bad: Floats
    connections: Floats


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two sides that are compared.

    Attributes:
        names: In words.
        one, two: (rows,) of `Tables.factors`, which are theirs.
    """

    names: tuple[str, str]
    one: Bools
    two: Bools


def of_platforms(view: View, platforms: Sequence[int]) -> tuple[Condition, ...]:
    """For each factor whether it was alike on the platforms, or cannot matter; what nobody recorded is left out."""
    column = view.tables.factors["platform"].to_numpy(dtype=object)
    names = sorted(view.platforms[p] for p in platforms)
    pairs = [Pair(names=(one, two), one=column == one, two=column == two) for one, two in combinations(names, 2)]
    return view.once(("factors", *names), lambda: _conditions(view, "platforms", pairs))


def of_clients(view: View, arms: Sequence[str]) -> tuple[Condition, ...]:
    """The same of each client against the others on the hosts that ran it beside others.

    Args:
        view: The prepared tables.
        arms: Names of clients, or of families of clients.
    """
    return view.once(("factors", "clients", *arms), lambda: _conditions(view, "clients", _client_pairs(view, arms)))


def of_delays(view: View) -> tuple[Condition, ...]:
    """The same of each platform's delays against its lowest one."""
    return view.once(("factors", "delays"), lambda: _conditions(view, "delays", _delay_pairs(view)))


def of_instances(view: View) -> tuple[Condition, ...]:
    """The same of each instance that the server names against the other ones."""
    instance = view.tables.factors["server_instance"].to_numpy(dtype=object)
    known = view.tables.factors["server_instance"].notna().to_numpy()
    pairs = [
        Pair(names=(str(name), "the other instances"), one=instance == name, two=known & (instance != name))
        for name in np.unique(instance[known])
    ]
    return view.once(("factors", "instances"), lambda: _conditions(view, "instances", pairs))


def seen_to_differ(conditions: Sequence[Condition]) -> bool:
    """Whether the sides differ in something by which the target may serve the one and not the other."""
    seen = {f"same {factor.words}" for factor in FACTORS if factor.is_seen}
    return any(condition.check.name in seen and condition.check.ok is False for condition in conditions)


def _client_pairs(view: View, arms: Sequence[str]) -> list[Pair]:
    arm_of = list(view.tables.factors[["client", "event_loop", "platform"]].itertuples(index=False, name=None))
    family_of = families(sorted(set(arm_of)))
    name = np.array([f"{library}/{loop}" for library, loop, _ in arm_of], dtype=object)
    family = np.array([f"{one[0]}/{family_of[one]}" for one in arm_of], dtype=object)
    masks = {arm: name == arm if arm in view.clients else family == arm for arm in arms}
    return [Pair(names=(arm, "the other clients"), one=mask, two=~mask) for arm, mask in masks.items()]


def _delay_pairs(view: View) -> list[Pair]:
    frame = view.tables.factors
    platform, delay = frame["platform"].to_numpy(dtype=object), frame["delay_us"].to_numpy()
    pairs = []
    for name in view.platforms:
        mine = platform == name
        low, *higher = np.unique(delay[mine]).tolist() or [0]
        pairs += [
            Pair(
                names=(f"{high / 1000:g} ms added", f"{low / 1000:g} ms on {name}"),
                one=mine & (delay == high),
                two=mine & (delay == low),
            )
            for high in higher
        ]
    return pairs


def _conditions(view: View, of: Sides, pairs: Sequence[Pair]) -> tuple[Condition, ...]:
    frame = view.tables.factors
    counts = [frame[name].to_numpy(dtype=np.float64) for name in Counts._fields]
    host, places = coded_pair(frame["host"].astype(str), frame["platform"].astype(str))
    hosts = len(places)
    column = frame["factor"].to_numpy(dtype=object)
    found = []
    for factor in FACTORS:
        rows = np.flatnonzero(column == factor.name)
        if of not in factor.of or (not len(rows) and not factor.is_needed):
            continue
        names, level = np.unique(frame["level"].to_numpy(dtype=object)[rows], return_inverse=True)
        place = host[rows] * len(names) + level
        known, differing = False, []
        for pair in pairs:
            one, two = (
                Counts(
                    *(sums(place[mine], x[rows][mine], hosts * len(names)).reshape(hosts, len(names)) for x in counts)
                )
                for mine in (pair.one[rows], pair.two[rows])
            )
            if of != "platforms":
                together = one.n.any(axis=1) & two.n.any(axis=1)
                one, two = (Counts(*(x[together] for x in side)) for side in (one, two))
            is_there = bool(one.n.any() and two.n.any())
            known = known or is_there
            if is_there and np.count_nonzero(one.n.sum(axis=0) + two.n.sum(axis=0)) > 1:
                differing.append((pair, one, two))
        if differing:
            found.append(_condition(view, of, factor, differing))
        elif factor.is_needed and pairs and not known:
            found.append(_unknown(factor))
    return tuple(found)


def _unknown(factor: Factor) -> Condition:
    check = Check(name=f"same {factor.words}", ok=None, detail=f"The {factor.words} are unknown.")
    return Condition(check=check, need=factor.need)


def _condition(view: View, of: Sides, factor: Factor, compared: Sequence[tuple[Pair, Counts, Counts]]) -> Condition:
    check_name = f"same {factor.words}"
    is_compared_within = factor.is_stratum and len(view.scenarios) > 1 and of != "instances"
    for pair, one, two in compared:
        shared, bias = shared_and_bias(one, two, within_hosts=of != "platforms")
        if shared >= SHARED_LEAST and (is_compared_within or bias <= view.margin):
            continue
        if (
            shared < SHARED_LEAST
            and not factor.is_stratum
            and _is_no_wonder(one, two, shared, within_hosts=of != "platforms")
        ):
            continue
        detail = f"The {factor.words} of {pair.names[0]} and {pair.names[1]} differ (overlap {shared:.0%})"
        detail += f", which alone may make {100 * bias:.2f} points." if shared >= SHARED_LEAST else "."
        return Condition(check=Check(name=check_name, ok=False, detail=detail), need=factor.need)
    detail = f"The {factor.words} were alike, or do not matter."
    if is_compared_within:
        detail = f"The {factor.words} were not the same mix everywhere: sides are compared within each."
    return Condition(check=Check(name=check_name, ok=True, detail=detail), need=factor.need)


def shared_and_bias(one: Counts, two: Counts, *, within_hosts: bool) -> tuple[float, float]:
    """How much two sides share of a factor, and the difference of risks that their mix alone would make.

    Args:
        one: Attempts and failures of each host and level, and
        two: the same of the other side.
        within_hosts: The sides are compared host by host (with Mantel and Haenszel's weights); else as wholes.

    Returns:
        The overlap, 0 to 1; and the larger of the differences by either side's own risks.
    """
    totals = [side.n.sum(axis=1) for side in (one, two)]
    if within_hosts:
        both = totals[0] + totals[1]
        weight = np.divide(totals[0] * totals[1], both, out=np.zeros_like(both), where=both > 0)
    shares = []
    for side, total in zip((one, two), totals, strict=True):
        own = side.n / np.maximum(total, 1.0)[:, None]
        mixed = (weight if within_hosts else total) @ own
        shares.append(mixed / max(float(mixed.sum()), 1e-12))
    shared = float(np.minimum(shares[0], shares[1]).sum())
    return shared, max(_composition(side, shares[0] - shares[1]) for side in (one, two))


def _is_no_wonder(one: Counts, two: Counts, shared: float, *, within_hosts: bool) -> bool:
    """Whether sides that share less than half are none the less as they would be if they were dealt alike."""
    if not within_hosts:
        return _is_nested(one) and _is_nested(two)
    chance = shared_by_chance(one, two)
    return chance < CHANCE_LEAST or shared >= SHARED_LEAST * chance


def shared_by_chance(one: Counts, two: Counts) -> float:
    """What two sides of each host would share if its connections were dealt to them at random; 1: not counted."""
    total = [side.n.sum(axis=1) for side in (one, two)]
    found = [_dealt_at_random(*pair) for pair in zip(one.connections, two.connections, strict=True)]
    return float(np.average(found, weights=total[0] * total[1] / (total[0] + total[1])))


def _dealt_at_random(one: Floats, two: Floats) -> float:
    """Expected overlap of one host's sides, of the connections (levels,) that each of them had (hypergeometric)."""
    # Its import takes a second, which only users that differ should pay.
    from scipy.stats import hypergeom

    first, second = float(one.sum()), float(two.sum())
    if not first or not second:
        return 1.0
    sizes, levels = np.unique(one + two, return_counts=True)
    expected = 0.0
    for size, times in zip(sizes, levels, strict=True):
        if size > MANY_CONNECTIONS:
            expected += times * size / (first + second)
            continue
        k = np.arange(size + 1)
        chance = hypergeom.pmf(k, first + second, size, first)
        expected += times * float(chance @ np.minimum(k / first, (size - k) / second))
    return expected


def _composition(side: Counts, surplus: Floats) -> float:
    """What a surplus of some levels over others makes, by one side's risks; levels that it hardly has have its mean."""
    n, bad = side.n.sum(axis=0), side.bad.sum(axis=0)
    mean = bad.sum() / max(1.0, n.sum())
    risk = np.where(n >= LEAST_ATTEMPTS, bad / np.maximum(n, 1.0), mean)
    return abs(float(surplus @ risk))


def _is_nested(side: Counts) -> bool:
    """Whether the hosts of one side share as little with each other as the sides do: each has levels of its own."""
    total = side.n.sum(axis=1)
    shares = side.n[total > 0] / total[total > 0, None]
    if len(shares) < 2:
        return False
    overlaps = [float(np.minimum(shares[a], shares[b]).sum()) for a, b in combinations(range(len(shares)), 2)]
    return float(np.median(overlaps)) < SHARED_LEAST
