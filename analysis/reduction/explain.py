"""Classifies each row: cleaned, timed in whole numbers, and every failure explained exactly once.

The order of explanation is rule 8 of the method; every claim sees the same one, because it is decided
here. All functions map Ibis expressions to Ibis expressions; nothing is executed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt

from analysis.reduction.thresholds import ABNORMAL_CLOSURE, BLOCKED_LAG_S, LAG_EXPLAINS, LAG_SPOILS
from analysis.runs.parquet_files import ESSENTIAL
from attempts.schema import COLUMNS, OUTCOMES, ColumnType

IBIS_TYPES: Final[dict[ColumnType, str]] = {
    "string": "string",
    "int64": "int64",
    "int32": "int32",
    "double": "float64",
    "bool": "boolean",
    "timestamp": "timestamp('UTC')",
}

# Names that may be unknown. Others write an unknown one as "": as a name it would be one that all share. Not all
# strings of the contract: each costs a look at every row.
MAYBE_UNKNOWN: Final = ("subject", "mitigation", "event_loop", "site", "cause", "server_instance")

# A token refused this long before its end was not refused for its age: a minute is the customary leeway
# for clocks that differ (RFC 7519, section 4.1.4: "no more than a few minutes").
CLOCK_LEEWAY_S: Final = 60.0

# A pong this much later than the usual round trip was itself held up on the way: it proves nothing. Twice the
# round trip leaves room for one retransmission that the peer asked for, the rest for a busy machine.
PONG_ROUND_TRIPS: Final = 2.0
PONG_ALLOWANCE_S: Final = 0.25
# An answer is behind the pong only by more than a healthy loop needs from the budget's end to the ping.
BEHIND_PONG_S: Final = 0.05
# For so much of its budget at most a request may have been on its way that the peer is said to have had all the time:
# this share, or the round trip and what a kernel may wait before it acknowledges.
MISSING_RATIO: Final = 0.1
DELAYED_ACK_S: Final = 0.06

# Where a timeout was lost (`attempts.schema.RUNGS`): what says that it was this client's own; what says that nothing of
# it lay unread here, so that no late loop is to blame; what says that the way lost it, or its answer; what says that
# the peer's side had it; what leaves the way open.
OWN_RUNGS: Final = ("generator", "unsent", "unread")
LOST_RUNGS: Final = ("unacknowledged", "undelivered")
PEERS_RUNGS: Final = ("silent_process", "silent_application")
CLEARING_RUNGS: Final = (*LOST_RUNGS, *PEERS_RUNGS, "partial", "unmatched")
NOT_TOLD: Final = ("", "unknown")
WAY_RUNGS: Final = (*NOT_TOLD, "late", *LOST_RUNGS)

# Thirty years: no wait is longer, and whole microseconds of it fit into an int64.
LONGEST_S: Final = 1e9

CAUSES_OF_THE_GENERATOR: Final = ("harness", "local_resource")
# An answer that blames the request says that this tester and the server do not mean the same by it.
CAUSES_OF_FORMAT: Final = ("malformed", "subprotocol", "client_error")
# What ends a session as an answer to this client, and not by a limit of the server's.
ENDS_BY_ANSWER: Final = ("auth_rejected", "keepalive", "malformed", "client_error")
# Offers tokens that must be refused: a control of the server's check, and in no claim about sessions.
AUTH_PROBE_SCENARIO: Final = "auth_probe"
ACCEPTED: Final = "credentials_accepted"
# An HTTP answer speaks for the server where it says so: 5xx (RFC 9110, section 15.6), and a quota's 429
# (RFC 6585, section 4).
SERVER_ERROR_STATUS: Final = 500
QUOTA_STATUS: Final = 429

# Each failed row counts in exactly one of these, and together they are all failed rows; a row that went well
# has explanation 0, the others the number of theirs.
EXPLANATIONS: Final = ("client_loop", "harness", "auth", "format", "explicit", "lagged", "residual")
NUMBER_OF: Final = {name: number for number, name in enumerate(EXPLANATIONS, start=1)}


def _micros(name: str) -> Callable[[ibis.Value], ibis.Value]:
    """An engine's own function from a moment to microseconds since the epoch."""

    def micros(moment: Any) -> Any:
        """Declared here, done by the engine."""

    signature = ((dt.Timestamp(timezone="UTC"),), dt.int64)
    function: Callable[[ibis.Value], ibis.Value] = ibis.udf.scalar.builtin(micros, name=name, signature=signature)
    return function


