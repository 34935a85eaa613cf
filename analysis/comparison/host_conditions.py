"""Conditions on the hosts that are compared: enough of them, real, equally far and equally loaded.

Each is measured, named, and comes with the cheapest way out; one that is None cannot be told, and that is no pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.comparison.rule import Condition, joined_words
from analysis.comparison.view import View
from analysis.model import Check
from analysis.stats.groups import Ints, share_of
from analysis.stats.needs import more_hosts

LAG_DIFFERENCE_MOST: Final = 0.05
LAG_UNKNOWN_MOST: Final = 0.01
BASE_RTT_FACTOR: Final = 2.0
BASE_RTT_DIFFERENCE_S: Final = 0.05


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
            else f"The hosts fall into {parts} groups that never ran in the same latency, client, scenario and time.",
        ),
        need="all hosts in the same minutes with the same delay arms, clients and scenarios",
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
    good = np.nan_to_num(view.by_host("loops", "good"))
    lagged = np.nan_to_num(view.by_host("loops", "good_lagged"))
    shares = {}
    for p in platforms:
        mine = hosts[view.platform_of[hosts] == p]
        shares[view.platforms[p]] = share_of(lagged[mine].sum(), good[mine].sum())
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


def kernels_alike(view: View, platforms: Sequence[int]) -> Condition | None:
    """What kernels explain on one side they would have explained on the other; None: they explained nothing.

    A timeout of which the kernel says that it lay unread is the client's own, and is compared no more. Where nobody
    asked, the like of it still is: that would look like the platform whose kernel is silent.
    """
    cells = view.cells
    here, asked = [], []
    for p in platforms:
        mine = cells.platform == p
        here.append(share_of(cells.here[mine].sum(), cells.n[mine].sum()))
        timeouts = cells.timeouts[mine].sum()
        # Whoever had no timeout left none out.
        asked.append(share_of(cells.placed[mine].sum(), timeouts) if timeouts else 1.0)
    if not any(here):
        return None
    bias = max(here) * (1 - min(asked, default=1.0))
    ok = bias <= view.margin
    detail = "Kernels were asked of all sides' timeouts alike."
    if not ok:
        least = view.platforms[platforms[int(np.argmin(asked))]]
        detail = f"Timeouts that lay unread are told from others on one side only: on {least} the kernel was not asked."
    return Condition(
        check=Check(name="kernels asked alike", ok=ok, detail=detail),
        need="hosts of every platform whose kernel can be asked (Linux, Windows 10 1703 or later, macOS)",
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
