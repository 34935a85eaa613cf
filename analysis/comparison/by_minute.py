"""One risk difference a minute: what a verdict that is watched while the run grows is made of."""

from __future__ import annotations

from analysis.comparison.cells import Cells
from analysis.comparison.view import View
from analysis.stats.groups import Bools, Floats, Ints, combined, sums
from analysis.stats.mantel_haenszel import two_arms


def by_minute(view: View, cells: Cells, exposed: Bools, *keys: Ints) -> Floats:
    """Mantel-Haenszel risk difference of each minute that holds both sides."""
    minute = view.clock.rank(cells.minute)
    stratum, _ = combined(minute, cells.host, cells.kind, cells.scenario, *keys)
    arms = two_arms(stratum, minute, exposed, cells.n_clean, cells.unexplained)
    weight = arms.n1 * arms.n0 / (arms.n1 + arms.n0)
    total = sums(arms.chunk, weight)
    weighted = sums(arms.chunk, weight * (arms.x1 / arms.n1 - arms.x0 / arms.n0))
    seen = total > 0
    result: Floats = weighted[seen] / total[seen]
    return result