# Ibis' own way casts a zoned timestamp to a local one, which costs DuckDB more than all the rest of a row.
_MICROSECONDS: Final = {"duckdb": _micros("epoch_us"), "pyspark": _micros("unix_micros")}


def contract_columns(rows: ibis.Table) -> ibis.Table:
    """The columns of the contract and no others, in its types; absent ones are null, and so is what is not finite.

    So is a blank among the names of `MAYBE_UNKNOWN`.

    Moments are there as whole microseconds since the epoch, too: `scheduled_us`, `started_us`.
    """
    micros = _MICROSECONDS[rows.get_backend().name]
    chosen = {}
    for column in COLUMNS:
        wanted = ibis.dtype(IBIS_TYPES[column.type])
        if column.name not in rows.columns:
            chosen[column.name] = ibis.null(wanted)
            if column.type == "timestamp":
                chosen[_in_microseconds(column.name)] = ibis.null("int64")
            continue
        value = rows[column.name]
        if column.type == "timestamp":
            # A zone of null is UTC by the contract, and the session's zone is UTC (`runs/engine.py`).
            value = value if value.type().timezone else value.cast(wanted)
            chosen[_in_microseconds(column.name)] = micros(value)
        elif value.type() != wanted:
            value = value.cast(wanted)
        if column.type == "double":
            # NaN lies above every threshold in SQL's order: a lag that was not measured would explain all.
            value = (value.isnan() | value.isinf()).ifelse(ibis.null(wanted), value)
        if column.name in MAYBE_UNKNOWN:
            # Subjects are many: to trim them costs more than to group them.
            name = value if column.name == "subject" else value.strip()
            value = (name == "").ifelse(ibis.null(wanted), value)
        chosen[column.name] = value
    return rows.select(**chosen)


def is_usable(rows: ibis.Table) -> ibis.Value:
    """Whether a row has all that is `ESSENTIAL`, durations that can be, and an outcome of the contract."""
    whole = rows.outcome.isin(sorted(OUTCOMES)) & (rows.budget_s > 0)
    for name in ("budget_s", "duration_s", "delay_s"):
        whole = whole & rows[name].between(0.0, LONGEST_S)
    for name in ESSENTIAL:
        whole = whole & rows["scheduled_us" if name == "scheduled_at" else name].notnull()
    return whole.fill_null(False)


def _in_microseconds(name: str) -> str:
    return name.removesuffix("_at") + "_us"


def microseconds(duration_s: ibis.Value) -> ibis.Value:
    """Whole microseconds: a float is no key."""
    return (duration_s.clip(0.0, LONGEST_S) * 1e6).round().cast("int64")


