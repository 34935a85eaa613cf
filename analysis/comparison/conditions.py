"""Confounding, condition by condition: each is measured, named, and comes with the cheapest way out.

A condition whose answer is None cannot be told from the data, and that is not a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from analysis.comparison.probes import tcp_losses
from analysis.comparison.rule import Condition, joined_words
from analysis.comparison.view import Cells, View
from analysis.model import Check
from analysis.stats.groups import Bools, Floats, Ints, coded, combined, overlap, sums
from analysis.stats.needs import more_hosts
from analysis.stats.ordinal import kolmogorov_distance
from analysis.stats.synchrony import Synchrony

# Edges of the bins of latency within which platforms are compared (milliseconds, method 2.3).
LATENCY_EDGES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
SHARED_LEAST: Final = 0.5
LAG_DIFFERENCE_MOST: Final = 0.05
LAG_UNKNOWN_MOST: Final = 0.01
KOLMOGOROV_MOST: Final = 0.3
OWN_BURSTS_MOST: Final = 0.4
ARRIVED_LEAST: Final = 0.7
INTERLEAVED_LEAST: Final = 0.2
# Dealt to each connection, the arm of one minute says little about the next one's; in blocks of five minutes
# four of five go on. Fewer pairs of minutes than these say nothing.
SWITCHED_MOST: Final = 0.5
SWITCHED_LEAST_PAIRS: Final = 10
BASE_RTT_FACTOR: Final = 2.0
BASE_RTT_DIFFERENCE_S: Final = 0.05
SITES_LEAST: Final = 3
BUDGETS_ALIKE: Final = 1.05


def latency_bins(view: View, cells: Cells) -> Ints:
    """Bin of (median base round trip of the host + assigned delay) of each row; unknown base: -1."""
    base = view.base_rtt_s[cells.host]
    delay = np.array(view.delays_us, dtype=np.float64)[cells.delay] / 1e6 if len(cells) else base
    bins = np.digitize(base + delay, LATENCY_EDGES_S).astype(np.int64)
    return np.where(np.isnan(base), -1, bins)


def enough_hosts(view: View, hosts: Ints, platforms: Sequence[int], *, least: int = 3) -> Condition:
    """At least three machines on every side: with one, host and platform are the same thing, with two nearly so."""
    counts = {view.platforms[p]: int((view.platform_of[hosts] == p).sum()) for p in platforms}
    ok = len(counts) > 1 and min(counts.values()) >= least
    listed = joined_words([f"{count} {name}" for name, count in counts.items()])
    detail = f"At least {least} hosts on each side ({listed})."
    if len(counts) < 2:
        detail = f"There is one platform only ({''.join(counts)})." if counts else "There is no platform to compare."
    elif not ok and min(counts.values()) < 2:
        detail = f"One host on a side ({listed}): what is the host's cannot be told from what is the platform's."
    elif not ok:
        detail = f"Two hosts on a side ({listed}): two of them differ by chance as much as platforms would."
    missing = [more_hosts(name, least - count) for name, count in counts.items() if count < least]
    need = "three hosts of each platform in the same minutes on the same network"
    if missing and len(counts) > 1:
        need += f": {joined_words(missing)}"
    return Condition(check=Check(name="hosts on each side", ok=ok, detail=detail), need=need, of_error=True)


def not_simulated(view: View) -> Condition:
    """Labels that were put on for a rehearsal are no platforms."""
    simulated = int(view.tables.totals["simulated"].sum())
    ok = simulated == 0 or view.settings.rehearsal
    detail = "Platforms are what the machines are."
    if simulated:
        detail = f"The platform of {simulated} rows is a label put on for a rehearsal, not what the machine is."
    return Condition(
        check=Check(name="platforms are real", ok=ok, detail=detail),
        need="hosts that really run the platforms that are compared",
    )


def base_rtt_known(view: View, hosts: Ints) -> Condition:
    """The round trip of every host without the tester's own delay."""
    unknown = [view.hosts[h][0] for h in hosts if np.isnan(view.base_rtt_s[h])]
    detail = "The round trip of every host is known."
    if unknown:
        detail = f"The round trip of {len(unknown)} of {len(hosts)} hosts is unknown."
    return Condition(
        check=Check(name="round trips known", ok=not unknown, detail=detail),
        need="round trips measured on every host (the connects' own TCP handshakes)",
    )


