"""The waits counted by minute and by slot: G1 to G3 of the method.

Rows are grouped once, finely (`moments`); cells, slots and instances are sums of that.
"""

from __future__ import annotations

from typing import Any, Final

import ibis
from ibis import _

from analysis.reduction.always_fails import Always, with_always
from analysis.reduction.explain import NUMBER_OF
from analysis.reduction.expressions import OF_THE_TARGET, count_if, sum_if
from analysis.reduction.keys import ARM_KEYS, CELL_KEYS, WORKER_KEYS
from analysis.reduction.marked_rows import MINUTE_S, between, is_plain, since

SLOT_S: Final = 10
# A worker's connections, made a number of their own: no worker opens as many as 2^40.
CONNECTIONS_OF_A_WORKER: Final = 2**40
# What a wait is, beside its explanation: bits of one number, the first the lowest.
FACTS: Final = (
    "preface",
    "token_expired",
    "is_first",
    "is_timeout",
    "is_fresh",
    "is_clean",
    "has_lag",
    "has_any_lag",
    "has_no_lag",
    "is_checked",
    "is_unasked",
    "is_late",
    "is_unanswered",
    "is_acknowledged",
    "is_on_way",
    "is_unmatched",
    "is_placed",
    "is_here",
    "may_be_way",
    "is_repeated",
    "is_always",
)


def placed(rows: ibis.Table, places: ibis.Table, arms: ibis.Table) -> ibis.Table:
    """The waits with numbers for names: `place`, `arm` and a `name` of their connection.

    `places` holds some of `WORKER_KEYS` (site "" if unknown), enough to tell the workers apart, and `place`,
    `worker_number`; `arms` some of `ARM_KEYS`, and `arm`.
    """
    waits = rows.filter(_.is_wait).mutate(site=_.site.fill_null(""))
    of_worker = [name for name in WORKER_KEYS if name in places.columns]
    of_arm = [name for name in ARM_KEYS if name in arms.columns]
    joined = waits.join(places, of_worker).join(arms, of_arm)
    return joined.mutate(
        name=joined.worker_number * CONNECTIONS_OF_A_WORKER + joined.connection % CONNECTIONS_OF_A_WORKER
    )


