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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from analysis.comparison.loops import families
from analysis.comparison.rule import Condition
from analysis.comparison.shared_conditions import SHARED_LEAST
from analysis.model import Check
from analysis.reduction.factors import FACTORS, Factor, Sides
from analysis.stats.groups import Bools, Floats, Ints, coded, coded_pair, combined, first_of, sums

if TYPE_CHECKING:
    import pandas as pd

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


@dataclass(frozen=True, kw_only=True)
class LevelRows:
    """One factor's rows.

    Attributes:
        rows: Their places in `Tables.factors`.
        place: (rows,) host and level of each, as one whole number.
        levels: Their number.
        counts: (rows,) each.
    """

    rows: Ints
    place: Ints
    levels: int
    counts: Counts


@dataclass(frozen=True, kw_only=True)
class FactorRows:
    """`Tables.factors` as arrays, each (rows,): codes of the names beside them, and the rows of each factor.

    Attributes:
        platform, delay, instance: Codes, of `platforms`, `delays` and `instances`; -1: the instance is not known.
        client: Code of what was run on each platform: (library, event loop, platform) of `clients`.
        hosts: Number of hosts, each under one platform.
        of: Of each factor that was recorded, by its name.
    """

    platform: Ints
    platforms: tuple[str, ...]
    delay: Ints
    delays: tuple[int, ...]
    instance: Ints
    instances: tuple[str, ...]
    client: Ints
    clients: tuple[tuple[str, str, str], ...]
    hosts: int
    of: Mapping[str, LevelRows]

    def on(self, platform: str) -> Bools:
        """(rows,) which of them are of a platform."""
        mine: Bools = self.platform == (self.platforms.index(platform) if platform in self.platforms else -1)
        return mine


def _rows(view: View) -> FactorRows:
    return view.once(("rows of factors",), lambda: _rows_of(view.tables.factors))


def _rows_of(frame: pd.DataFrame) -> FactorRows:
    platform, platforms = coded(frame["platform"].astype(str))
    delay, delays = coded(frame["delay_us"])
    instance, instances = coded(frame["server_instance"])
    arm, arms = coded_pair(frame["client"].astype(str), frame["event_loop"].astype(str))
    client, several = combined(arm, platform)
    host, places = coded_pair(frame["host"].astype(str), frame["platform"].astype(str))
    names = zip(first_of(client, arm, several).tolist(), first_of(client, platform, several).tolist(), strict=True)
    factor, factors = coded(frame["factor"])
    level, _ = coded(frame["level"].astype(str))
    counts = [frame[name].to_numpy(dtype=np.float64) for name in Counts._fields]
    of = {}
    for code, name in enumerate(factors):
        rows = np.flatnonzero(factor == code)
        own, levels = combined(level[rows])
        of[name] = LevelRows(
            rows=rows, place=host[rows] * levels + own, levels=levels, counts=Counts(*(x[rows] for x in counts))
        )
    return FactorRows(
        platform=platform,
        platforms=platforms,
        delay=delay,
        delays=delays,
        instance=instance,
        instances=instances,
        client=client,
        clients=tuple((*arms[one], platforms[two]) for one, two in names),
        hosts=len(places),
        of=of,
    )


def of_platforms(view: View, platforms: Sequence[int]) -> tuple[Condition, ...]:
    """For each factor whether it was alike on the platforms, or cannot matter; what nobody recorded is left out."""
    names = sorted(view.platforms[p] for p in platforms)
    return view.once(("factors", *names), lambda: _conditions(view, "platforms", _platform_pairs(_rows(view), names)))


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
    return view.once(("factors", "instances"), lambda: _conditions(view, "instances", _instance_pairs(_rows(view))))


def seen_to_differ(conditions: Sequence[Condition]) -> bool:
    """Whether the sides differ in something by which the target may serve the one and not the other."""
    seen = {f"same {factor.words}" for factor in FACTORS if factor.is_seen}
    return any(condition.check.name in seen and condition.check.ok is False for condition in conditions)


def _platform_pairs(rows: FactorRows, names: Sequence[str]) -> list[Pair]:
    return [Pair(names=(one, two), one=rows.on(one), two=rows.on(two)) for one, two in combinations(names, 2)]


def _instance_pairs(rows: FactorRows) -> list[Pair]:
    return [
        Pair(
            names=(str(name), "the other instances"),
            one=rows.instance == code,
            two=(rows.instance >= 0) & (rows.instance != code),
        )
        for code, name in enumerate(rows.instances)
    ]


def _client_pairs(view: View, arms: Sequence[str]) -> list[Pair]:
    rows = _rows(view)
    family_of = families(rows.clients)
    pairs = []
    for arm in arms:
        named = [
            arm == (f"{one[0]}/{one[1]}" if arm in view.clients else f"{one[0]}/{family_of[one]}")
            for one in rows.clients
        ]
        mask: Bools = np.array(named, dtype=np.bool_)[rows.client]
        pairs.append(Pair(names=(arm, "the other clients"), one=mask, two=~mask))
    return pairs


def _delay_pairs(view: View) -> list[Pair]:
    rows = _rows(view)
    pairs = []
    for name in view.platforms:
        mine = rows.on(name)
        low, *higher = np.unique(rows.delay[mine]).tolist() or [0]
        pairs += [
            Pair(
                names=(f"{rows.delays[high] / 1000:g} ms added", f"{rows.delays[low] / 1000:g} ms on {name}"),
                one=mine & (rows.delay == high),
                two=mine & (rows.delay == low),
            )
            for high in higher
        ]
    return pairs


def _conditions(view: View, of: Sides, pairs: Sequence[Pair]) -> tuple[Condition, ...]:
    rows, found = _rows(view), []
    for factor in FACTORS:
        levels = rows.of.get(factor.name)
        if of not in factor.of or (levels is None and not factor.is_needed):
            continue
        known, differing = False, []
        for pair, one, two in _of_sides(levels, pairs, rows.hosts) if levels is not None else ():
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


def _of_sides(of: LevelRows, pairs: Sequence[Pair], hosts: int) -> Iterator[tuple[Pair, Counts, Counts]]:
    """Each pair with the counts of its sides in one factor."""
    size = hosts * of.levels
    for pair in pairs:
        one, two = (
            Counts(*(sums(of.place[side], x[side], size).reshape(hosts, of.levels) for x in of.counts))
            for side in (pair.one[of.rows], pair.two[of.rows])
        )
        yield pair, one, two


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
