"""The group-bys G1 to G6 of the method, as Ibis expressions: DuckDB and Spark run the same ones.

Every count is a sum over rows and every key a whole number or a name, so that files and runs merge by
adding. Rows are grouped once, finely (`moments`); what the claims read is grouped from that. All functions map
expressions to expressions; `reduce.py` runs them, and numbers the places and arms that they are joined with.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import ibis
from ibis import _

from analysis.explain import CAUSES_OF_THE_GENERATOR, LONGEST_S, NUMBER_OF, explained, is_usable, microseconds

MINUTE_S: Final = 60
SLOT_S: Final = 10
# A quota's sliding window, and the bins in which its subjects are compared (method, G4).
WINDOW_S: Final = 300
HOLD_BIN_S: Final = 0.5
# The shortest keepalive in the field is 20 s: a loop that stood still for half of it may itself have cost
# the session, so that its end is no word about the server's limits.
HOLD_LAG_S: Final = 10.0
# Bins a decade of the latency histogram: 12 % wide, finer than the noise of any p99 compared here.
LATENCY_BINS_PER_DECADE: Final = 20
# (below, width) of bins: exact where it matters, 1 % or better beyond, the last one open-ended.
RTT_STEPS: Final = ((10_000, 10), (100_000, 100), (1_000_000, 1_000), (0, 10_000))
# Known quotas are 5 and 20: exact there, and a subject that connects all the time cannot blow the table up.
ORDINAL_STEPS: Final = ((32, 1), (128, 8), (1_024, 64), (0, 1_024))
# A worker's connections, made a number of their own: no worker opens as many as 2^40.
CONNECTIONS_OF_A_WORKER: Final = 2**40

# Columns that no table here is made of. Ibis writes every column into every query, and that takes longer
# than DuckDB takes to answer it on a short run.
UNREAD: Final = (
    "user",
    "server_connection_id",
    "platform_detail",
    "started_at",
    "errno",
    "close_code",
    "detail",
    "dns_s",
    "tcp_s",
    "tls_s",
    "upgrade_s",
    "welcome_s",
    "open_connections",
    "age_s",
    "startup_complete",
    "frames_out",
    "bytes_in",
    "bytes_out",
)

WAITS: Final = ("connect", "exchange")
OF_THE_TARGET: Final = (NUMBER_OF["explicit"], NUMBER_OF["residual"])

WORKER_KEYS: Final = ("run_id", "worker", "host", "platform", "site")
PLACE_KEYS: Final = ("run_id", "host", "platform", "site")
ARM_KEYS: Final = ("client", "event_loop", "delay_us", "mitigation", "kind", "operation")
CELL_KEYS: Final = (
    "run_id",
    "host",
    "platform",
    "site",
    "minute",
    "client",
    "event_loop",
    "delay_us",
    "mitigation",
    "kind",
    "operation",
    "preface",
    "token_expired",
)
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
    "is_late",
    "is_unanswered",
)


def prepared(rows: ibis.Table) -> ibis.Table:
    """Arms without nulls and with whole numbers, and whether a row is usable: the ground of all that follows."""
    return rows.drop(*UNREAD).mutate(
        retry=_.retry.fill_null(0),
        mitigation=_.mitigation.fill_null("none"),
        event_loop=_.event_loop.fill_null("unknown"),
        delay_us=microseconds(rows.delay_s),
        usable=is_usable(rows),
    )


def census(prepared: ibis.Table) -> ibis.Table:
    """Who wrote what: rows of each worker, arm and operation, their numbers, the last sign of life."""
    keyed = prepared.mutate(is_aborted=(_.outcome == "aborted").fill_null(False), is_first=_.retry == 0)
    last_s = ibis.coalesce(keyed.started_us, keyed.scheduled_us) / 1e6 + keyed.duration_s
    return keyed.group_by(*WORKER_KEYS, "python", *ARM_KEYS, "usable", "is_aborted", "is_first").agg(
        rows=keyed.count(),
        simulated=_count(keyed.simulated.fill_null(False)),
        seq_rows=keyed.seq.count(),
        seq_sum=keyed.seq.sum(),
        seq_max=keyed.seq.max(),
        budget_s=keyed.budget_s.max(),
        least_budget_s=keyed.budget_s.min(),
        last_s=last_s.max(),
    )


def marked(prepared: ibis.Table, *, cutoffs: dict[str, int], all_usable: bool) -> ibis.Table:
    """The usable rows, explained; `is_wait`: a connect or exchange that ended, scheduled before the tail.

    `cutoffs` names for each run the second from which its attempts are dropped. A check that is known to
    hold for all rows is left out: it would have columns read that nothing else needs.
    """
    rows = prepared if all_usable else prepared.filter(prepared.usable)
    rows = explained(rows.mutate(cutoff=_cutoff(rows, cutoffs)))
    is_wait = rows.kind.isin(WAITS) & (rows.outcome != "aborted") & (rows.second < rows.cutoff)
    return rows.mutate(is_wait=is_wait.fill_null(False), minute=rows.second // MINUTE_S)


def _cutoff(rows: ibis.Table, cutoffs: dict[str, int]) -> Any:
    # Few runs, looked up in order: engines evaluate this once a name and not once a row.
    branches = [(rows.run_id == run, ibis.literal(second, "int64")) for run, second in cutoffs.items()]
    return ibis.cases(*branches) if branches else ibis.null("int64")


def placed(rows: ibis.Table, places: ibis.Table, arms: ibis.Table) -> ibis.Table:
    """The waits with numbers for names: `place`, `arm` and a `name` of their connection.

    `places` holds some of `WORKER_KEYS` (site "" if unknown), enough to tell the workers apart, and `place`,
    `worker_number`; `arms` some of `ARM_KEYS` and `arm`.
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
        "is_late": placed.is_late,
        "is_unanswered": placed.is_unanswered,
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
        n=_sum(moments, first),
        bad=_sum(moments, bad),
        timeouts=_sum(moments, first & moments.is_timeout),
        **{name: _sum(moments, first & (moments.explanation == number)) for name, number in NUMBER_OF.items()},
        auth_fresh=_sum(moments, first & moments.is_fresh),
        checked=_sum(moments, first & moments.is_checked),
        late=_sum(moments, first & moments.is_late),
        unanswered=_sum(moments, first & moments.is_unanswered),
        any_lag_bad=_sum(moments, bad & moments.has_any_lag),
        lag_null=_sum(moments, first & moments.has_no_lag),
        n_clean=_sum(moments, first & moments.is_clean),
        good=_sum(moments, good),
        good_lagged=_sum(moments, good & moments.has_lag),
        retries=_sum(moments, ~first),
        rescued=_sum(moments, ~first & ~moments.is_bad),
    )