def met(component: Ints, hosts: Ints) -> Condition:
    """Every host was compared with every other one, directly or through others."""
    parts = len(np.unique(component[hosts])) if len(hosts) else 0
    return Condition(
        check=Check(
            name="hosts met",
            ok=parts == 1,
            detail="All hosts ran in common conditions."
            if parts == 1
            else f"The hosts fall into {parts} groups that never ran under the same latency, client and time.",
        ),
        need="all hosts in the same minutes with the same delay arms and clients",
    )


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
        share = min(_ratio(first[both].sum(), first.sum()), _ratio(second[both].sum(), second.sum()))
        if share < worst or names[0] == "no":
            worst, names = share, (view.platforms[one], view.platforms[two])
    return worst, names


def sites_shared(view: View, hosts: Ints, platforms: Sequence[int]) -> Condition:
    """The platforms left through common networks, or each through several of its own."""
    frame = view.tables.sites
    host = view.host_codes(frame)
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
    losses = tcp_losses(view, platforms)
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


def loops_measured(view: View) -> Condition:
    """The event loops' lag was measured nearly everywhere."""
    total = max(1, int(view.cells.n.sum()))
    unknown = int(view.cells.lag_null.sum())
    ok = unknown / total <= LAG_UNKNOWN_MOST
    detail = "The lag of the event loops was measured."
    if not ok:
        detail = f"The event loop's lag is unknown for {unknown} of {total} attempts."
    return Condition(
        check=Check(name="loops measured", ok=ok, detail=detail), need="a run whose workers record their loop's lag"
    )


def loops_alike(view: View, hosts: Ints, platforms: Sequence[int]) -> Condition:
    """The loops of all sides were about as late as each other while nothing failed."""
    good = np.nan_to_num(view.by_host(view.tables.loops, "good"))
    lagged = np.nan_to_num(view.by_host(view.tables.loops, "good_lagged"))
    shares = {}
    for p in platforms:
        mine = hosts[view.platform_of[hosts] == p]
        shares[view.platforms[p]] = _ratio(lagged[mine].sum(), good[mine].sum())
    spread = max(shares.values(), default=0.0) - min(shares.values(), default=0.0)
    ok = spread <= LAG_DIFFERENCE_MOST
    listed = joined_words([f"{share:.0%} on {name}" for name, share in shares.items()])
    detail = f"The event loops were late alike ({listed})."
    if not ok:
        detail = f"The event loops were not equally loaded: late in {listed} of the good attempts."
    return Condition(
        check=Check(name="equal loops", ok=ok, detail=detail),
        need="fewer users a worker where the loops were late, until they are late in under 5 % of the attempts",
    )


def ordinals_alike(view: View, hosts: Ints, platforms: Sequence[int]) -> Condition | None:
    """No platform always comes second with the same users: it would inherit their quota."""
    frame = view.tables.subjects
    host = view.host_codes(frame)
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


def delay_arrived(view: View, hosts: Ints, low: int, high: int, *, where: str) -> Condition:
    """The round trip really rose by most of what the tester added (codes of the two arms)."""
    frame = view.tables.arm_rtt
    host = view.host_codes(frame)
    delays = frame["delay_us"].to_numpy()
    rtt = frame["rtt_s"].to_numpy(dtype=np.float64)
    rises = []
    for h in hosts:
        ends = [rtt[(host == h) & (delays == view.delays_us[arm])] for arm in (low, high)]
        if all(len(end) for end in ends) and not any(np.isnan(end).any() for end in ends):
            rises.append(float(ends[1][0] - ends[0][0]))
    wanted = (view.delays_us[high] - view.delays_us[low]) / 1e6
    need = "a delay proxy that works: its round trip must rise by what the arm asks"
    name = f"delay arrived ({where})"
    if not rises or len(rises) < len(hosts):
        detail = f"Whether the added delay arrived on {where} is unknown: round trips were not measured."
        return Condition(check=Check(name=name, ok=None, detail=detail), need="round trips measured in every delay arm")
    rise = float(np.median(rises))
    ok = wanted > 0 and rise >= ARRIVED_LEAST * wanted
    detail = f"Of {1e3 * wanted:.0f} ms added, {1e3 * rise:.0f} ms arrived on {where}."
    return Condition(check=Check(name=name, ok=ok, detail=detail), need=need)


