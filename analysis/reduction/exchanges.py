"""Exchanges by the state of their connection: whether it had fallen silent before, and how long it had been idle."""

from __future__ import annotations

from typing import Any, Final

import ibis
from ibis import _

from analysis.reduction.explain import LONGEST_S, NUMBER_OF
from analysis.reduction.expressions import count_if, lot, step
from analysis.reduction.marked_rows import is_plain

# (below, width) in seconds of the time a connection was idle before a request: proxies and firewalls forget idle
# connections after times between seconds and an hour.
IDLE_STEPS: Final = ((10, 1), (60, 5), (600, 20), (0, 120))
# So many requests of a connection in a row, and none answered after them, are no coincidence any more.
MUTE_LEAST: Final = 3


def mute(rows: ibis.Table) -> ibis.Table:
    """Requests that went unanswered behind answered pings, by operation, on connections that are mute or not.

    A connection is mute if it had answered, then left its last `MUTE_LEAST` requests or more unanswered, and answered
    none after the first of these. One line a (host, platform, mute, operation); the one without an operation counts
    the connections.
    """
    asked = rows.filter(_.is_wait & (_.kind == "exchange"))
    asked = asked.mutate(has_pong_only=asked.is_unanswered & ~asked.is_acknowledged)
    at = asked.mutate(
        ok_us=(asked.outcome == "ok").ifelse(asked.scheduled_us, ibis.null("int64")),
        silent_us=asked.has_pong_only.ifelse(asked.scheduled_us, ibis.null("int64")),
    )
    name = ("run_id", "worker", "host", "platform", "connection")
    by = at.group_by(*name).agg(
        last_ok_us=at.ok_us.max(), first_silent_us=at.silent_us.min(), silent=at.silent_us.count()
    )
    struck = by.filter(by.silent > 0)
    is_mute = (struck.silent >= MUTE_LEAST) & (struck.last_ok_us < struck.first_silent_us)
    struck = struck.mutate(is_mute=is_mute.fill_null(False)).select(*name, "is_mute")
    silent = at.filter(at.has_pong_only).join(struck, name)
    of_operations = silent.group_by("host", "platform", "is_mute", "operation").agg(n=silent.count())
    of_connections = struck.group_by("host", "platform", "is_mute").agg(n=struck.count())
    return ibis.union(of_operations, of_connections.mutate(operation=ibis.literal("")).select(of_operations.columns))


def continued(rows: ibis.Table) -> ibis.Table:
    """Requests that went unanswered as the one before them on their connection had: they go on with its silence.

    Such a request tells nothing of its own type (another one is asked to get in step again), nor of how long the
    connection had been idle (for as long as the one before it was waited for). First tries without mitigation.
    """
    asked = rows.filter(is_plain(rows) & (rows.kind == "exchange"))
    is_silent = (
        (asked.explanation == NUMBER_OF["residual"]) & (asked.outcome == "timeout") & asked.late_s.isnull()
    ).fill_null(False)
    connection = ("run_id", "worker", "host", "platform", "connection")
    known = asked.select(
        *connection,
        "operation",
        "scheduled_us",
        is_silent=is_silent,
        died=is_silent & ~asked.is_unanswered,
        parity=lot(asked.connection) % 2,
        idle=_idle(asked).fill_null(-1),
    )
    struck = known.filter(known.is_silent).select(*connection).distinct()
    theirs = known.semi_join(struck, connection)
    # Behind the moment all that is counted by: of requests of one moment it would else be the engine's to choose.
    order = [theirs[name] for name in ("scheduled_us", "is_silent", "operation", "idle", "died")]
    in_order = ibis.window(group_by=connection, order_by=order)
    found = theirs.mutate(follows=theirs.is_silent.lag().over(in_order).fill_null(False))
    chosen = found.filter(found.is_silent & found.follows)
    return chosen.group_by("host", "platform", "operation", "parity", "idle").agg(
        n=chosen.count(), died=count_if(chosen.died)
    )


def _idle(rows: ibis.Table) -> Any:
    """Whole seconds that the connection had been idle, the lower edge of a step; null = not known."""
    return step(rows.idle_s.clip(0.0, LONGEST_S).floor().cast("int64"), IDLE_STEPS)


def idles(rows: ibis.Table) -> ibis.Table:
    """Exchanges by how long their connection had been idle (whole seconds, `IDLE_STEPS`): `bad` died in silence."""
    asked = rows.filter(is_plain(rows) & (rows.kind == "exchange") & rows.idle_s.notnull())
    keyed = asked.mutate(idle=_idle(asked), parity=lot(asked.connection) % 2)
    died = (keyed.explanation == NUMBER_OF["residual"]) & ~keyed.is_unanswered
    return keyed.group_by("host", "platform", "parity", "idle").agg(n=keyed.count(), bad=count_if(died))