def connections(marked: ibis.Table, places: ibis.Table, arms: ibis.Table) -> ibis.Table:
    """Distinct connections of each cell."""
    first = placed(marked.filter(_.retry == 0), places, arms)
    keys = ("place", "arm", "minute", "preface", "token_expired")
    return first.group_by(*keys).agg(connections=first.name.nunique())


def between(marked: ibis.Table, first_minute: int, last_minute: int) -> ibis.Table:
    """The rows scheduled in these minutes. Files are in the order of time, so that engines skip the others."""
    start, end = (datetime.fromtimestamp(m * MINUTE_S, UTC) for m in (first_minute, last_minute + 1))
    return marked.filter((_.scheduled_at >= start) & (_.scheduled_at < end))


def slots(plain: ibis.Table) -> ibis.Table:
    """G2: failures that are not the client's or the token's, in slots short enough for synchrony."""
    return plain.group_by("host", "platform", "site", "slot", "operation").agg(
        n=plain.n.sum(),
        bad=_sum(plain, plain.explanation.isin(OF_THE_TARGET)),
        residual=_sum(plain, plain.explanation == NUMBER_OF["residual"]),
    )


def instances(plain: ibis.Table) -> ibis.Table:
    """G3: the same by the server's instance, where it named one, and by who may be pinned to it."""
    known = plain.filter(_.server_instance.notnull())
    by = ("host", "platform", "minute", "client", "event_loop", "delay_us", "server_instance", "kind", "operation")
    return known.group_by(*by).agg(n=known.n.sum(), bad=_sum(known, known.explanation.isin(OF_THE_TARGET)))


