"""Conditions on what the sides shared: minutes, latencies, clients, networks, instances, users.

Each is measured, named, and comes with the cheapest way out; one that is None cannot be told, and that is no pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from analysis.comparison.cells import Cells
from analysis.comparison.probes import tcp_losses
from analysis.comparison.rule import Condition, joined_words
from analysis.comparison.view import View
from analysis.model import Check
from analysis.stats.groups import Ints, coded, combined, overlap, share_of, sums
from analysis.stats.ordinal import kolmogorov_distance
from analysis.stats.synchrony import Synchrony

# Edges of the bins of latency within which platforms are compared (milliseconds, method 2.3).
LATENCY_EDGES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
SHARED_LEAST: Final = 0.5
KOLMOGOROV_MOST: Final = 0.3
OWN_BURSTS_MOST: Final = 0.4
SITES_LEAST: Final = 3


def latency_bins(view: View, cells: Cells) -> Ints:
    """Bin of (median base round trip of the host + assigned delay) of each row; unknown base: -1."""
    base = view.base_rtt_s[cells.host]
    delay = np.array(view.delays_us, dtype=np.float64)[cells.delay] / 1e6 if len(cells) else base
    bins = np.digitize(base + delay, LATENCY_EDGES_S).astype(np.int64)
    return np.where(np.isnan(base), -1, bins)


def shared_conditions(
    view: View, cells: Cells, platforms: Sequence[int], *, names: frozenset[str] | None = None
) -> tuple[Condition, ...]:
    """Same minutes, same latencies, same clients, and all of them at once, for every pair of platforms.

    Args:
        view: The prepared tables.
        cells: The rows that are compared.
        platforms: Their codes.
        names: Of the conditions that matter; None = all.
    """
    chunk = view.clock.chunk(cells.minute)
    latency = latency_bins(view, cells) + 1
    looks: tuple[tuple[str, tuple[Ints, ...], str, str], ...] = (
        (
            "same minutes",
            (chunk,),
            "ran in the same minutes",
            "the platforms in the same minutes: start them together",
        ),
        (
            "same latencies",
            (latency,),
            "were seen at the same latencies",
            "the same delay arms on all platforms, and nearer hosts given a delay that makes up for the distance",
        ),
        (
            "same clients",
            (cells.family,),
            "used the same clients",
            "the same clients on all platforms: each library on its platform's default loop, or on one loop for all",
        ),
        (
            "same conditions",
            (chunk, latency, cells.family),
            "ran under the same minutes, latencies and clients at once",
            "one plan with the same arms and clients for all platforms, started together",
        ),
    )
    conditions = []
    for name, keys, words, need in looks:
        if names is not None and name not in names:
            continue
        share, pair = _least_shared(view, cells, platforms, combined(*keys)[0])
        ok = share >= SHARED_LEAST
        detail = f"{share:.0%} of the attempts of {joined_words(pair)} {words}."
        if not ok:
            detail = f"Only {share:.0%} of the attempts of {joined_words(pair)} {words}."
        conditions.append(Condition(check=Check(name=name, ok=ok, detail=detail), need=need))
    return tuple(conditions)


def _least_shared(view: View, cells: Cells, platforms: Sequence[int], key: Ints) -> tuple[float, tuple[str, str]]:
    """For the worst pair: the share of either side's attempts in groups that hold the other side too."""
    worst, names = 1.0, ("no", "two platforms")
    size = int(key.max()) + 1 if len(key) else 0
    for one, two in combinations(platforms, 2):
        first = sums(key[cells.platform == one], cells.n_clean[cells.platform == one], size)
        second = sums(key[cells.platform == two], cells.n_clean[cells.platform == two], size)
        both = (first > 0) & (second > 0)
        share = min(share_of(first[both].sum(), first.sum()), share_of(second[both].sum(), second.sum()))
        if share < worst or names[0] == "no":
            worst, names = share, (view.platforms[one], view.platforms[two])
    return worst, names


def sites_shared(view: View, hosts: Ints, platforms: Sequence[int]) -> Condition:
    """The platforms left through common networks, or each through several of its own."""
    frame, host = view.tables.sites, view.hosts_of("sites")
    inside = np.isin(host, hosts)
    need = "hosts of both platforms on one network (name it with --site), or at least three networks for each platform"
    name = "same networks"
    if not inside.any() or bool(frame["site"][inside].isna().any()):
        detail = "The network that the hosts left through is not recorded: a lossy line would look like a platform."
        return Condition(check=Check(name=name, ok=None, detail=detail), need=need)
    site, sites = coded(frame["site"][inside])
    platform = view.platform_of[host[inside]]
    n = frame["n"].to_numpy(dtype=np.float64)[inside]
    table = np.array([sums(site[platform == p], n[platform == p], len(sites)) for p in platforms])
    cells = view.compared
    # Within hosts: what hosts of one network each differ by is in the spread between hosts already.
    difference = _widest_within(cells.host, cells.site + 1, cells.unexplained, cells.n_clean)
    for one, two in combinations(range(len(platforms)), 2):
        shared = overlap(table[one], table[two])
        several = min(int((table[one] > 0).sum()), int((table[two] > 0).sum()))
        pair = f"{view.platforms[platforms[one]]} and {view.platforms[platforms[two]]}"
        # What networks differ by, times the part that was not shared, is the most that they can look like.
        bias = (1 - shared) * difference
        if several < SITES_LEAST and (shared < SHARED_LEAST or bias > view.margin):
            detail = f"{pair} left through different networks (overlap {shared:.0%}): a lossy line looks the same."
            return Condition(check=Check(name=name, ok=False, detail=detail), need=need)
    return Condition(
        check=Check(name=name, ok=True, detail="The platforms share networks, or have several of their own."),
        need=need,
    )


