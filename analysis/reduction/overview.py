"""The report's own group-bys: small tables for service levels, generator health and figures.

These describe, they decide no claim (`reduce.py` makes the tables that claims are decided on). Each is
one scan over few columns and adds up over files and runs; none grows with the number of attempts.
Durations and round trips are counted in logarithmic bins, so that quantiles need no rows in memory.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.reduction import checks, rates
from analysis.reduction.log_bins import DURATION_BINS_PER_DECADE, RTT_BINS_PER_DECADE, log_bin
from analysis.reduction.thresholds import BLOCKED_LAG_S, LAG_SPOILS, PHASES
from attempts.schema import CAUSES, KINDS

if TYPE_CHECKING:
    import ibis

# CPU use of one core beyond which a single-threaded event loop queues (Locust warns at the same).
BUSY_CPU: Final = 0.9
# Attempts whose durations are the target's, or the generator's.
MEASURED: Final = ("connect", "exchange", "check")
# The run is looked at in ten parts where a trend is asked for.
PARTS: Final = 10
_FLAGS: Final = (
    "judged",
    "lag_null",
    "lagged",
    "starved",
    "cpu_null",
    "busy",
    "seq_null",
    "unusable",
    "asked_refusal",
    "auth_probe",
)
_SLOT_WIDTHS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_SLOTS: Final = 180  # more bars than that cannot be told apart in a figure


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Small tables over all rows of the runs named.

    Attributes:
        workers: One row a (run_id, worker, host, platform): `rows`, `seq_null`, `seq_max`, `seq_sum`,
            `malformed` (rows that break the contract, among them all that the claims leave out), `unread` (frames
            that could not be read while no request was in flight), `judged`
            (connect, exchange and check, not aborted) and of these `lag_null`, `lagged` (lag >= 0.1 s), `starved` (lag,
            or the sum of lags, >= budget/4), `cpu_null`, `busy` (cpu > 0.9); `good` and `good_lagged` (the same
            of good ones); `lag_max_s`, `cpu_max`; `late_s` (sum of started - scheduled).
        timeline: (run_id, platform, host, client, kind, phase, outcome, cause, slot, auth_probe): `n`, `longest_s`.
            `slot` is epoch seconds, `slot_s` apart. A refusal that the auth probe asked for has outcome `ok`: it is
            the pass.
        durations: (platform, client, kind, part, outcome, bin): `n` for connect, exchange and check; `part` is
            the tenth of the run (0-9), `bin` the logarithmic bin of `duration_s`.
        rtt: (platform, kind, bin): `n`, `timeouts` of connect and exchange by the round trip known before.
        phases: (platform, client): `n` and the median and 95th percentile of each phase of good connects.
        failures: The commonest failures of sessions, and how many attempts ended (`failures.found`).
        lost: Where the waits of sessions that ran out were lost (`lost.counted`).
        rates: How many attempts failed, by cohort and kind (`rates.in_seconds`).
        slot_s: Width of a slot.
        checks: What became of the checks of a suite (`checks.counted`).
        start, end: Epoch seconds of the first and the last scheduled attempt; None without rows.
    """

    workers: pd.DataFrame
    timeline: pd.DataFrame
    durations: pd.DataFrame
    rtt: pd.DataFrame
    phases: pd.DataFrame
    failures: pd.DataFrame
    lost: pd.DataFrame
    slot_s: int
    start: int | None
    end: int | None
    checks: pd.DataFrame = field(default_factory=checks.none)
    rates: pd.DataFrame = field(default_factory=rates.none)


