"""Bursts: slots of time in which far more attempts failed than the quiet part of the run explains.

For the eye only: which slots a figure shades. Whether bursts speak for the server is decided elsewhere
(`synchrony.py`), from who failed together.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

# One slot in a thousand may be shaded by chance; three failures at least, or a single one is a burst.
_TAIL: Final = 0.001
_LEAST_BAD: Final = 3
_QUIET_SHARE: Final = 0.9


def burst_slots(timeline: pd.DataFrame) -> list[int]:
    """Slots with a burst, in order.

    The base rate is that of the nine tenths of the slots with the smallest share of bad attempts; a slot is
    a burst when its bad attempts reach the 0.999 quantile of a Poisson count at that rate.

    Args:
        timeline: `Overview.timeline`; probes and aborted attempts are ignored.
    """
    from scipy.special import pdtrc

    rows = timeline[(timeline["kind"] != "probe") & (timeline["outcome"] != "aborted")]
    if rows.empty:
        return []
    frame = rows.assign(bad=rows["n"].where(rows["outcome"] != "ok", 0))
    slots = frame.groupby("slot")[["n", "bad"]].sum()
    ranked = slots.assign(share=slots["bad"] / slots["n"]).sort_values("share")
    quiet = ranked.iloc[: max(1, int(len(ranked) * _QUIET_SHARE))]
    base = float(quiet["bad"].sum() / quiet["n"].sum())
    # P(X >= bad) for X ~ Poisson(base * n)
    chance = pdtrc(slots["bad"] - 1, base * slots["n"])
    return [int(slot) for slot in slots.index[(slots["bad"] >= _LEAST_BAD) & (chance < _TAIL)]]
