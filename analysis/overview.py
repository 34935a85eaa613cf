"""The report's own group-bys: small tables for service levels, generator health and figures.

These describe, they decide no claim (`reduce.py` makes the tables that claims are decided on). Each is
one scan over few columns and adds up over files and runs; none grows with the number of attempts.
Durations and round trips are counted in logarithmic bins, so that quantiles need no rows in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from attempts.schema import CAUSES, KINDS, OUTCOMES

if TYPE_CHECKING:
    import ibis

# 40 bins a decade are 5.9 % wide: below what a latency picture can show, 320 bins from 1 us to 100 s.
DURATION_BINS_PER_DECADE: Final = 40
RTT_BINS_PER_DECADE: Final = 20
# The least lag that the analysis calls a blocked loop (attempts.md, claim client_loop).
BLOCKED_LAG_S: Final = 0.1
# CPU use of one core beyond which a single-threaded event loop queues (Locust warns at the same).
BUSY_CPU: Final = 0.9
# The run is looked at in ten parts where a trend is asked for.
PARTS: Final = 10
# The scenario whose refusals are passes: it offers tokens that a server must refuse.
AUTH_PROBE_SCENARIO: Final = "auth_probe"

_SLOT_WIDTHS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_SLOTS: Final = 180  # more bars than that cannot be told apart in a figure
_PHASES: Final = ("dns", "tcp", "tls", "upgrade", "welcome")


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Small tables over all rows of the runs named.

    Attributes:
        workers: One row a (run_id, worker, host, platform): `rows`, `seq_null`, `seq_max`, `seq_sum`,
            `malformed` (rows that break the contract), `judged` (connect and exchange, not aborted) and of
            these `lag_null`, `lagged` (lag >= 0.1 s), `starved` (lag, or the sum of lags, >= budget/4),
            `busy` (cpu > 0.9), `cpu_null`; `lag_max_s`, `cpu_max`; `first`, `last` (epoch seconds of scheduled_at).
        timeline: (run_id, platform, host, client, kind, outcome, cause, phase, slot): `n`, `longest_s`,
            `late_s` (sum of started_at - scheduled_at). `slot` is epoch seconds, `slot_s` apart. A refusal that
            the auth probe asked for has outcome `ok`: it is the pass.
        durations: (platform, client, kind, part, outcome, bin): `n` for connect and exchange; `part` is
            the tenth of the run (0-9), `bin` the logarithmic bin of `duration_s`.
        rtt: (platform, kind, bin): `n`, `timeouts` of connect and exchange by the round trip known before.
        phases: (platform, client): `n` and the median and 95th percentile of each phase of good connects.
        slot_s: Width of a slot.
        start, end: Epoch seconds of the first and the last scheduled attempt; None without rows.
    """

    workers: pd.DataFrame
    timeline: pd.DataFrame
    durations: pd.DataFrame
    rtt: pd.DataFrame
    phases: pd.DataFrame
    slot_s: int
    start: int | None
    end: int | None


def describe(attempts: ibis.Table) -> Overview:
    """Scan the attempts (five aggregations) and return the small tables."""
    from analysis.explain import contract_columns

    attempts = contract_columns(attempts)
    workers = _by_worker(attempts)
    start = None if workers.empty else int(workers["first"].min())
    end = None if workers.empty else int(workers["last"].max())
    slot_s = slot_width_s(0 if start is None or end is None else end - start)
    return Overview(
        workers=workers,
        timeline=_timeline(attempts, slot_s=slot_s),
        durations=_durations(attempts, start=start or 0, end=end or 0),
        rtt=_rtt(attempts),
        phases=_phases(attempts),
        slot_s=slot_s,
        start=start,
        end=end,
    )


def slot_width_s(length_s: float) -> int:
    """The narrowest round slot that cuts `length_s` into at most 180 slots."""
    return next((width for width in _SLOT_WIDTHS_S if length_s <= width * _MOST_SLOTS), _SLOT_WIDTHS_S[-1])


def bin_middle_s(bins: pd.Series[int], per_decade: int) -> pd.Series[float]:
    """Geometric middle of logarithmic bins of microseconds, in seconds."""
    return 10.0 ** ((bins.astype(float) + 0.5) / per_decade) / 1e6


