"""What a log is held against: every connect of the runs, and the exchanges and sessions that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analysis.reduction.explain import AUTH_PROBE_SCENARIO, contract_columns
from analysis.server_log.clocks import UNKNOWN_ERROR_S

if TYPE_CHECKING:
    import ibis

# Between a connect's phases a process has other things to do; a loop that is late says by how much.
BETWEEN_PHASES_S: Final = 0.1
# Failed waits that are looked up one by one, and good sessions that tell how much of the log is there.
MOST_WAITS: Final = 200_000
GOOD_SAMPLE: Final = 2_000
# A request that comes up this long after its wait ended is not looked for any more.
LATE_S: Final = 30.0
# The longest that it may lie before another wait, by clocks of which nothing is known.
WHILE_S: Final = LATE_S + 2 * UNKNOWN_ERROR_S
# Starts and ends are rounded to microseconds: what overlaps by less does not.
ROUNDING_US: Final = 1_000
FAILED: Final = ("timeout", "failed")
# A connect that came with a token that had to be refused, and was: no failure.
ASKED: Final = "asked"
SESSION_KINDS: Final = ("connect", "exchange", "hold")
# Until these are over, nothing was asked of a server's application.
BEFORE_UPGRADE: Final = ("dns", "tcp", "tls")


class Who(NamedTuple):
    """Whose wait it was: what shares are told apart by."""

    platform: str
    client: str
    delay_s: float
    instance: str


class Connect(NamedTuple):
    """A connect, by its worker's clock (epoch seconds).

    Attributes:
        worker: Whose clock it is.
        connection: Its number within the worker.
        named: The id that the server's welcome gave.
        port: The local port, as the server sees it.
        from_s: The first socket call.
        asked_s: The upgrade may have been asked for since; None: it did not come to that.
        answered_s: The upgrade had been answered by then; None: it never was.
        until_s: The wait's end.
    """

    worker: str
    connection: int
    subject: str
    named: str | None
    trace: str | None
    port: int | None
    from_s: float
    asked_s: float | None
    answered_s: float | None
    until_s: float
    outcome: str
    cause: str | None
    lost_at: str | None
    rtt_s: float
    who: Who

    @property
    def has_failed(self) -> bool:
        """Whether it is one of the waits whose rung is asked for."""
        return self.outcome in FAILED


class Wait(NamedTuple):
    """A wait on a session: an exchange, the session itself (a hold), or all of a session's exchanges together.

    Attributes:
        kind: exchange, hold; exchanges: all of a session's, as one.
        before_s: When the same user's exchange before had ended; None: there was none.
        before_failed: That one got no answer: its request may come up late.
        after_s: When the same user's next one began; None: there was none.
        left: The same user's connections on which an exchange had failed a while before, and when: what was asked there
            may come up still.
        is_alone: No other exchange of the user overlaps it.
        n: Of how many exchanges it is.
    """

    worker: str
    connection: int
    kind: str
    subject: str
    operation: str
    from_s: float
    until_s: float
    before_s: float | None
    before_failed: bool
    after_s: float | None
    is_alone: bool
    outcome: str
    cause: str | None
    lost_at: str | None
    rtt_s: float
    who: Who
    n: int = 1
    left: tuple[tuple[str, int, float], ...] = ()


class Waits(NamedTuple):
    """All that is looked up.

    Attributes:
        connects: Of the runs, whatever became of them.
        failed: Waits on sessions that failed or ran out.
        good: Sessions all of whose exchanges went well, a sample.
        operations: What exchanges asked for.
        attempts: Rows of sessions in all.
        left_out: Failed waits beyond the most that are looked up.
    """

    connects: tuple[Connect, ...]
    failed: tuple[Wait, ...]
    good: tuple[Wait, ...]
    operations: frozenset[str]
    attempts: int
    left_out: int


def waits_of(attempts: ibis.Table) -> Waits:
    """Read them from the attempts table (`dataset.attempts_table`)."""
    rows = contract_columns(attempts)
    keyed = rows.filter(rows.started_us.notnull(), rows.duration_s.notnull(), rows.worker.notnull())
    failed, good = _on_sessions(keyed)
    operations = keyed.filter(keyed.kind == "exchange").operation.to_pyarrow().unique().to_pylist()
    of_sessions = keyed.filter(keyed.kind.isin(SESSION_KINDS))
    return Waits(
        connects=tuple(_connect(row) for row in _records(keyed.filter(keyed.kind == "connect"))),
        failed=failed[:MOST_WAITS],
        good=good,
        operations=frozenset(operations),
        attempts=int(of_sessions.count().to_pyarrow().as_py()),
        left_out=max(0, len(failed) - MOST_WAITS),
    )


def _on_sessions(rows: ibis.Table) -> tuple[tuple[Wait, ...], tuple[Wait, ...]]:
    import ibis

    exchanges = rows.filter(rows.kind == "exchange")
    order = ibis.window(group_by="subject", order_by="started_us")
    end_us = exchanges.started_us + (exchanges.duration_s * 1e6).cast("int64")
    exchanges = exchanges.mutate(end_us=end_us, is_bad=exchanges.outcome.isin(FAILED))
    near = exchanges.mutate(
        before_us=exchanges.end_us.lag().over(order),
        before_failed=exchanges.is_bad.lag().over(order),
        after_us=exchanges.started_us.lead().over(order),
    )
    bad = with_left([_wait(row) for row in _records(near.filter(near.is_bad).limit(MOST_WAITS + 1))])
    holds = rows.filter(rows.kind == "hold", rows.outcome.isin(FAILED)).limit(MOST_WAITS)
    nothing = ibis.null("int64")
    holds = holds.mutate(before_us=nothing, before_failed=ibis.null("boolean"), after_us=nothing)
    return (*bad, *(_wait(row) for row in _records(holds))), _good_sessions(exchanges)


def with_left(failed: Sequence[Wait]) -> tuple[Wait, ...]:
    """Failed exchanges, each with its user's other connections on which one had failed a while before."""
    found = []
    user, left = "", dict[tuple[str, int], float]()
    for wait in sorted(failed, key=lambda wait: (wait.subject, wait.from_s)):
        if wait.subject != user:
            user, left = wait.subject, {}
        left = {one: until_s for one, until_s in left.items() if wait.from_s - until_s <= WHILE_S}
        mine = wait.worker, wait.connection
        found.append(wait._replace(left=tuple((*one, until_s) for one, until_s in left.items() if one != mine)))
        left[mine] = wait.until_s
    return tuple(found)