def moments(placed: ibis.Table) -> ibis.Table:
    """The waits, grouped as finely as any table needs: `n` of each kind in each slot of each place and arm.

    What a wait is (`FACTS` and its explanation) is one number: wide keys are what a group-by pays for.
    """
    values = _facts(placed)
    facts = placed.explanation * 2 ** len(FACTS)
    for bit, name in enumerate(FACTS):
        facts = facts + values[name].ifelse(2**bit, 0)
    keyed = placed.mutate(slot=placed.second // SLOT_S, facts=facts)
    return keyed.group_by("place", "arm", "slot", "server_instance", "facts").agg(n=keyed.count())


def _facts(placed: ibis.Table) -> dict[str, Any]:
    return {
        "preface": placed.preface,
        "token_expired": placed.token_expired,
        "is_first": placed.retry == 0,
        "is_timeout": placed.outcome == "timeout",
        "is_fresh": placed.token_fresh & (placed.explanation == NUMBER_OF["auth"]),
        "is_clean": placed.is_clean,
        "has_lag": placed.has_lag,
        "has_any_lag": placed.has_any_lag,
        "has_no_lag": placed.loop_lag_s.isnull(),
        "is_checked": placed.is_checked,
        "is_unasked": placed.is_unasked,
        "is_late": placed.is_late,
        "is_unanswered": placed.is_unanswered,
        "is_acknowledged": placed.is_acknowledged,
        "is_on_way": placed.is_on_way,
        "is_unmatched": placed.is_unmatched,
        "is_placed": placed.is_placed,
        "is_here": placed.is_here,
        "may_be_way": placed.may_be_way,
        "is_repeated": placed.is_repeated,
        "is_always": placed.is_always,
    }


def named(moments: ibis.Table, places: ibis.Table, arms: ibis.Table) -> ibis.Table:
    """The moments with their names and facts again: of their `place`, their `arm`, and what they are."""
    joined = moments.join(places, "place").join(arms, "arm")
    facts = {name: joined.facts // 2**bit % 2 == 1 for bit, name in enumerate(FACTS)}
    minutes = MINUTE_S // SLOT_S
    explanation = joined.facts // 2 ** len(FACTS)
    return joined.mutate(minute=joined.slot // minutes, explanation=explanation, is_bad=explanation != 0, **facts)


def cells(moments: ibis.Table) -> ibis.Table:
    """G1: what happened in each minute of each host, by arm and operation."""
    first, bad = moments.is_first, moments.is_first & moments.is_bad
    good = moments.is_first & ~moments.is_bad
    return moments.group_by(*CELL_KEYS).agg(
        n=sum_if(moments, first),
        bad=sum_if(moments, bad),
        timeouts=sum_if(moments, first & moments.is_timeout),
        **{name: sum_if(moments, first & (moments.explanation == number)) for name, number in NUMBER_OF.items()},
        auth_fresh=sum_if(moments, first & moments.is_fresh),
        checked=sum_if(moments, first & moments.is_checked),
        unasked=sum_if(moments, first & moments.is_unasked),
        late=sum_if(moments, first & moments.is_late),
        unanswered=sum_if(moments, first & moments.is_unanswered),
        acknowledged=sum_if(moments, first & moments.is_acknowledged),
        on_way=sum_if(moments, first & moments.is_on_way),
        unmatched=sum_if(moments, first & moments.is_unmatched),
        placed=sum_if(moments, first & moments.is_placed),
        here=sum_if(moments, first & moments.is_here),
        may_be_way=sum_if(moments, first & moments.may_be_way),
        repeated=sum_if(moments, first & moments.is_repeated),
        said_no=sum_if(moments, first & moments.explanation.isin(OF_THE_TARGET) & ~moments.is_timeout),
        n_always=sum_if(moments, first & moments.is_always),
        bad_always=sum_if(moments, bad & moments.is_always),
        any_lag_bad=sum_if(moments, bad & moments.has_any_lag),
        lag_null=sum_if(moments, first & moments.has_no_lag),
        n_clean=sum_if(moments, first & moments.is_clean),
        good=sum_if(moments, good),
        good_lagged=sum_if(moments, good & moments.has_lag),
        retries=sum_if(moments, ~first),
        rescued=sum_if(moments, ~first & ~moments.is_bad),
    )


def waits(marked: ibis.Table, places: ibis.Table, arms: ibis.Table, always: Always) -> ibis.Table:
    """The waits, `placed`, each with whether it is of what always fails."""
    return placed(with_always(marked, always), places, arms)


def plain(moments: ibis.Table) -> ibis.Table:
    """The moments that are compared."""
    return moments.filter(moments.is_first & (moments.mitigation == "none"))


def connections(
    marked: ibis.Table, places: ibis.Table, arms: ibis.Table, minutes: tuple[int, int] | None
) -> ibis.Table:
    """Distinct connections of each cell; of the cells between two minutes, where they are given."""
    rows = marked if minutes is None else between(marked, *minutes)
    first = placed(rows.filter(_.retry == 0), places, arms)
    keys = ("place", "arm", "minute", "preface", "token_expired")
    return first.group_by(*keys).agg(connections=first.name.nunique())


def cut(marked: ibis.Table, second: int) -> ibis.Table:
    """What the run's end cut off, by the keys of G1: refusals that carry their cause were complete when they came.

    `second` is one before which nothing was.
    """
    first = since(marked, second).filter(_.is_cut & (_.retry == 0))
    rows = first.mutate(name=first.worker.concat("/", first.connection.cast("string")))
    is_auth = rows.explanation == NUMBER_OF["auth"]
    return rows.group_by(*CELL_KEYS).agg(
        n=rows.count(),
        connections=rows.name.nunique(),
        auth=count_if(is_auth),
        auth_fresh=count_if(is_auth & rows.token_fresh),
        format=count_if(rows.explanation == NUMBER_OF["format"]),
        explicit=count_if(rows.explanation == NUMBER_OF["explicit"]),
    )


def slots(moments: ibis.Table) -> ibis.Table:
    """G2: failures that are not the client's or the token's, in slots short enough for synchrony."""
    rows = plain(moments)
    return rows.group_by("host", "platform", "site", "slot", "operation").agg(
        n=rows.n.sum(),
        bad=sum_if(rows, rows.explanation.isin(OF_THE_TARGET)),
        residual=sum_if(rows, rows.explanation == NUMBER_OF["residual"]),
        on_way=sum_if(rows, rows.is_on_way),
    )


def instances(moments: ibis.Table) -> ibis.Table:
    """G3: the same by the server's instance, where it named one, and by who may be pinned to it."""
    known = plain(moments).filter(_.server_instance.notnull())
    by = ("host", "platform", "minute", "client", "event_loop", "delay_us", "server_instance", "kind", "operation")
    exact = {name: sum_if(known, known.explanation == NUMBER_OF[name]) for name in ("auth", "format", "explicit")}
    return known.group_by(*by).agg(
        n=known.n.sum(),
        bad=sum_if(known, known.explanation.isin(OF_THE_TARGET)),
        auth_fresh=sum_if(known, known.is_fresh),
        unanswered=sum_if(known, known.is_unanswered),
        **exact,
    )


def peers(marked: ibis.Table) -> ibis.Table:
    """Waits, and of these those lost on the way, by the address that the connection went to, where it is known."""
    known = marked.filter(is_plain(marked) & marked.peer_address.notnull())
    return known.group_by("host", "platform", "site", "peer_address").agg(
        n=known.count(), on_way=count_if(known.is_on_way)
    )


def probes(rows: ibis.Table) -> ibis.Table:
    """The controls beside the sessions, in the slots of G2."""
    probed = rows.filter((_.kind == "probe") & (_.outcome != "aborted")).mutate(slot=_.second // SLOT_S)
    return probed.group_by("host", "platform", "site", "slot", "operation").agg(
        n=probed.count(), bad=count_if(probed.is_bad)
    )
