"""The attempt record in code: columns, vocabularies, and the check that refuses a malformed row.

One row is one attempt: one bounded wait of one virtual user that ends in exactly one outcome.
Most of a row's columns are the same for every attempt of a worker or of a connection, so a row is
written in three parts that the store joins again:

- `WorkerFacts`: once a worker boot (who measured, and where);
- `ConnectionFacts`: once a connection (its arms, its user, what the server said of itself);
- `Attempt`: once an attempt.

`COLUMNS` is the whole row in the order of the table. This module imports neither numpy nor pyarrow:
load-generating processes use it.
"""

from __future__ import annotations

import sys
from collections.abc import Set
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from attempts.checker import INT32_MAX, INT64_MAX, Checker, ColumnRule, SchemaError, refusal

__all__ = [
    "CAUSES",
    "CLOSED_BY",
    "COLUMNS",
    "KINDS",
    "OUTCOMES",
    "PHASES",
    "RUNGS",
    "SCHEMA_VERSION",
    "Attempt",
    "Column",
    "ColumnType",
    "ConnectionFacts",
    "Health",
    "Level",
    "SchemaError",
    "WorkerFacts",
    "check",
    "checked_bytes",
]

SCHEMA_VERSION: Final = 1

# A check is a whole check of a suite (`p1_checks`): several waits, one budget, one outcome.
KINDS: Final = frozenset({"connect", "exchange", "hold", "close", "probe", "check"})
OUTCOMES: Final = frozenset({"ok", "timeout", "failed", "aborted"})
PHASES: Final = frozenset({"dns", "tcp", "tls", "upgrade", "welcome", "exchange", "hold", "close"})
CAUSES: Final = frozenset(
    {
        "silent_peer",
        "dns",
        "refused",
        "unreachable",
        "reset",
        "tls",
        "http_status",
        "subprotocol",
        "auth_rejected",
        "server_error",
        "server_closed",
        "malformed",
        "local_resource",
        "harness",
        # The peer closed because it had not heard this client (a keepalive or ping timeout of its own).
        "keepalive",
        # An answer that blames the request itself (JSON-RPC's invalid params, a GraphQL validation error).
        "client_error",
        # A connect that had to be refused (auth probe) became ready.
        "credentials_accepted",
        # A check that failed although the server did as it should: its own expectation was wrong.
        "test_mistake",
    }
)
CLOSED_BY: Final = frozenset({"client", "server", "network"})
# Where a wait that ran out was lost: the rungs of docs/evidence.md, from this process to the server's application.
RUNGS: Final = (
    "generator",
    "unsent",
    "unacknowledged",
    "undelivered",
    "unread",
    "partial",
    "unmatched",
    "silent_process",
    "silent_application",
    "late",
    "unknown",
)

ColumnType = Literal["string", "int64", "int32", "double", "bool", "timestamp"]
Level = Literal["worker", "connection", "attempt"]


class Column(NamedTuple):
    """One column of the `attempts` table.

    Attributes:
        name: As in the Parquet file.
        type: `timestamp` is microseconds since the epoch, UTC.
        nullable: Null means "not measured" or "not reached".
        level: Which of the three parts of a row carries it.
    """

    name: str
    type: ColumnType
    nullable: bool
    level: Level