def explained(rows: ibis.Table) -> ibis.Table:
    """Add to each row its second and what it counts as.

    Adds `second`, `preface`, `token_expired`; `is_bad`; `explanation` (`NUMBER_OF` its name
    for a bad row, else 0); `is_clean` (fit for comparisons: no late loop, not the generator's own failure);
    `has_lag` and `has_any_lag` (late at all; or not measured); `token_fresh`. Of a residual timeout:
    `is_checked` (its peer was sent a ping), `is_unasked` (it could have been, and was not), `is_late` (its answer was
    seen to come after all), `is_unanswered` (the peer answered the ping in its usual time, and had sent nothing: it
    had the request and kept silent; where the kernel was asked, its rung says so), `is_acknowledged` (of these: no pong
    came, but the peer's kernel acknowledged), `is_on_way` (lost or held up on the way: not acknowledged, or late after
    something had to be sent again), `is_unmatched` (whole frames came that are no answer). Of any timeout: `is_placed`
    (its rung is known), `is_here` (it was lost in this client). Of any row: `is_repeated` (it is on the way, or this
    machine had to send some of it again). `may_be_way`: a failure of which nothing
    says that it was not lost, held up or cut on the way; an HTTP answer says so, and a rung that is another's.

    A rung of null is "not asked", and all is as without rungs.

    A lag of null is "not measured": it explains nothing, spoils nothing, and is counted. The sum of a loop's
    delays (`loop_blocked_s`) counts as one delay of that length does.
    """
    late_s = ibis.greatest(rows.loop_lag_s.fill_null(0.0), rows.loop_blocked_s.fill_null(0.0))
    is_bad = rows.outcome.isin(["timeout", "failed"])
    is_spoilt = late_s >= rows.budget_s * LAG_SPOILS
    cause = rows.cause.fill_null("")
    status = rows.http_status.fill_null(0)
    is_answer = (cause == "http_status") & ((status >= SERVER_ERROR_STATUS) | (status == QUOTA_STATUS))
    # A connection that ends without a close frame was ended by somebody, and nobody said a word.
    is_wordless = rows.close_code.fill_null(ABNORMAL_CLOSURE) == ABNORMAL_CLOSURE
    is_said = (cause == "server_error") | ((cause == "server_closed") & ~is_wordless)
    has_run_out = rows.outcome == "timeout"
    rung = has_run_out.ifelse(rows.lost_at.fill_null(""), "")
    is_here, is_cleared = rung.isin(OWN_RUNGS), rung.isin(CLEARING_RUNGS)
    explanation = ibis.cases(
        (~is_bad, 0),
        (is_here | ((late_s >= rows.budget_s * LAG_EXPLAINS) & ~is_cleared), NUMBER_OF["client_loop"]),
        (cause.isin(CAUSES_OF_THE_GENERATOR), NUMBER_OF["harness"]),
        (cause == "auth_rejected", NUMBER_OF["auth"]),
        (cause.isin(CAUSES_OF_FORMAT), NUMBER_OF["format"]),
        (is_said | is_answer, NUMBER_OF["explicit"]),
        (is_spoilt, NUMBER_OF["lagged"]),
        else_=NUMBER_OF["residual"],
    )
    left_s = rows.token_ttl_s - rows.token_age_s
    ran_out = (explanation == NUMBER_OF["residual"]) & has_run_out
    usual_s = rows.rtt_s.fill_null(0.0) * PONG_ROUND_TRIPS + PONG_ALLOWANCE_S
    # A message that came meanwhile may be an answer that this client did not understand.
    kept_silent = rows.lost_at.isnull().ifelse((rows.pong_s <= usual_s) & (rows.frames_in == 0), rung.isin(PEERS_RUNGS))
    was_repeated = (rows.tcp_retransmits > 0).fill_null(False)
    # The pong came first, and nothing of the request had to be sent again: the server had it all the time. `late_s`
    # counts from the budget's end, `pong_s` from the ping a moment later: an answer with the pong is not behind it.
    is_behind = (rows.checked_s > rows.pong_s) & (rows.late_s > rows.pong_s + BEHIND_PONG_S)
    # And the peer's kernel had it: it had not waited in a queue on the way until shortly before the ping.
    missing_s = ibis.greatest(rows.budget_s * MISSING_RATIO, rows.rtt_s.fill_null(0.0) + DELAYED_ACK_S)
    was_there = rows.tcp_acknowledged_s >= rows.budget_s - missing_s
    was_withheld = (rung == "late") & is_behind & (rows.tcp_retransmits == 0) & was_there
    is_on_way = (ran_out & (rung.isin(LOST_RUNGS) | ((rung == "late") & was_repeated))).fill_null(False)
    is_unanswered = (ran_out & ((kept_silent & rows.late_s.isnull()) | was_withheld)).fill_null(False)
    is_open = explanation.isin([NUMBER_OF["residual"], NUMBER_OF["lagged"]])
    return rows.mutate(
        second=rows.scheduled_us // 1_000_000,
        preface=(rows.preface_frames > 0).fill_null(False),
        token_expired=(left_s <= 0).fill_null(False),
        token_fresh=(left_s > CLOCK_LEEWAY_S).fill_null(False),
        is_bad=is_bad,
        is_clean=~(is_spoilt | is_here | (is_bad & cause.isin(CAUSES_OF_THE_GENERATOR))),
        has_lag=late_s > BLOCKED_LAG_S,
        has_any_lag=((late_s >= BLOCKED_LAG_S) | rows.loop_lag_s.isnull()) & ~is_cleared,
        explanation=explanation,
        is_checked=(ran_out & rows.checked_s.notnull()).fill_null(False),
        # Only on an upgraded connection there is somebody to ask.
        is_unasked=(ran_out & rows.checked_s.isnull() & rows.phase.isin(["welcome", "exchange"])).fill_null(False),
        is_late=(ran_out & rows.late_s.notnull()).fill_null(False),
        is_unanswered=is_unanswered,
        is_acknowledged=is_unanswered & (rung == "silent_process"),
        is_on_way=is_on_way,
        is_repeated=was_repeated | is_on_way,
        is_unmatched=ran_out & (rung == "unmatched"),
        is_placed=~rung.isin(NOT_TOLD),
        is_here=is_here,
        may_be_way=is_open & rung.isin(WAY_RUNGS) & (cause != "http_status") & ~was_withheld.fill_null(False),
    )
