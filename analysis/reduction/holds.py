"""Sessions that were held open: G5 of the method, how long they lasted, how silent they were, and how they ended."""

from __future__ import annotations

from typing import Any, Final

import ibis
from ibis import _

from analysis.reduction.explain import CAUSES_OF_FORMAT, CAUSES_OF_THE_GENERATOR, ENDS_BY_ANSWER, LONGEST_S
from analysis.reduction.expressions import count_if, lot, step
from analysis.reduction.thresholds import ABNORMAL_CLOSURE
from analysis.reduction.tokens import is_fresh_at_end, is_refused

HOLD_BIN_S: Final = 0.5
# (below, width) in these bins, of sessions that were not ended before their time: of them it is only asked whether
# they reached a limit, which is met within a second and 2 % (`session_limits`). Steps are of 1 %, from 1,000 s of 2 %.
HOLD_STEPS: Final = ((200, 1), (400, 2), (1_000, 4), (2_000, 10), (7_200, 40), (0, 120))
# The shortest keepalive in the field is 20 s: a loop that stood still for half of it may itself have cost
# the session, so that its end is no word about the server's limits.
HOLD_LAG_S: Final = 10.0


def held(rows: ibis.Table) -> ibis.Table:
    """Sessions that were held open, one row each: how long, how silent, and how they ended.

    Sessions that were ended as an answer to this client (its token, its silence, its message) met no limit: they are
    not `by_peer`. `died` are those that ended before their time while nothing was asked of them, at a first try: the
    end of a session in the middle of an exchange is that exchange's failure, and counted there.
    """
    name = ("run_id", "worker", "connection")
    of_sessions = rows.filter((_.kind == "hold") & (_.mitigation == "none") & ~_.is_auth_probe)
    asked = rows.filter((_.kind == "exchange") & (_.outcome == "failed"))
    # A close that came in place of an answer is about that request, and no limit of age or silence.
    is_answer = asked.close_code.fill_null(ABNORMAL_CLOSURE) != ABNORMAL_CLOSURE
    in_exchange = asked.group_by(*name).agg(answers=count_if(is_answer))
    held = of_sessions.left_join(in_exchange, name)
    cause = held.cause.fill_null("")
    late_s = ibis.greatest(held.loop_lag_s.fill_null(0.0), held.loop_blocked_s.fill_null(0.0))
    failed = (held.outcome == "failed") & ~cause.isin(CAUSES_OF_THE_GENERATOR)
    by_peer = (
        failed
        & (held.closed_by.fill_null("network") != "client")
        & ~cause.isin(ENDS_BY_ANSWER)
        & (late_s < HOLD_LAG_S)
        & (held.answers.fill_null(0) == 0)
    )
    explained = ("auth_rejected", *CAUSES_OF_FORMAT)
    died = failed & (held.retry == 0) & ~cause.isin(explained) & (late_s < HOLD_LAG_S) & held.answers.isnull()
    return held.select(
        *("run_id", "host", "platform", "site", "minute", "client", "event_loop", "delay_us", "retry", "cause"),
        failed=failed,
        by_peer=by_peer,
        died=died,
        is_refused=is_refused(held),
        is_fresh=is_fresh_at_end(held),
        is_said=held.close_code.fill_null(ABNORMAL_CLOSURE) != ABNORMAL_CLOSURE,
        parity=lot(held.connection) % 2,
        duration_bin=_hold_bin(held.duration_s),
        idle_bin=_hold_bin(held.idle_s),
        silence_bin=_hold_bin(ibis.greatest(held.longest_silence_s, held.idle_s)),
        # Floats of whole numbers: pandas reads a null of either engine as NaN, where Spark's null integer is an object.
        end_s=(held.scheduled_us / 1e6 + held.duration_s).floor().cast("float64"),
        close_code=held.close_code.cast("float64"),
    )


def holds(held: ibis.Table, minutes: tuple[tuple[str, int], ...]) -> ibis.Table:
    """G5: how long sessions stayed open, how long nothing was said on them, and whether the peer ended them.

    Those that ended before their time are known by their minute, their arm and how they ended; the others, which are
    many, only coarsely, and of the half of them that no limit is judged on (parity 0) not even when they were.

    Args:
        held: Sessions.
        minutes: For each run the length of the parts in which the others are counted.
    """
    told = held.by_peer | held.died

    def of_told(value: Any, type_: str) -> Any:
        return told.ifelse(value, ibis.null(type_))

    length = ibis.cases(*((held.run_id == run, long) for run, long in minutes), else_=1) if minutes else 1
    part = (held.parity == 1).ifelse(held.minute // length * length, ibis.null("int64"))
    silence = held.idle_bin.isnull().ifelse(ibis.null("int64"), step(held.silence_bin, HOLD_STEPS))
    keyed = held.select(
        "host",
        "platform",
        told.ifelse(held.minute, part).cast("float64").name("chunk_minute"),
        "by_peer",
        "died",
        "parity",
        duration_bin=told.ifelse(held.duration_bin, step(held.duration_bin, HOLD_STEPS)),
        # Only whether a session was as long silent is asked of those that were not ended, wherever it was.
        idle_bin=of_told(held.idle_bin, "int64"),
        silence_bin=told.ifelse(held.silence_bin, silence),
        end_s=of_told(held.end_s, "float64"),
        cause=of_told(held.cause, "string"),
        close_code=of_told(held.close_code, "float64"),
        client=of_told(held.client, "string"),
        event_loop=of_told(held.event_loop, "string"),
        delay_us=of_told(held.delay_us.cast("float64"), "float64"),
    )
    return keyed.group_by(*keyed.columns).agg(n=keyed.count())


def reached(held: ibis.Table) -> ibis.Table:
    """Of each platform and arm the sessions that the peer did not end, by their age, and by their silence (`of`)."""
    spared = held.filter(~held.by_peer)
    silence = spared.idle_bin.isnull().ifelse(ibis.null("int64"), spared.silence_bin)
    arm = [spared[name] for name in ("platform", "client", "event_loop", "delay_us")]

    def by(of: str, value: Any) -> ibis.Table:
        keyed = spared.select(*arm, of=ibis.literal(of), bin=step(value, HOLD_STEPS)).filter(_.bin.notnull())
        return keyed.group_by(*keyed.columns).agg(n=keyed.count())

    return by("age", spared.duration_bin).union(by("silence", silence))


def _hold_bin(duration_s: Any) -> Any:
    return (duration_s.clip(0.0, LONGEST_S) / HOLD_BIN_S).floor().cast("int64")


def sessions(held: ibis.Table) -> ibis.Table:
    """How sessions ended, where their end carries its cause; by the keys of G1 that a session has."""
    # A hold has no use for the tail: whoever still holds at the run's end was not refused until then.
    first = held.filter(held.retry == 0)
    is_said = (first.cause == "server_error") | ((first.cause == "server_closed") & first.is_said)
    return first.group_by("run_id", "host", "platform", "site", "minute", "client", "event_loop", "delay_us").agg(
        n=first.count(),
        auth=count_if(first.is_refused),
        auth_fresh=count_if(first.is_refused & first.is_fresh),
        explicit=count_if(first.failed & is_said),
        format=count_if(first.failed & first.cause.isin(CAUSES_OF_FORMAT)),
        failed=count_if(first.failed),
    )