COLUMNS: Final[tuple[Column, ...]] = (
    Column("run_id", "string", False, "worker"),
    Column("worker", "string", False, "worker"),
    Column("seq", "int64", False, "attempt"),
    Column("user", "int64", False, "connection"),
    Column("connection", "int64", False, "connection"),
    Column("subject", "string", False, "connection"),
    Column("server_connection_id", "string", True, "connection"),
    Column("scenario", "string", False, "connection"),
    Column("kind", "string", False, "attempt"),
    Column("operation", "string", False, "attempt"),
    Column("client", "string", False, "connection"),
    Column("delay_s", "double", False, "connection"),
    Column("mitigation", "string", False, "connection"),
    Column("retry", "int32", False, "connection"),
    Column("platform", "string", False, "worker"),
    Column("platform_detail", "string", False, "worker"),
    Column("event_loop", "string", False, "connection"),
    Column("python", "string", False, "worker"),
    Column("host", "string", False, "worker"),
    Column("site", "string", True, "worker"),
    Column("simulated", "bool", False, "worker"),
    Column("scheduled_at", "timestamp", False, "attempt"),
    Column("started_at", "timestamp", False, "attempt"),
    Column("duration_s", "double", False, "attempt"),
    Column("budget_s", "double", False, "attempt"),
    Column("outcome", "string", False, "attempt"),
    Column("phase", "string", False, "attempt"),
    Column("cause", "string", True, "attempt"),
    Column("errno", "int32", True, "attempt"),
    Column("http_status", "int32", True, "attempt"),
    Column("close_code", "int32", True, "attempt"),
    Column("closed_by", "string", True, "attempt"),
    Column("detail", "string", True, "attempt"),
    Column("dns_s", "double", True, "attempt"),
    Column("tcp_s", "double", True, "attempt"),
    Column("tls_s", "double", True, "attempt"),
    Column("upgrade_s", "double", True, "attempt"),
    Column("welcome_s", "double", True, "attempt"),
    Column("rtt_s", "double", True, "attempt"),
    Column("loop_lag_s", "double", True, "attempt"),
    Column("loop_blocked_s", "double", True, "attempt"),
    Column("cpu", "double", True, "attempt"),
    Column("open_connections", "int32", False, "attempt"),
    Column("age_s", "double", True, "attempt"),
    Column("idle_s", "double", True, "attempt"),
    Column("token_age_s", "double", True, "attempt"),
    Column("token_ttl_s", "double", True, "connection"),
    Column("server_instance", "string", True, "connection"),
    Column("startup_complete", "bool", True, "connection"),
    Column("preface_frames", "int32", True, "connection"),
    Column("frames_in", "int64", False, "attempt"),
    Column("frames_out", "int64", False, "attempt"),
    Column("bytes_in", "int64", False, "attempt"),
    Column("bytes_out", "int64", False, "attempt"),
    # Of a wait that ran out in silence on an upgraded connection, where the peer was then sent a ping:
    # how long it was listened to; from the ping to its pong; from the budget's end to the awaited answer.
    Column("checked_s", "double", True, "attempt"),
    Column("pong_s", "double", True, "attempt"),
    Column("late_s", "double", True, "attempt"),
    # Of a hold: the longest time in which nothing came and nothing was sent, that before its end included.
    Column("longest_silence_s", "double", True, "attempt"),
    # How a token was broken so that it must be refused (missing, expired, forged ...); null = an ordinary one.
    Column("token_kind", "string", True, "connection"),
    # Where a timeout was lost, by what this machine knows of it (docs/evidence.md).
    Column("lost_at", "string", True, "attempt"),
    # The kernel's smallest round trip of the connection before this attempt, `delay_s` included.
    Column("tcp_rtt_s", "double", True, "attempt"),
    # Segments that this machine sent again, and bytes that it received, during the attempt.
    Column("tcp_retransmits", "int32", True, "attempt"),
    Column("tcp_bytes_in", "int64", True, "attempt"),
    # The address that the connection went to, as a salted hash; and the local port, as the target sees it.
    Column("peer_address", "string", True, "connection"),
    Column("local_port", "int32", True, "connection"),
    # Of a hold: messages that the server sent by itself; the longest time from one to the next, that from the last to
    # the end included; and frames that could not be read while no request was in flight.
    Column("pushes", "int32", True, "attempt"),
    Column("longest_push_gap_s", "double", True, "attempt"),
    Column("malformed_frames", "int64", True, "attempt"),
    # Of a timeout: for so long before its end the peer's kernel, or that of a proxy in front of it, had had all that
    # was sent.
    Column("tcp_acknowledged_s", "double", True, "attempt"),
    # The trace id (W3C Trace Context) that the upgrade request carried, 32 hex digits; null = it carried none.
    Column("trace_id", "string", True, "connection"),
)


class WorkerFacts(msgspec.Struct, frozen=True, array_like=True):
    """What is true of every row of one worker boot (the columns of level `worker`)."""

    run_id: str
    worker: str
    platform: str
    platform_detail: str
    python: str
    host: str
    site: str | None
    simulated: bool


class ConnectionFacts(msgspec.Struct, frozen=True, array_like=True):
    """What is true of every row of one connection (the columns of level `connection`)."""

    user: int
    connection: int
    subject: str
    scenario: str
    client: str
    event_loop: str
    delay_s: float = 0.0
    mitigation: str = "none"
    retry: int = 0
    server_connection_id: str | None = None
    server_instance: str | None = None
    startup_complete: bool | None = None
    preface_frames: int | None = None
    token_ttl_s: float | None = None
    token_kind: str | None = None
    peer_address: str | None = None
    local_port: int | None = None
    trace_id: str | None = None