def _widest_within(side: Ints, group: Ints, bad: Ints, n: Ints) -> float:
    """The widest difference of risks between groups on one side: between sides it would be the sides' own."""
    place, places = combined(side, group)
    risk = sums(place, bad, places) / np.maximum(sums(place, n, places), 1)
    of_side = np.zeros(places, dtype=np.int64)
    of_side[place] = side
    return max((float(np.ptp(risk[of_side == one])) for one in np.unique(of_side)), default=0.0)


def probes_alike(view: View, platforms: Sequence[int]) -> Condition | None:
    """Bare TCP connects are lost alike on all platforms; None where there were no probes."""
    names = [view.platforms[p] for p in platforms]
    losses = view.once(("tcp losses", *names), lambda: tcp_losses(view, platforms))
    if losses is None:
        return None
    ok = losses.difference_low <= 0
    detail = "Bare TCP connects are lost alike on all platforms."
    if not ok:
        detail = (
            f"Bare TCP connects of {losses.worse} are lost more often "
            f"(by {100 * losses.difference:.2f} points): its network differs."
        )
    return Condition(
        check=Check(name="same packet loss", ok=ok, detail=detail),
        need="hosts of both platforms on one network, with tcp probes",
    )


def instances_shared(view: View, platforms: Sequence[int]) -> Condition | None:
    """The platforms met the same instances of the server; None where none or one is known."""
    names = [view.platforms[p] for p in platforms]
    return view.once(("same instances", *names), lambda: _instances_shared(view, platforms))


def _instances_shared(view: View, platforms: Sequence[int]) -> Condition | None:
    frame = view.tables.platform_instances
    frame = frame[frame["server_instance"].notna() & frame["platform"].isin([view.platforms[p] for p in platforms])]
    if frame["server_instance"].nunique() < 2:
        return None
    instance, instances = coded(frame["server_instance"].astype(str))
    n = frame["n"].to_numpy(dtype=np.float64)
    met = view.tables.instances
    difference = _widest_within(
        coded(met["platform"].astype(str))[0],
        coded(met["server_instance"].astype(str))[0],
        met["bad"].to_numpy(dtype=np.int64),
        met["n"].to_numpy(dtype=np.int64),
    )
    share, pair = 1.0, ""
    for one, two in combinations(platforms, 2):
        first = (frame["platform"] == view.platforms[one]).to_numpy(dtype=np.bool_)
        second = (frame["platform"] == view.platforms[two]).to_numpy(dtype=np.bool_)
        common = overlap(
            sums(instance[first], n[first], len(instances)), sums(instance[second], n[second], len(instances))
        )
        if common < share:
            share, pair = common, f"{view.platforms[one]} and {view.platforms[two]}"
    # What they differ by, times the part that was not shared, is the most that they can look like.
    bias = (1 - share) * difference
    ok = share >= SHARED_LEAST and bias <= view.margin
    detail = "The platforms met the same instances of the server."
    if not ok:
        detail = (
            f"{pair} met different instances of the server (overlap {share:.0%}), whose risks differ by "
            f"{100 * difference:.2f} points."
        )
    return Condition(
        check=Check(name="same instances", ok=ok, detail=detail),
        need="connections that every instance may get (no session affinity), on all platforms",
    )


def ordinals_alike(view: View, hosts: Ints, platforms: Sequence[int]) -> Condition | None:
    """No platform always comes second with the same users: it would inherit their quota."""
    frame, host = view.tables.subjects, view.hosts_of("subjects")
    inside = np.isin(host, hosts)
    if not inside.any():
        return None
    ordinal = frame["ordinal"].to_numpy(dtype=np.int64)[inside]
    n = frame["n"].to_numpy(dtype=np.float64)[inside]
    platform = view.platform_of[host[inside]]
    size = int(ordinal.max()) + 1
    counts = [sums(ordinal[platform == p], n[platform == p], size) for p in platforms]
    distance = max((kolmogorov_distance(a, b) for a, b in combinations(counts, 2)), default=0.0)
    ok = distance <= KOLMOGOROV_MOST
    detail = "Users were as fresh on one platform as on the other."
    if not ok:
        detail = (
            "One platform's connects come later in their users' order "
            f"(distance {distance:.2f}): it inherits what the users had used up."
        )
    return Condition(
        check=Check(name="order of users", ok=ok, detail=detail),
        need="users of their own for each host, or drawn at random for each connection",
    )


def own_bursts(view: View, found: Synchrony | None, platforms: Sequence[int]) -> Condition | None:
    """No platform has most of its failures in bursts that the others do not see (its own network)."""
    if found is None:
        return None
    shares = [(float(found.own_share[p]), view.platforms[p]) for p in platforms]
    share, name = max(shares, default=(0.0, ""))
    ok = share <= OWN_BURSTS_MOST
    detail = "No platform has bursts of failures of its own."
    if not ok:
        detail = f"{share:.0%} of the failures on {name} fall into bursts that the others do not see: its network?"
    return Condition(
        check=Check(name="no bursts of its own", ok=ok, detail=detail),
        need=f"hosts of {name} on more than one network, or on the network of the others" if name else "",
    )
