"""The census of a run's rows: how many of each worker, arm and operation, and what can be told from that alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _

from analysis.reduction.expressions import count_if
from analysis.reduction.keys import ARM_KEYS, WORKER_KEYS
from analysis.reduction.marked_rows import WAITS
from attempts.schema import KINDS


def counted_rows(prepared: ibis.Table) -> ibis.Table:
    """Who wrote what: rows of each worker, arm and operation, the last sign of life."""
    keyed = prepared.mutate(is_aborted=(_.outcome == "aborted").fill_null(False), is_first=_.retry == 0)
    last_s = ibis.coalesce(keyed.started_us, keyed.scheduled_us) / 1e6 + keyed.duration_s
    return keyed.group_by(*WORKER_KEYS, *ARM_KEYS, "usable", "is_aborted", "is_first", "is_auth_probe").agg(
        rows=keyed.count(),
        simulated=count_if(keyed.simulated.fill_null(False)),
        budget_s=keyed.budget_s.max(),
        least_budget_s=keyed.budget_s.min(),
        last_s=last_s.max(),
        first_s=(keyed.scheduled_us // 1_000_000).min(),
    )


def run_end(manifest: Mapping[str, Any]) -> datetime | None:
    """When a run's attempts began to be cut off, by its `run.json`: the planned end, or an earlier one."""
    moments = [_moment(manifest.get(name)) for name in ("planned_end_at", "ended_at")]
    return min((moment for moment in moments if moment is not None), default=None)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def census_of(census: pd.DataFrame) -> pd.DataFrame:
    """What `counted_rows` gives, and what its lines count as: `n`, `retries`, `aborted`, `unusable`, `unknown_kind`."""
    is_wait = census["usable"] & census["kind"].isin(WAITS) & ~census["is_auth_probe"]
    is_kept = is_wait & ~census["is_aborted"]
    counts = {
        "n": is_kept & census["is_first"],
        "retries": is_kept & ~census["is_first"],
        "aborted": is_wait & census["is_aborted"],
        "unusable": ~census["usable"],
        "unknown_kind": census["usable"] & ~census["kind"].isin(KINDS),
    }
    described = census.assign(**{name: census["rows"].where(these, 0) for name, these in counts.items()})
    return described.assign(is_wait=is_kept)


def ends_of(census: pd.DataFrame, ends: Mapping[str, datetime]) -> dict[str, float]:
    """For each run the epoch second of its end: where its rows end, or as given if that was earlier."""
    found = {}
    for run, group in census[census["usable"]].groupby("run_id"):
        last_s = float(group["last_s"].max())
        end = ends.get(str(run))
        if end is not None:
            last_s = min(last_s, end.timestamp())
        if np.isfinite(last_s):
            found[str(run)] = last_s
    return found


def first_cut(census: pd.DataFrame, ends_s: Mapping[str, float]) -> int:
    """The second before which no wait was cut off: so near the end that its budget is longer, or aborted."""
    waits = census[census["usable"] & census["kind"].isin(WAITS)]
    longest_s = waits.groupby("run_id")["budget_s"].max()
    near = [end_s - float(longest_s.get(run, 0.0)) for run, end_s in ends_s.items()]
    aborted = waits.loc[waits["is_aborted"], "first_s"].dropna().tolist()
    return math.floor(min([*near, *aborted], default=0.0)) - 1


def first_seconds(census: pd.DataFrame) -> dict[str, int]:
    """For each run the epoch second of its first connect."""
    connects = census[census["usable"] & (census["kind"] == "connect")]
    return {str(run): int(second) for run, second in connects.groupby("run_id")["first_s"].min().dropna().items()}


def budgets_of(census: pd.DataFrame) -> pd.DataFrame:
    """The waits' budgets by who waited for what; arms of mitigation, which may change them, left out."""
    plain = census[census["is_wait"] & (census["mitigation"] == "none")]
    keys = ["platform", "client", "event_loop", "delay_us", "operation"]
    groups = plain.groupby(keys, observed=True)
    return groups.agg(least_s=("least_budget_s", "min"), most_s=("budget_s", "max")).reset_index()
