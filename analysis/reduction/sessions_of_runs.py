"""Attempts counted by connection and minute, in strata that another run may share."""

from __future__ import annotations

from typing import Final

import ibis
import pandas as pd
from ibis import _

from analysis.reduction.explain import contract_columns
from analysis.reduction.frames import frame_of

# What two runs must share before their rates may be compared.
STRATUM: Final = (
    "platform",
    "client",
    "event_loop",
    "delay_s",
    "mitigation",
    "scenario",
    "kind",
    "operation",
    "budget_s",
)


def sessions_of(attempts: ibis.Table, *, max_duration_s: float) -> pd.DataFrame:
    """One row a stratum, connection and minute: `n`, `timeouts`, `failures`, `too_long`.

    Counted is what the service levels judge: no probes, no mistakes of the tests, nothing that the run's end cut off;
    a session that was held until then is good.
    """
    rows = contract_columns(attempts)
    is_held = (rows.kind == "hold") & (rows.outcome == "aborted")
    rows = rows.mutate(outcome=is_held.ifelse("ok", rows.outcome))
    rows = rows.filter((_.kind != "probe") & (_.outcome != "aborted") & (_.cause.fill_null("") != "test_mistake"))
    rows = rows.mutate(
        # A session is held as long as its scenario says; no answer was waited for that long.
        budget_s=(rows.kind == "hold").ifelse(0.0, rows.budget_s),
        session=rows.run_id.concat("/", rows.worker, "/", rows.connection.cast("string")),
        minute=rows.scheduled_at.epoch_seconds() // 60,
    )
    is_timeout = rows.outcome == "timeout"
    is_failure = rows.outcome != "ok"
    # A hold lasts as long as it was planned to: no answer is waited for.
    is_long = (rows.kind != "hold") & (rows.duration_s > max_duration_s)
    return frame_of(
        rows.group_by(*STRATUM, "host", "session", "minute").agg(
            n=rows.count(),
            timeouts=is_timeout.ifelse(1, 0).sum(),
            failures=is_failure.ifelse(1, 0).sum(),
            too_long=is_long.ifelse(1, 0).sum(),
        )
    )