def describe(attempts: ibis.Table) -> Overview:
    """Scan the attempts (some aggregations) and return the small tables."""
    from analysis.reduction import failures, lost
    from analysis.reduction.explain import contract_columns
    from analysis.reduction.queries import queries_on

    with queries_on(attempts) as (queries, named):
        rows = queries.view(contract_columns, named)
        start, end = _span(queries.frame(_first_and_last, rows))
        slot_s = slot_width_s(0 if start is None or end is None else end - start)
        fine = _flagged(queries.frame(_by_worker_and_slot, rows, slot_s))
        has_checks = bool((fine["kind"] == "check").any())
        part_s = max(1.0, ((end or 0) - (start or 0) + 1) / PARTS)
        return Overview(
            workers=_workers(fine),
            timeline=_timeline(fine),
            durations=_labelled(queries.frame(_durations, rows, start or 0, part_s)),
            rtt=_labelled(queries.frame(_rtt, rows)),
            phases=_labelled(queries.frame(_phases, rows)),
            failures=failures.found(queries.frame(failures.commonest_of, rows), queries.frame(failures.ended_of, rows)),
            lost=queries.frame(lost.counted, rows),
            rates=rates.in_seconds(queries.frame(rates.counted, rows)),
            slot_s=slot_s,
            start=start,
            end=end,
            checks=checks.labelled(queries.frame(checks.counted, rows, slot_s)) if has_checks else checks.none(),
        )


def slot_width_s(length_s: float) -> int:
    """The narrowest round slot that cuts `length_s` into at most 180 slots."""
    return next((width for width in _SLOT_WIDTHS_S if length_s <= width * _MOST_SLOTS), _SLOT_WIDTHS_S[-1])


def _first_and_last(attempts: ibis.Table) -> ibis.Table:
    """Microseconds of the first and the last scheduled attempt."""
    return attempts.aggregate(first=attempts.scheduled_us.min(), last=attempts.scheduled_us.max())


def _span(first_and_last: pd.DataFrame) -> tuple[int | None, int | None]:
    """Epoch seconds of the first and the last scheduled attempt."""
    row = first_and_last.iloc[0]
    if pd.isna(row["first"]):
        return None, None
    return int(row["first"]) // 1_000_000, int(row["last"]) // 1_000_000


def _by_worker_and_slot(attempts: ibis.Table, slot_s: int) -> ibis.Table:
    """The one scan behind `workers` and `timeline`; `flags` is a bit for each of `_FLAGS`."""
    import ibis

    from analysis.reduction.explain import AUTH_PROBE_SCENARIO, is_usable

    t = attempts
    conditions = {
        "judged": t.kind.isin(list(MEASURED)) & (t.outcome != "aborted"),
        "lag_null": t.loop_lag_s.isnull(),
        "lagged": t.loop_lag_s >= BLOCKED_LAG_S,
        "starved": ibis.greatest(t.loop_lag_s, t.loop_blocked_s) >= t.budget_s * LAG_SPOILS,
        "cpu_null": t.cpu.isnull(),
        "busy": t.cpu > BUSY_CPU,
        "seq_null": t.seq.isnull(),
        # The rule by which `reduce.py` leaves rows out of the claims: a row that is left out must be missed here.
        "unusable": ~is_usable(t),
        "asked_refusal": (t.scenario == AUTH_PROBE_SCENARIO) & (t.kind == "connect") & (t.cause == "auth_rejected"),
        "auth_probe": t.scenario == AUTH_PROBE_SCENARIO,
    }
    # A key of bits, not a sum each: one number a row is a third of the work of nine.
    bits = [conditions[name].fill_null(False).ifelse(1 << index, 0) for index, name in enumerate(_FLAGS)]
    return t.group_by(
        t.run_id,
        t.worker,
        t.client,
        t.kind,
        t.phase,
        t.outcome,
        t.cause,
        flags=functools.reduce(operator.add, bits).cast("int64"),
        slot=_seconds(t) // slot_s * slot_s,
    ).aggregate(
        host=t.host.arbitrary(),
        platform=t.platform.arbitrary(),
        n=t.count(),
        longest_s=t.duration_s.max(),
        late_s=((t.started_us - t.scheduled_us) / 1e6).sum(),
        seq_max=t.seq.max(),
        seq_sum=t.seq.sum().cast("float64"),
        unread=t.malformed_frames.sum().fill_null(0),
        lag_max_s=t.loop_lag_s.max(),
        cpu_max=t.cpu.max(),
    )


