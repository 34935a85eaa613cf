"""Conditions on what was dealt: the delay arrived, arms alternated, and all sides waited equally long.

Each is measured, named, and comes with the cheapest way out; one that is None cannot be told, and that is no pass.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd

from analysis.comparison.cells import Cells
from analysis.comparison.rule import Condition, joined_words
from analysis.comparison.view import View
from analysis.model import Check
from analysis.stats.groups import Bools, Ints, combined, share_of, sums

ARRIVED_LEAST: Final = 0.7
INTERLEAVED_LEAST: Final = 0.2
# Dealt to each connection, the arm of one minute says little about the next one's; in blocks of five minutes
# four of five go on. Fewer pairs of minutes than these say nothing.
SWITCHED_MOST: Final = 0.5
SWITCHED_LEAST_PAIRS: Final = 10
BUDGETS_ALIKE: Final = 1.05


def delay_arrived(view: View, hosts: Ints, low: int, high: int, *, where: str) -> Condition:
    """The round trip really rose by most of what the tester added (codes of the two arms)."""
    rtt_s = view.once(("rtt by arm",), lambda: _rtt_by_arm(view))
    rises = []
    for h in hosts.tolist():
        ends = [rtt_s.get((h, view.delays_us[arm])) for arm in (low, high)]
        if ends[0] is not None and ends[1] is not None:
            rises.append(ends[1] - ends[0])
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


def _rtt_by_arm(view: View) -> dict[tuple[int, int], float]:
    """The median round trip of each host code and delay, where it was measured."""
    frame = view.tables.arm_rtt
    rows = zip(
        view.hosts_of("arm_rtt").tolist(),
        frame["delay_us"].tolist(),
        frame["rtt_s"].astype("float64").tolist(),
        strict=True,
    )
    return {(host, delay_us): rtt_s for host, delay_us, rtt_s in rows if not math.isnan(rtt_s)}


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
    if min(share_of(mine[both].sum(), mine.sum()), share_of(rest[both].sum(), rest.sum())) > INTERLEAVED_LEAST:
        return False
    ratio = mine / np.maximum(mine + rest, 1)
    order = np.lexsort((when, host))
    follows = (np.diff(when[order]) == 1) & (np.diff(host[order]) == 0)
    if follows.sum() < SWITCHED_LEAST_PAIRS:
        return False
    away = ratio[order] - share_of(mine.sum(), mine.sum() + rest.sum())
    return bool((away[:-1] * away[1:])[follows].sum() > SWITCHED_MOST * (away[:-1] ** 2)[follows].sum())


def budgets_alike(view: View, column: str, what: str) -> Condition:
    """The sides waited equally long: a timeout is a statement about the client's budget, too.

    Args:
        view: The prepared tables.
        column: Whose budgets are compared: platform, client or delay_us.
        what: The same in words.
    """
    different = view.once(("budgets", column), lambda: _unlike_budgets(view.tables.budgets, column))
    detail = f"The {what} had the same budgets."
    if different:
        detail = f"The {what} had different budgets ({joined_words(different)}): who waits longer times out less."
    return Condition(
        check=Check(name="same budgets", ok=not different, detail=detail), need=f"the same budgets for all {what}"
    )


def _unlike_budgets(budgets: pd.DataFrame, column: str) -> list[str]:
    """The operations whose budgets differ by the column."""
    by_operation = budgets.groupby(["operation", column], observed=True).agg({"least_s": "min", "most_s": "max"})
    # Budgets that are drawn, or rounded, differ by a little: what counts is whether somebody waits longer.
    ends = by_operation.groupby("operation", observed=True)
    spread = ends[["least_s", "most_s"]].max() / ends[["least_s", "most_s"]].min()
    return [str(name) for name in spread.index[(spread > BUDGETS_ALIKE).any(axis=1)]]
