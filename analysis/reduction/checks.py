"""The checks of the suite P1 (`attempts.p1_checks`), counted by check, host and moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

if TYPE_CHECKING:
    import ibis

KEYS: Final = ("scenario", "operation", "host", "slot", "outcome", "cause")


def counted(attempts: ibis.Table, slot_s: int) -> ibis.Table:
    """The checks that ended, in the shape of `Overview.timeline`.

    Args:
        attempts: With the contract's columns (`explain.contract_columns`).
        slot_s: Width of a slot.

    Returns:
        (scenario, operation, host, slot, outcome, cause): `n`, `longest_s`, `example` (of what a row says in words);
        besides `kind` and `auth_probe`, as in the timeline.
    """
    rows = attempts.filter(attempts.kind == "check", attempts.outcome.isin(["ok", "timeout", "failed"]))
    keyed = rows.mutate(slot=rows.scheduled_us // 1_000_000 // slot_s * slot_s)
    return keyed.group_by(*KEYS).agg(n=keyed.count(), longest_s=keyed.duration_s.max(), example=keyed.detail.min())


def none() -> pd.DataFrame:
    """No check was run."""
    return labelled(pd.DataFrame({name: [] for name in (*KEYS, "n", "longest_s", "example")}))


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """With the timeline's other columns."""
    return frame.assign(kind="check", auth_probe=False)