def _flagged(frame: pd.DataFrame) -> pd.DataFrame:
    """With a column for each of `_FLAGS` in place of their bits."""
    flags = frame.pop("flags").to_numpy()
    return frame.assign(**{name: (flags >> index & 1).astype(bool) for index, name in enumerate(_FLAGS)})


def _workers(fine: pd.DataFrame) -> pd.DataFrame:
    is_bad = fine["outcome"].isin(["timeout", "failed"])
    foreign = fine["unusable"] | ~fine["kind"].isin(sorted(KINDS)) | (is_bad & ~fine["cause"].isin(sorted(CAUSES)))
    n, judged = fine["n"], fine["judged"]
    counts = {
        "rows": n,
        "malformed": n.where(foreign, 0),
        "seq_null": n.where(fine["seq_null"], 0),
        "unread": fine["unread"],
        "judged": n.where(judged, 0),
        "good": n.where(judged & (fine["outcome"] == "ok"), 0),
        "good_lagged": n.where(judged & (fine["outcome"] == "ok") & fine["lagged"], 0),
    } | {name: n.where(judged & fine[name], 0) for name in ("lag_null", "lagged", "starved", "cpu_null", "busy")}
    groups = fine.assign(**counts).groupby(["run_id", "worker", "host", "platform"], dropna=False)
    sums, largest = groups[[*counts, "seq_sum", "late_s"]].sum(), groups[["seq_max", "lag_max_s", "cpu_max"]].max()
    return pd.concat([sums, largest], axis=1).reset_index()


def _timeline(fine: pd.DataFrame) -> pd.DataFrame:
    keys = ["run_id", "platform", "host", "client", "kind", "phase", "outcome", "cause", "slot", "auth_probe"]
    rows = fine.dropna(subset=["outcome", "kind", "slot"])
    asked = rows["asked_refusal"]
    rows = rows.assign(
        outcome=rows["outcome"].mask(asked, "ok"), cause=rows["cause"].mask(asked), slot=rows["slot"].astype("int64")
    )
    groups = _labelled(rows).groupby(keys, dropna=False)
    return pd.concat([groups["n"].sum(), groups["longest_s"].max()], axis=1).reset_index()


def _labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Names that are null have a label: such rows are counted, and drawn."""
    names = [name for name in ("platform", "host", "client") if name in frame.columns]
    return frame.fillna(dict.fromkeys(names, "unknown"))


def _durations(attempts: ibis.Table, start: int, part_s: float) -> ibis.Table:
    a = attempts
    t = a.filter(a.kind.isin(list(MEASURED)), a.outcome != "aborted", a.duration_s.notnull())
    return t.group_by(
        t.platform,
        t.client,
        t.kind,
        t.outcome,
        part=((_seconds(t) - start) / part_s).floor().cast("int64"),
        bin=log_bin(t.duration_s * 1e6, DURATION_BINS_PER_DECADE),
    ).aggregate(n=t.count())


def _rtt(attempts: ibis.Table) -> ibis.Table:
    a = attempts
    t = a.filter(a.kind.isin(["connect", "exchange"]), a.outcome != "aborted", a.rtt_s > 0)
    return t.group_by(t.platform, t.kind, bin=log_bin(t.rtt_s * 1e6, RTT_BINS_PER_DECADE)).aggregate(
        n=t.count(), timeouts=(t.outcome == "timeout").cast("int64").sum()
    )


def _phases(attempts: ibis.Table) -> ibis.Table:
    t = attempts.filter(attempts.kind == "connect", attempts.outcome == "ok")
    both = {phase: t[f"{phase}_s"].approx_quantile([0.5, 0.95]) for phase in PHASES}  # of one sketch
    grouped = t.group_by("platform", "client").aggregate(n=t.count(), **both)
    quantiles = {f"{phase}_{name}_s": grouped[phase][at] for phase in PHASES for at, name in enumerate(("p50", "p95"))}
    return grouped.select("platform", "client", "n", **quantiles)


def _seconds(attempts: ibis.Table) -> ibis.expr.types.IntegerColumn:
    """Epoch second in which an attempt was to start."""
    return attempts.scheduled_us // 1_000_000