def arms_interleaved(share: float | None, cells: Cells, exposed: Bools, *, arms: str, where: str) -> Condition:
    """The arms alternated within minutes and were not switched in blocks of time.

    Args:
        share: What strata of time keep of the comparison; they may be as wide as ten minutes.
        cells: The rows that are compared.
        exposed: (rows,) which arm a row is of.
        arms: What is dealt, for people.
        where: On whom, for people.
    """
    ok = share is not None and share > INTERLEAVED_LEAST and not _switched(cells, exposed)
    detail = f"The {arms} alternated within minutes on {where}."
    if not ok:
        detail = f"The {arms} did not alternate within minutes on {where}: time and arm cannot be told apart."
    return Condition(
        check=Check(name=f"arms interleaved ({where})", ok=ok, detail=detail),
        need=f"{arms} interleaved within minutes, drawn for each connection",
    )


def _switched(cells: Cells, exposed: Bools) -> bool:
    """Whether a minute mostly has one arm, and the next one mostly the same: blocks, not chance."""
    place, places = combined(cells.host, cells.minute)
    host = np.zeros(places, dtype=np.int64)
    when = np.zeros(places, dtype=np.int64)
    host[place], when[place] = cells.host, cells.minute
    mine = sums(place[exposed], cells.connections[exposed], places)
    rest = sums(place[~exposed], cells.connections[~exposed], places)
    both = (mine > 0) & (rest > 0)
    if min(_ratio(mine[both].sum(), mine.sum()), _ratio(rest[both].sum(), rest.sum())) > INTERLEAVED_LEAST:
        return False
    ratio = mine / np.maximum(mine + rest, 1)
    order = np.lexsort((when, host))
    follows = (np.diff(when[order]) == 1) & (np.diff(host[order]) == 0)
    if follows.sum() < SWITCHED_LEAST_PAIRS:
        return False
    away = ratio[order] - _ratio(mine.sum(), mine.sum() + rest.sum())
    return bool((away[:-1] * away[1:])[follows].sum() > SWITCHED_MOST * (away[:-1] ** 2)[follows].sum())


def budgets_alike(view: View, column: str, what: str) -> Condition:
    """The sides waited equally long: a timeout is a statement about the client's budget, too.

    Args:
        view: The prepared tables.
        column: Whose budgets are compared: platform, client or delay_us.
        what: The same in words.
    """
    by_operation = view.tables.budgets.groupby(["operation", column], observed=True).agg(
        {"least_s": "min", "most_s": "max"}
    )
    # Budgets that are drawn, or rounded, differ by a little: what counts is whether somebody waits longer.
    ends = by_operation.groupby("operation", observed=True)
    spread = ends[["least_s", "most_s"]].max() / ends[["least_s", "most_s"]].min()
    different = [str(name) for name in spread.index[(spread > BUDGETS_ALIKE).any(axis=1)]]
    detail = f"The {what} had the same budgets."
    if different:
        detail = f"The {what} had different budgets ({joined_words(different)}): who waits longer times out less."
    return Condition(
        check=Check(name="same budgets", ok=not different, detail=detail), need=f"the same budgets for all {what}"
    )


def base_rtt_similar(view: View, hosts: Ints, platforms: Sequence[int]) -> Condition:
    """The platforms start from similar latencies, so that the same delay means the same."""
    medians = [
        float(np.median(view.base_rtt_s[hosts[view.platform_of[hosts] == p]]))
        for p in platforms
        if (view.platform_of[hosts] == p).any()
    ]
    low, high = min(medians, default=0.0), max(medians, default=0.0)
    far = high > BASE_RTT_FACTOR * low and high - low > BASE_RTT_DIFFERENCE_S
    ok = None if any(np.isnan(medians)) else not far
    detail = "The platforms start from similar round trips."
    need = "hosts at about the same distance from the server"
    if ok is None:
        detail = "Whether the platforms start from similar round trips is unknown: not every host measured them."
        need = "round trips measured on every host (the connects' own TCP handshakes)"
    elif far:
        detail = f"The platforms start from different round trips ({1e3 * low:.0f} and {1e3 * high:.0f} ms)."
    return Condition(check=Check(name="similar base latency", ok=ok, detail=detail), need=need)


def present(conditions: Iterable[Condition | None]) -> tuple[Condition, ...]:
    """The conditions that the data could be held against."""
    return tuple(condition for condition in conditions if condition is not None)


def _ratio(part: float | Floats, whole: float | Floats) -> float:
    return float(part) / float(whole) if whole else 0.0
