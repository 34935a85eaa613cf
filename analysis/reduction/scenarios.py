"""Whether hosts, clients or delays differ in the scenarios that they run: then they are compared within scenarios.

Where each runs the same mix, which is how wsoak deals them, keeping scenarios apart would only thin out what is
compared, and make the tables as many times as large.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

# Sides whose mixes differ by less, in shares of attempts, are alike: chance makes some of it in short runs.
ALIKE_MOST: Final = 0.1
# Who is compared with whom; a platform is its hosts.
SIDES: Final = (["host", "platform"], ["client", "event_loop"], ["delay_us"])


def scenarios_differ(census: pd.DataFrame) -> bool:
    """Whether some side's mix of scenarios is another than that of the others together.

    Args:
        census: With `by_scenario`, the scenario of each line, and its waits `n` (`census.census_of`).
    """
    waits = census[census["n"] > 0]
    if waits["by_scenario"].nunique() < 2:
        return False
    return any(_widest_distance(waits, side) > ALIKE_MOST + 1e-9 for side in SIDES)


def _widest_distance(waits: pd.DataFrame, side: list[str]) -> float:
    """The largest total variation distance between the mix of one side and that of the others."""
    counted = waits.groupby([*side, "by_scenario"], dropna=False)["n"].sum().unstack("by_scenario", fill_value=0)
    if len(counted) < 2:
        return 0.0
    others = counted.sum() - counted
    shares, of_others = (counts.div(counts.sum(axis=1), axis=0) for counts in (counted, others))
    return float((shares - of_others).abs().sum(axis=1).max() / 2)
