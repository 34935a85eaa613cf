"""Cohorts with their share of timeouts, and an interval that knows that attempts fail together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from analysis.comparison.dealt import Dealt, design_effect
from analysis.stats.groups import Floats
from analysis.stats.rates import LEAST_CLUSTERS, Rate, clustered_rate, worst_design_effect

if TYPE_CHECKING:
    from analysis.reduction.cohorts import CohortCounts

Event = Literal["timeouts", "failed"]
SHOWN: Final = ("n", "timeouts", "failed", "share", "low", "high")


def shares(cohorts: CohortCounts, by: list[str], *, of: Event) -> pd.DataFrame:
    """A row a cohort: `n`, `timeouts`, `failed`, the `share` (0 to 1) of the event, and its 95 % interval.

    The interval is the one of the verdict's rates (`comparison.view.View.rate`): Clopper and Pearson's over as many
    independent trials as the attempts are worth, by the largest design effect that sessions, minutes, or minutes of a
    host show.

    Args:
        cohorts: As counted.
        by: The cohort's columns.
        of: The event.
    """
    minutes, sessions = cohorts
    is_long = minutes["minute"].nunique() >= LEAST_CLUSTERS
    # Where all attempts are one cohort there is nothing to group by.
    keyed = sessions.set_index(by) if by else sessions
    rows = []
    for key, group in minutes.groupby(by, sort=True) if by else [((), minutes)]:
        if group.empty:
            continue
        of_sessions = keyed.loc[[key if len(by) > 1 else key[0]]].iloc[0] if by else keyed.iloc[0]
        rate = _rate(group, of_sessions, of, is_long=is_long)
        low, high = rate.interval()
        counts = {name: int(group[name].sum()) for name in ("n", "timeouts", "failed")}
        shown: dict[str, Any] = {**dict(zip(by, key, strict=True)), **counts}
        rows.append(shown | {"share": rate.estimate, "low": low, "high": high})
    return pd.DataFrame(rows, columns=[*by, *SHOWN])


def _rate(minutes: pd.DataFrame, sessions: pd.Series[Any], of: Event, *, is_long: bool) -> Rate:
    events, n = minutes[of].to_numpy(), minutes["n"].to_numpy()
    worst = worst_design_effect(float(n.mean()))
    return clustered_rate(
        events,
        n,
        pd.factorize(minutes["minute"])[0].astype(np.int64),
        np.arange(len(minutes), dtype=np.int64),
        # Where none failed in a run of some length, that is all; in a short one a burst may just not have come.
        empty_design_effect=1.0 if is_long and not events.any() else worst,
        least_design_effect=_of_sessions(float(n.sum()), float(events.sum()), sessions, of),
    )


def _of_sessions(n: float, x: float, sessions: pd.Series[Any], of: Event) -> float:
    """Attempts that an independent trial is worth, by the sessions that they ran in."""
    code = np.zeros(1, dtype=np.int64)
    one: dict[str, Floats] = {
        "m": np.array([sessions["m"]], dtype=np.float64),
        "n": np.array([n]),
        "nn": np.array([sessions["nn"]], dtype=np.float64),
        "x": np.array([x]),
        "nx": np.array([sessions[f"nx_{of}"]], dtype=np.float64),
        "xx": np.array([sessions[f"xx_{of}"]], dtype=np.float64),
    }
    return design_effect(Dealt(host=code, client=code, delay=code, kind=code, instance=code, **one))