def _good_sessions(exchanges: ibis.Table) -> tuple[Wait, ...]:
    """The exchanges of sessions of which none failed, each session's as one; between users' others of theirs."""
    import ibis

    first = {
        name: exchanges[name].first()
        for name in ("operation", "platform", "client", "delay_s", "server_instance", "cause", "lost_at", "rtt_s")
    }
    sessions = exchanges.group_by("worker", "connection", "subject").agg(
        **first,
        n=exchanges.count(),
        ok=(exchanges.outcome == "ok").cast("int64").sum(),
        started_us=exchanges.started_us.min(),
        end_us=exchanges.end_us.max(),
    )
    order = ibis.window(group_by="subject", order_by="started_us")
    near = sessions.mutate(
        before_us=sessions.end_us.lag().over(order),
        after_us=sessions.started_us.lead().over(order),
        duration_s=(sessions.end_us - sessions.started_us) / 1e6,
        before_failed=ibis.literal(False),
        kind=ibis.literal("exchanges"),
        outcome=ibis.literal("ok"),
    )
    fine = near.filter(near.ok == near.n)
    step = max(1, int(fine.count().to_pyarrow().as_py()) // GOOD_SAMPLE)
    return tuple(_wait(row) for row in _records(fine.filter(fine.connection % step == 0).limit(2 * GOOD_SAMPLE)))


def _records(rows: ibis.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.to_pyarrow().to_pylist()
    return found


def _who(row: dict[str, Any]) -> Who:
    return Who(row["platform"] or "", row["client"] or "", row["delay_s"] or 0.0, row["server_instance"] or "")


def _connect(row: dict[str, Any]) -> Connect:
    from_s = row["started_us"] / 1e6
    asked_s = from_s + sum(row[name] or 0.0 for name in ("dns_s", "tcp_s", "tls_s"))
    return Connect(
        worker=row["worker"],
        connection=row["connection"] or 0,
        subject=row["subject"] or "",
        named=row["server_connection_id"],
        trace=row["trace_id"],
        port=row["local_port"],
        from_s=from_s,
        asked_s=asked_s if row["phase"] not in BEFORE_UPGRADE else None,
        answered_s=_answered_s(row, asked_s),
        until_s=from_s + row["duration_s"],
        outcome=ASKED if _asked_for_refusal(row) else row["outcome"] or "",
        cause=row["cause"],
        lost_at=row["lost_at"],
        rtt_s=row["rtt_s"] or 0.0,
        who=_who(row),
    )


def _asked_for_refusal(row: dict[str, Any]) -> bool:
    return bool(row["scenario"] == AUTH_PROBE_SCENARIO and row["cause"] == "auth_rejected")


def _answered_s(row: dict[str, Any], asked_s: float) -> float | None:
    """The latest moment at which the upgrade can have been answered."""
    if row["upgrade_s"] is None:
        return None
    if row["welcome_s"] is not None:
        return float(row["started_us"] / 1e6 + row["duration_s"] - row["welcome_s"])
    late_s = max(row["loop_blocked_s"] or 0.0, row["loop_lag_s"] or 0.0)
    return float(asked_s + row["upgrade_s"] + late_s + BETWEEN_PHASES_S)


def _wait(row: dict[str, Any]) -> Wait:
    from_us, until_us = row["started_us"], row["started_us"] + int(row["duration_s"] * 1e6)
    before_us, after_us = row["before_us"], row["after_us"]
    return Wait(
        worker=row["worker"],
        connection=row["connection"] or 0,
        kind=row["kind"],
        subject=row["subject"] or "",
        operation=row["operation"] or "",
        from_s=from_us / 1e6,
        until_s=until_us / 1e6,
        before_s=None if before_us is None else before_us / 1e6,
        before_failed=bool(row["before_failed"]),
        after_s=None if after_us is None else after_us / 1e6,
        is_alone=(before_us is None or before_us <= from_us + ROUNDING_US)
        and (after_us is None or after_us >= until_us - ROUNDING_US),
        outcome=row["outcome"] or "",
        cause=row["cause"],
        lost_at=row["lost_at"],
        rtt_s=row["rtt_s"] or 0.0,
        who=_who(row),
        n=row.get("n", 1),
    )