def _by_worker(attempts: ibis.Table) -> pd.DataFrame:
    import ibis

    t = attempts
    judged = t.kind.isin(["connect", "exchange"]) & (t.outcome != "aborted")
    starved = (t.loop_lag_s >= t.budget_s / 4) | (t.loop_blocked_s >= t.budget_s / 4)
    malformed = (
        ~t.outcome.isin(sorted(OUTCOMES)).fill_null(False)
        | ~t.kind.isin(sorted(KINDS)).fill_null(False)
        | ~(t.duration_s >= 0).fill_null(False)
        | ~(t.budget_s > 0).fill_null(False)
        | t.scheduled_us.isnull()
        | (t.outcome.isin(["timeout", "failed"]) & ~t.cause.isin(sorted(CAUSES)).fill_null(False)).fill_null(False)
    )

    def count(condition: ibis.expr.types.BooleanColumn) -> ibis.expr.types.IntegerScalar:
        return condition.fill_null(False).cast("int64").sum()

    frame: pd.DataFrame = (
        t.group_by("run_id", "worker", "host", "platform")
        .aggregate(
            rows=t.count(),
            seq_null=t.seq.isnull().cast("int64").sum(),
            seq_max=t.seq.max(),
            seq_sum=t.seq.sum().cast("float64"),
            malformed=count(malformed),
            judged=count(judged),
            lag_null=count(judged & t.loop_lag_s.isnull()),
            lagged=count(judged & (t.loop_lag_s >= BLOCKED_LAG_S)),
            starved=count(judged & starved),
            busy=count(judged & (t.cpu > BUSY_CPU)),
            cpu_null=count(judged & t.cpu.isnull()),
            lag_max_s=t.loop_lag_s.max(),
            cpu_max=t.cpu.max(),
            first=_seconds(t).min(),
            last=_seconds(t).max(),
        )
        .order_by(ibis.asc("run_id"), ibis.asc("worker"))
        .to_pandas()
    )
    return frame


def _timeline(attempts: ibis.Table, *, slot_s: int) -> pd.DataFrame:
    import ibis

    t = attempts.filter(attempts.outcome.notnull(), attempts.kind.notnull())
    probe = (t.scenario == AUTH_PROBE_SCENARIO) & (t.kind == "connect")
    refused = (t.cause == "auth_rejected").fill_null(False)
    outcome = ibis.cases(
        (probe & refused, "ok"),
        else_=t.outcome,
    )
    cause = ibis.cases((probe & refused, ibis.null("string")), else_=t.cause)
    late_s = (t.started_us - t.scheduled_us) / 1e6
    frame: pd.DataFrame = (
        t.group_by(
            t.run_id,
            t.platform,
            t.host,
            t.client,
            t.kind,
            t.phase,
            outcome=outcome,
            cause=cause,
            slot=_seconds(t) // slot_s * slot_s,
        )
        .aggregate(n=t.count(), longest_s=t.duration_s.max(), late_s=late_s.sum())
        .order_by("slot")
        .to_pandas()
    )
    return frame


def _durations(attempts: ibis.Table, *, start: int, end: int) -> pd.DataFrame:
    a = attempts
    t = a.filter(a.kind.isin(["connect", "exchange"]), a.outcome != "aborted", a.duration_s.notnull())
    part_s = max(1.0, (end - start + 1) / PARTS)
    frame: pd.DataFrame = (
        t.group_by(
            t.platform,
            t.client,
            t.kind,
            t.outcome,
            part=((_seconds(t) - start) / part_s).floor().cast("int64"),
            bin=_log_bin(t.duration_s, DURATION_BINS_PER_DECADE),
        )
        .aggregate(n=t.count())
        .to_pandas()
    )
    return frame


def _rtt(attempts: ibis.Table) -> pd.DataFrame:
    a = attempts
    t = a.filter(a.kind.isin(["connect", "exchange"]), a.outcome != "aborted", a.rtt_s > 0)
    frame: pd.DataFrame = (
        t.group_by(t.platform, t.kind, bin=_log_bin(t.rtt_s, RTT_BINS_PER_DECADE))
        .aggregate(n=t.count(), timeouts=(t.outcome == "timeout").cast("int64").sum())
        .to_pandas()
    )
    return frame


def _phases(attempts: ibis.Table) -> pd.DataFrame:
    t = attempts.filter(attempts.kind == "connect", attempts.outcome == "ok")
    quantiles = {
        f"{phase}_p{round(100 * q)}_s": t[f"{phase}_s"].approx_quantile(q) for phase in _PHASES for q in (0.5, 0.95)
    }
    frame: pd.DataFrame = t.group_by("platform", "client").aggregate(n=t.count(), **quantiles).to_pandas()
    return frame


def _seconds(attempts: ibis.Table) -> ibis.expr.types.IntegerColumn:
    """Epoch second in which an attempt was to start."""
    return attempts.scheduled_us // 1_000_000


def _log_bin(seconds: ibis.expr.types.FloatingColumn, per_decade: int) -> ibis.expr.types.IntegerColumn:
    """Logarithmic bin of a duration; everything under a microsecond is in bin 0."""
    import ibis

    microseconds = ibis.greatest(seconds * 1e6, ibis.literal(1.0))
    return (microseconds.log10() * per_decade).floor().cast("int64")