class Attempt(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """One bounded wait and its outcome (the columns of level `attempt`).

    `scheduled_at` and `started_at` are microseconds since the epoch, UTC; `*_s` are seconds from a
    monotonic clock. `facts` is the number under which the recorder knows the `ConnectionFacts`;
    `seq` is given by the recorder.
    """

    kind: str
    operation: str
    scheduled_at: int
    started_at: int
    duration_s: float
    budget_s: float
    outcome: str
    phase: str
    facts: int = -1
    seq: int = -1
    cause: str | None = None
    open_connections: int = 0
    loop_lag_s: float | None = None
    loop_blocked_s: float | None = None
    cpu: float | None = None
    rtt_s: float | None = None
    age_s: float | None = None
    idle_s: float | None = None
    token_age_s: float | None = None
    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    errno: int | None = None
    http_status: int | None = None
    close_code: int | None = None
    closed_by: str | None = None
    detail: str | None = None
    dns_s: float | None = None
    tcp_s: float | None = None
    tls_s: float | None = None
    upgrade_s: float | None = None
    welcome_s: float | None = None
    checked_s: float | None = None
    pong_s: float | None = None
    late_s: float | None = None
    longest_silence_s: float | None = None
    lost_at: str | None = None
    tcp_rtt_s: float | None = None
    tcp_retransmits: int | None = None
    tcp_bytes_in: int | None = None
    pushes: int | None = None
    longest_push_gap_s: float | None = None
    malformed_frames: int | None = None
    tcp_acknowledged_s: float | None = None


class Health(msgspec.Struct, frozen=True, array_like=True):
    """One worker's vitals over one second: a row of `health/*.parquet` (with `worker` in front).

    `at` is microseconds since the epoch, UTC, at the end of the second; `cpu` 1 = one core; null is
    "this platform does not tell".
    """

    at: int
    loop_lag_s: float
    loop_blocked_s: float
    cpu: float | None
    rss_bytes: int | None
    greenlets: int | None
    file_descriptors: int | None
    queue_depth: int
    open_connections: int
    ephemeral_ports: int | None = None


def _one_of(words: Set[str]) -> ColumnRule:
    return ColumnRule(Literal[tuple(sorted(words))], f"is one of {sorted(words)}")


_INT32: Final = ColumnRule(Annotated[int, Meta(ge=0, le=INT32_MAX)], "is a 32-bit whole number, 0 or more")
_GIVEN: Final = ColumnRule(Annotated[int, Meta(ge=-1, le=INT64_MAX)], "is a number that the recorder gives")

# The rules beyond those of a column's type (`checker.DEFAULT_RULES`).
RULES: Final[dict[str, ColumnRule]] = {
    **{c.name: _INT32 for c in COLUMNS if c.type == "int32"},
    # getaddrinfo's errors are negative on Linux, so an errno has a sign.
    "errno": ColumnRule(Annotated[int, Meta(ge=-INT32_MAX - 1, le=INT32_MAX)], "is a 32-bit whole number"),
    "kind": _one_of(KINDS),
    "outcome": _one_of(OUTCOMES),
    "phase": _one_of(PHASES),
    "cause": _one_of(CAUSES),
    "closed_by": _one_of(CLOSED_BY),
    "lost_at": _one_of(frozenset(RUNGS)),
    "budget_s": ColumnRule(
        Annotated[float, Meta(gt=0.0, le=sys.float_info.max)], "is a finite number of seconds above 0"
    ),
    # A token that was made to be refused may have expired before it was issued.
    "token_ttl_s": ColumnRule(
        Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)], "is a finite number of seconds"
    ),
    "facts": _GIVEN,
    "seq": _GIVEN,
}

worker_checker: Final = Checker(WorkerFacts, RULES)
connection_checker: Final = Checker(ConnectionFacts, RULES)
health_checker: Final = Checker(Health, RULES)
_attempt_checker: Final = Checker(Attempt, RULES)
_encode = _attempt_checker.encode
_decode = _attempt_checker.decode


def check(attempt: Attempt) -> None:
    """Refuse a row that breaks the contract.

    Raises:
        SchemaError: Names the column, the value and the rule.
    """
    checked_bytes(attempt)


def checked_bytes(attempt: Attempt) -> bytes:
    """The row as msgpack, after every rule held. Written for speed: it runs once an attempt.

    Raises:
        SchemaError: Names the column, the value and the rule.
    """
    try:
        encoded = _encode(attempt)
        _decode(encoded)
    except Exception as problem:
        _attempt_checker.refused(attempt, problem)
    outcome = attempt.outcome
    if outcome == "ok" or outcome == "aborted":
        if attempt.cause is not None:
            raise refusal("cause", attempt.cause, f"is null when the outcome is {outcome}")
    elif attempt.cause is None:
        raise refusal("cause", None, f"is one of {sorted(CAUSES)} when the outcome is {outcome}")
    elif outcome == "timeout" and attempt.duration_s < attempt.budget_s:
        raise refusal("duration_s", attempt.duration_s, f"reaches budget_s ({attempt.budget_s}) in a timeout")
    return encoded
