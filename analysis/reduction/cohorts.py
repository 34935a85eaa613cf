"""Judged attempts by any columns, with what an honest interval needs: how they fall into sessions and minutes.

The same attempts as `rates`, counted in the database: what comes back grows with cohorts, hosts and minutes, and not
with the number of attempts or sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from analysis.reduction.explain import contract_columns
from analysis.reduction.frames import frame_of
from analysis.reduction.rates import COUNTS, judged_rows

if TYPE_CHECKING:
    import ibis
    import pandas as pd

# What attempts can be told apart by.
COLUMNS: Final = (
    *("platform", "delay_s", "client", "kind", "operation", "scenario", "mitigation"),
    *("host", "site", "server_instance", "run_id"),
)
EVENTS: Final = ("failed", "timeouts")


class CohortCounts(NamedTuple):
    """Attempts by cohort, counted twice.

    Attributes:
        minutes: The cohort's columns, `host_of`, `minute` (of the epoch): `n`, `failed`, `timeouts`.
        sessions: The cohort's columns: `m` sessions; `nn`, and for each of `EVENTS` `nx_` and `xx_`: the sums over
            sessions of the products of their attempts n and events x.
    """

    minutes: pd.DataFrame
    sessions: pd.DataFrame


def read(attempts: ibis.Table, by: Sequence[str]) -> CohortCounts:
    """The judged attempts by some of `COLUMNS`; a name that is not known is "unknown".

    Args:
        attempts: All rows, columns as the files have them.
        by: The cohort's columns; none: all attempts are one.
    """
    import ibis

    rows = judged_rows(contract_columns(attempts))
    # Host and minute are keys of their own beside the cohort's.
    names = {f"by_{name}": rows[name].fill_null("unknown") for name in by if name != "delay_s"}
    delays = {"by_delay_s": rows.delay_us} if "delay_s" in by else {}
    rows = rows.mutate(
        **names,
        **delays,
        at_minute=(rows.scheduled_us // 60_000_000).fill_null(0),
        failed=rows.is_bad.cast("int64"),
        timeouts=ibis.and_(rows.is_bad, rows.outcome == "timeout").cast("int64"),
    )
    keys = [f"by_{name}" for name in by]
    counted = {"n": rows.count(), **{name: rows[name].sum() for name in EVENTS}}
    minutes = rows.group_by(*keys, at_host=rows.host.fill_null("unknown"), at_minute=rows.at_minute).agg(**counted)
    each = rows.group_by(*keys, "run_id", "worker", "connection").agg(**counted)
    products = {"m": each.count(), "nn": (each.n * each.n).sum()}
    for name in EVENTS:
        products[f"nx_{name}"] = (each.n * each[name]).sum()
        products[f"xx_{name}"] = (each[name] * each[name]).sum()
    # Sums in which products of counts may not overflow, nor come back as decimals.
    summed = {name: value.cast("float64") for name, value in products.items()}
    of_sessions = each.group_by(*keys).agg(**summed) if keys else each.agg(**summed)
    minutes, sessions = (_named(frame_of(table), by) for table in (minutes, of_sessions))
    minutes = minutes.rename(columns={"at_host": "host_of", "at_minute": "minute"})
    return CohortCounts(minutes[[*by, "host_of", "minute", *COUNTS]], sessions)


def _named(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    frame = frame.rename(columns={f"by_{name}": name for name in by})
    return frame.assign(delay_s=frame["delay_s"] / 1e6) if "delay_s" in by else frame