def subjects(rows: ibis.Table) -> ibis.Table:
    """G4: connects by their ordinal among their subject's connects of the last `WINDOW_S`.

    A server counts every connect against a quota: retries, other arms and those that the run's end cut off
    have an ordinal too, though only the plain ones are counted here.
    """
    connects = rows.filter((_.kind == "connect") & _.subject.notnull() & _.started_us.notnull())
    # Only what is needed goes through the window: it sorts all that it is given.
    narrow = connects.select(
        "host",
        "platform",
        "subject",
        "started_us",
        bin=connects.second // WINDOW_S,
        is_counted=_is_plain(connects),
        is_explicit=connects.explanation == NUMBER_OF["explicit"],
    )
    trailing = ibis.range_window(group_by="subject", order_by="started_us", preceding=WINDOW_S * 1_000_000, following=0)
    ranked = narrow.mutate(ordinal=_step(narrow.count().over(trailing), ORDINAL_STEPS)).filter(_.is_counted)
    return ranked.group_by("host", "platform", "bin", "ordinal").agg(
        n=ranked.count(), explicit=_count(ranked.is_explicit)
    )


def _is_plain(rows: ibis.Table) -> Any:
    """Whether a row is compared: a wait that is a first try, without mitigation."""
    return rows.is_wait & (rows.retry == 0) & (rows.mitigation == "none")


def holds(rows: ibis.Table) -> ibis.Table:
    """G5: how long sessions stayed open, and whether it was the peer who ended them."""
    held = rows.filter((_.kind == "hold") & (_.mitigation == "none"))
    late_s = ibis.greatest(held.loop_lag_s.fill_null(0.0), held.loop_blocked_s.fill_null(0.0))
    by_peer = (
        (held.outcome == "failed")
        & (held.closed_by.fill_null("network") != "client")
        & ~held.cause.fill_null("").isin(CAUSES_OF_THE_GENERATOR)
        & (late_s < HOLD_LAG_S)
    )
    keyed = held.mutate(
        chunk_minute=held.minute,
        by_peer=by_peer,
        # The high bits of a linear congruential step (Knuth, TAOCP 2, 3.2.1): neighbours fall on either side.
        parity=(held.connection % 2**31 * 1_103_515_245 + 12_345) // 65_536 % 2,
        duration_bin=(held.duration_s / HOLD_BIN_S).floor().cast("int64"),
        idle_bin=(held.idle_s.clip(0.0, LONGEST_S) / HOLD_BIN_S).floor().cast("int64"),
    )
    keys = ("host", "platform", "chunk_minute", "by_peer", "parity", "duration_bin", "idle_bin")
    return keyed.group_by(*keys).agg(n=keyed.count())


def rtts(rows: ibis.Table) -> ibis.Table:
    """G6: histogram of the connects' round trips. Medians do not add up, their histograms do."""
    timed = rows.filter(_is_plain(rows) & (rows.kind == "connect") & rows.rtt_s.notnull())
    keyed = timed.mutate(rtt_us=_step(microseconds(timed.rtt_s), RTT_STEPS))
    return keyed.group_by("host", "platform", "delay_us", "rtt_us").agg(n=keyed.count())


def probes(rows: ibis.Table) -> ibis.Table:
    """The controls beside the sessions, in the slots of G2."""
    probed = rows.filter((_.kind == "probe") & (_.outcome != "aborted")).mutate(slot=_.second // SLOT_S)
    return probed.group_by("host", "platform", "site", "slot", "operation").agg(
        n=probed.count(), bad=_count(probed.is_bad)
    )


def mitigation_costs(rows: ibis.Table) -> ibis.Table:
    """Latencies of what went well (`latency_bin`), and what else was started (null)."""
    waits = rows.filter(_.is_wait)
    us = ibis.greatest(microseconds(waits.duration_s), 1)
    latency_bin = (us.cast("float64").log10() * LATENCY_BINS_PER_DECADE).floor().cast("int64")
    keyed = waits.mutate(latency_bin=waits.is_bad.ifelse(ibis.null("int64"), latency_bin))
    return keyed.group_by("host", "platform", "minute", "mitigation", "kind", "latency_bin").agg(n=keyed.count())


def _count(condition: Any) -> Any:
    return condition.ifelse(1, 0).sum().fill_null(0)


def _sum(moments: ibis.Table, condition: Any) -> Any:
    return condition.ifelse(moments.n, 0).sum().fill_null(0)


def _step(value: Any, steps: tuple[tuple[int, int], ...]) -> Any:
    """The lower edge of a whole number's bin; `steps` are (below, width), the last one open-ended."""
    closed = [(value < below, value // width * width) for below, width in steps[:-1]]
    return ibis.cases(*closed, else_=value // steps[-1][1] * steps[-1][1])
