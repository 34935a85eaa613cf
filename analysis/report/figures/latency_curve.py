"""Latency with its timeouts: they waited at least their budget, nobody knows how much longer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.reduction.log_bins import DURATION_BINS_PER_DECADE, edge_s


def unanswered(durations: pd.DataFrame) -> pd.DataFrame:
    """Share of attempts that have no good answer yet, by the time waited (Aalen-Johansen).

    A good answer is the event. A timeout is censored at its budget. A failure (an error, a refusal) will
    never become a good answer: it is a competing event and stays among the unanswered, so that errors
    that come fast do not make the latency look good. Without failures this is Kaplan and Meier's estimate.

    Args:
        durations: Rows of one group of `Overview.durations`: `bin`, `outcome` (ok, timeout, failed), `n`.

    Returns:
        One row a bin, rising: `seconds` (the bin's upper edge), `unanswered` (0 to 1), `at_risk` (attempts
        that still waited when the bin began), `censored` (timeouts in the bin).
    """
    table = durations.pivot_table(index="bin", columns="outcome", values="n", aggfunc="sum", fill_value=0)
    counts = {name: _column(table, name) for name in ("ok", "timeout", "failed")}
    left = np.cumsum((counts["ok"] + counts["timeout"] + counts["failed"])[::-1])[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        hazard = (counts["ok"] + counts["failed"]) / left
        # Share that still waited when the bin began; within a bin, answers count before timeouts.
        waiting = np.concatenate(([1.0], np.cumprod(1 - hazard)[:-1]))
        answered = np.cumsum(waiting * counts["ok"] / left)
    return pd.DataFrame(
        {
            "seconds": edge_s(table.index.to_numpy(dtype=float) + 1, DURATION_BINS_PER_DECADE),
            # What rounding leaves of a one that was subtracted from is no attempt.
            "unanswered": np.where(answered > 1 - 1e-9, 0.0, 1 - answered),
            "at_risk": left.astype(np.int64),
            "censored": counts["timeout"].astype(np.int64),
        }
    )


def quantile_s(curve: pd.DataFrame, probability: float) -> float | None:
    """When a share `probability` of the attempts was answered; None if it never was (censored)."""
    reached = curve.loc[curve["unanswered"] <= 1 - probability + 1e-12, "seconds"]
    return None if reached.empty else float(reached.iloc[0])


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy(dtype=float) if name in table else np.zeros(len(table))
