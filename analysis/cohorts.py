"""Who can be compared with whom: platforms with two hosts or more, and the hosts that did enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.comparison import Comparison, joined_words
from analysis.estimate import widest
from analysis.groups import Floats, Ints, sums
from analysis.host_stage import between_groups, group_contrast, over_chunks
from analysis.rates import Rate
from analysis.view import Cells, View

# A host with less than this share of the median host's attempts says little of its platform.
SMALL_HOST: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Cohorts:
    """The sides of a comparison of platforms.

    Attributes:
        hosts: Codes of the hosts compared.
        platforms: Codes of the platforms compared, each with two hosts or more where that can be had.
        left_out: In words, which platforms are not compared.
        small: Names of the hosts that did too little.
        cells: The compared hosts' cells.
    """

    hosts: Ints
    platforms: tuple[int, ...]
    left_out: str
    small: tuple[str, ...]
    cells: Cells


def cohorts_of(view: View) -> Cohorts:
    """Leave out the hosts that did too little, then the platforms with one host, if two others remain."""
    cells = view.compared
    attempts = sums(cells.host, cells.n_clean, len(view.hosts))
    median = float(np.median(attempts)) if len(attempts) else 0.0
    enough = np.flatnonzero((attempts >= SMALL_HOST * median) & (attempts > 0))
    small = [view.hosts[h][0] for h in range(len(view.hosts)) if h not in enough]
    counts = np.bincount(view.platform_of[enough], minlength=len(view.platforms))
    several = [p for p in range(len(view.platforms)) if counts[p] >= 2]
    chosen = several if len(several) >= 2 else [p for p in range(len(view.platforms)) if counts[p] >= 1]
    absent = [name for p, name in enumerate(view.platforms) if p not in chosen]
    hosts = enough[np.isin(view.platform_of[enough], chosen)].astype(np.int64)
    return Cohorts(
        hosts=hosts,
        platforms=tuple(chosen),
        left_out=f"{joined_words(absent)} (fewer than two hosts)" if absent else "",
        small=tuple(small),
        cells=cells.where(np.isin(cells.host, hosts)),
    )


def contrasts(view: View, sides: Cohorts, effects: Floats, scores: Floats, informed: int) -> list[Comparison]:
    """Each platform's mean over its hosts against the rest's; the wider of host and chunk spreads counts.

    Args:
        view: The prepared tables.
        sides: Who is compared.
        effects: (hosts compared,) one number a host.
        scores: (chunks, hosts compared) what each chunk adds to the error of each.
        informed: Chunks with information.

    Returns:
        One comparison for two platforms (the higher one first), one a platform for more; none where the
        hosts leave no degree of freedom.
    """
    group = view.platform_of[sides.hosts]
    n = int(sides.cells.n_clean.sum())
    found = []
    for one in _firsts(effects, group, sides.platforms):
        stage = between_groups(effects, group, one, n=n)
        weights = group_contrast(group, one)
        if stage is None or weights is None:
            continue
        rest = [view.platforms[p] for p in sides.platforms if p != one]
        name = f"{view.platforms[one]} against {rest[0] if len(rest) == 1 else 'the rest'}"
        estimate = widest(stage, over_chunks(stage.value, scores @ weights, informed))
        found.append(Comparison(name=name, estimate=estimate, informed=informed, hosts=len(effects)))
    return found


def _firsts(effects: Floats, group: Ints, platforms: tuple[int, ...]) -> tuple[int, ...]:
    if len(platforms) != 2:
        return platforms
    one, two = platforms
    return (one,) if effects[group == one].mean() >= effects[group == two].mean() else (two,)


def platform_rates(view: View, cells: Cells) -> list[Rate]:
    """The rate of unexplained failures of each platform."""
    rates = []
    for p in range(len(view.platforms)):
        mine = cells.where(cells.platform == p)
        rates.append(view.rate(mine, mine.unexplained, mine.n_clean))
    return rates
