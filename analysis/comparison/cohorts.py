"""Cohorts that can be compared: platforms with three hosts or more, hosts that did enough, and common clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.comparison.cells import Cells
from analysis.comparison.loops import own_loops
from analysis.comparison.rule import Comparison, joined_words
from analysis.comparison.view import View
from analysis.stats.estimate import widest
from analysis.stats.groups import Bools, Floats, Ints, sums
from analysis.stats.host_stage import between_groups, group_contrast, over_chunks, sole_host
from analysis.stats.needs import Side
from analysis.stats.rates import Rate

# Two hosts a side differ by chance as two platforms would: with three each the error rate is kept (Welch).
LEAST_HOSTS: Final = 3
# A host with less than this share of the median host's attempts says little of its platform.
SMALL_HOST: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Cohorts:
    """The sides of a comparison of platforms.

    Attributes:
        hosts: Codes of the hosts compared.
        platforms: Codes of the platforms compared, each with three hosts or more where that can be had.
        left_out: In words, which platforms are not compared.
        small: Names of the hosts that did too little.
        beside: Names of the arms that only some platforms ran beside one that all ran.
        cells: The compared hosts' cells, without those arms.
        every_arm: The same with them.
    """

    hosts: Ints
    platforms: tuple[int, ...]
    left_out: str
    small: tuple[str, ...]
    beside: tuple[str, ...]
    cells: Cells
    every_arm: Cells


def cohorts_of(view: View) -> Cohorts:
    """Leave out the hosts that did too little, then the platforms with too few hosts, if two others remain."""
    cells = view.compared
    attempts = sums(cells.host, cells.n_clean, len(view.hosts))
    median = float(np.median(attempts)) if len(attempts) else 0.0
    enough = np.flatnonzero((attempts >= SMALL_HOST * median) & (attempts > 0))
    small = [view.hosts[h][0] for h in range(len(view.hosts)) if h not in enough]
    counts = np.bincount(view.platform_of[enough], minlength=len(view.platforms))
    several = [p for p in range(len(view.platforms)) if counts[p] >= LEAST_HOSTS]
    chosen = several if len(several) >= 2 else [p for p in range(len(view.platforms)) if counts[p] >= 1]
    absent = [name for p, name in enumerate(view.platforms) if p not in chosen]
    hosts = enough[np.isin(view.platform_of[enough], chosen)].astype(np.int64)
    every_arm = cells.where(np.isin(cells.host, hosts))
    common = in_common(every_arm, tuple(chosen))
    return Cohorts(
        hosts=hosts,
        platforms=tuple(chosen),
        left_out=f"{joined_words(absent)} (fewer than three hosts)" if absent else "",
        small=tuple(small),
        beside=tuple(view.clients[c] for c in np.unique(every_arm.client[~common])),
        cells=every_arm.where(common),
        every_arm=every_arm,
    )


def in_common(cells: Cells, platforms: Sequence[int]) -> Bools:
    """(cells,) whether the rows belong to what platforms are compared by.

    Not so an arm that only some of them ran, where they ran the same library as the others did besides: the
    selector beside Windows' own loop, or uvloop beside the selector. It is the design's, and no platform's.
    Rows of a library that a platform has only in a way of its own stay: what is compared must show the lack.
    """
    of_platform = [cells.platform == p for p in platforms]
    held = np.ones(len(cells), dtype=np.bool_)
    shared = [f for f in np.unique(cells.family) if all((mine & (cells.family == f)).any() for mine in of_platform)]
    for mine in of_platform:
        for library in np.unique(cells.library[mine]):
            rows = mine & (cells.library == library)
            with_others = rows & np.isin(cells.family, shared)
            if with_others.any():
                held[rows & ~with_others] = False
    return held


def at_equal_loop(view: View, sides: Cohorts) -> Cohorts | None:
    """The rows of clients whose library and loop have one name on all platforms, where others do not.

    Here the same client is the one of that name: it stands in for the family.
    None where the comparison is at equal loop as it is, or no client ran on one loop everywhere.
    """
    if len(sides.platforms) < 2:
        return None
    cells = sides.every_arm
    ran = [set(cells.client[cells.platform == p].tolist()) for p in sides.platforms]
    common = np.isin(cells.client, list(set.intersection(*ran)))
    if np.isin(sides.cells.client, cells.client[common]).all():
        return None
    rows = cells.where(common)
    return narrowed(view, sides, rows.having(family=rows.client))


def narrowed(view: View, sides: Cohorts, cells: Cells) -> Cohorts | None:
    """The same sides on some of their rows; None unless every platform has two hosts among them."""
    hosts = np.unique(cells.host[cells.n_clean > 0]).astype(np.int64)
    counts = np.bincount(view.platform_of[hosts], minlength=len(view.platforms))
    if any(counts[p] < 2 for p in sides.platforms):
        return None
    return replace(sides, hosts=hosts, cells=cells.where(np.isin(cells.host, hosts)))


def contrasts(
    view: View,
    sides: Cohorts,
    effects: Floats,
    scores: Floats,
    informed: int,
    *,
    firsts: Sequence[int] = (),
) -> list[Comparison]:
    """Each platform's mean over its hosts against the rest's; the wider of host and chunk spreads counts.

    Args:
        view: The prepared tables.
        sides: Who is compared.
        effects: (hosts compared,) one number a host.
        scores: (chunks, hosts compared) what each chunk adds to the error of each.
        informed: Chunks with information.
        firsts: The platforms that are held against the rest; none given: as `leaders` says.

    Returns:
        One comparison for two platforms, one a platform for more; none where the hosts leave no degree of freedom.
    """
    group = view.platform_of[sides.hosts]
    n = int(sides.cells.n_clean.sum())
    found = []
    for one in firsts or leaders(effects, group, sides.platforms):
        stage = between_groups(effects, group, one, n=n)
        weights = group_contrast(group, one)
        if stage is None or weights is None:
            continue
        sole = sole_host(effects, group, one, view.margin)
        rest = [p for p in sides.platforms if p != one]
        mine = _in_words(view, sides, one)
        other = _in_words(view, sides, rest[0]) if len(rest) == 1 else "the rest"
        found.append(
            Comparison(
                name=f"{view.platforms[one]} against {view.platforms[rest[0]] if len(rest) == 1 else 'the rest'}",
                estimate=widest(stage, over_chunks(stage.value, scores @ weights, informed)),
                informed=informed,
                sides=tuple(
                    Side(
                        name=view.platforms[p],
                        hosts=int((group == p).sum()),
                        variance=float(weights[group == p].sum() ** 2 * np.var(effects[group == p], ddof=1)),
                    )
                    for p in sides.platforms
                ),
                said=f"{mine}{',' if ',' in mine else ''} against {other}",
                sole="" if sole is None else view.hosts[int(sides.hosts[sole])][0],
            )
        )
    return found


def _in_words(view: View, sides: Cohorts, one: int) -> str:
    """A platform with the loops that only it takes by default: "Windows, whose asyncio loop is the Proactor"."""
    cells = sides.cells
    mine, others = (
        [view.loops[loop] for loop in np.unique(cells.loop[side])]
        for side in (cells.platform == one, cells.platform != one)
    )
    own = own_loops(mine, others)
    return f"{view.platforms[one]}, {own}" if own else view.platforms[one]


def leaders(effects: Floats, group: Ints, platforms: tuple[int, ...]) -> tuple[int, ...]:
    """The platforms that are held against the rest: of two the one with the higher risk, of more each."""
    if len(platforms) != 2:
        return platforms
    one, two = platforms
    return (one,) if effects[group == one].mean() >= effects[group == two].mean() else (two,)


def platform_rates(view: View, cells: Cells, platforms: Sequence[int] | None = None) -> list[Rate]:
    """The rate of unexplained failures of each platform (None: of all)."""
    rates = []
    for p in range(len(view.platforms)) if platforms is None else platforms:
        mine = cells.where(cells.platform == p)
        rates.append(view.rate(mine, mine.unexplained, mine.n_clean, about=view.variant))
    return rates
