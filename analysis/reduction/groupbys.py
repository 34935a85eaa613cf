"""The group-bys G1 to G6 of the method, as Ibis expressions: DuckDB and Spark run the same ones.

Every count is a sum over rows and every key a whole number or a name, so that files and runs merge by
adding. Rows are grouped once, finely (`moments`); what the claims read is grouped from that. All functions map
expressions to expressions; `reduce.py` runs them, and numbers the places and arms that they are joined with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import ibis
from ibis import _, selectors

from analysis.reduction.explain import (
    ACCEPTED,
    AUTH_PROBE_SCENARIO,
    CAUSES_OF_FORMAT,
    CAUSES_OF_THE_GENERATOR,
    CLOCK_LEEWAY_S,
    ENDS_BY_ANSWER,
    LONGEST_S,
    NUMBER_OF,
    explained,
    is_usable,
    microseconds,
)
from analysis.reduction.log_bins import LATENCY_BINS_PER_DECADE, log_bin
from analysis.reduction.thresholds import ABNORMAL_CLOSURE, ALWAYS_RATIO

MINUTE_S: Final = 60
SLOT_S: Final = 10
# A quota's sliding window, and the bins in which its subjects are compared.
WINDOW_S: Final = 300
HOLD_BIN_S: Final = 0.5
# (below, width) in these bins, of sessions that were not ended before their time: of them it is only asked whether
# they reached a limit, which is met within a second and 2 % (`session_limits`). Steps are of 1 %, from 1,000 s of 2 %.
HOLD_STEPS: Final = ((200, 1), (400, 2), (1_000, 4), (2_000, 10), (7_200, 40), (0, 120))
# The shortest keepalive in the field is 20 s: a loop that stood still for half of it may itself have cost
# the session, so that its end is no word about the server's limits.
HOLD_LAG_S: Final = 10.0
# (below, width) of bins: exact where it matters, 1 % or better beyond, the last one open-ended.
RTT_STEPS: Final = ((10_000, 10), (100_000, 100), (1_000_000, 1_000), (0, 10_000))
# Known quotas are 5 and 20: exact there, and a subject that connects all the time cannot blow the table up.
ORDINAL_STEPS: Final = ((32, 1), (128, 8), (1_024, 64), (0, 1_024))
# (below, width) in seconds of the time a connection was idle before a request: proxies and firewalls forget idle
# connections after times between seconds and an hour.
IDLE_STEPS: Final = ((10, 1), (60, 5), (600, 20), (0, 120))
# How far into a run its first connects are looked at, second by second.
FIRST_S: Final = 60
# Failures of one connection, of one kind, are fewer than this.
PACKED: Final = 2**20
# What of a user's attempts may always fail, besides single operations, and the kind of it.
PARTS: Final = {"connects": "connect", "exchanges": "exchange"}
# A server looks at a token within a second or two; after so many it has let the session in.
LET_IN_S: Final = 10.0
# So many requests of a connection in a row, and none answered after them, are no coincidence any more.
MUTE_LEAST: Final = 3
# A worker's connections, made a number of their own: no worker opens as many as 2^40.
CONNECTIONS_OF_A_WORKER: Final = 2**40

# Columns that no table here is made of. Ibis writes every column into every query, and that takes longer
# than DuckDB takes to answer it on a short run.
UNREAD: Final = (
    "seq",
    "user",
    "server_connection_id",
    "platform_detail",
    "started_at",
    "errno",
    "detail",
    "dns_s",
    "tcp_s",
    "tls_s",
    "upgrade_s",
    "welcome_s",
    "startup_complete",
    "frames_out",
    "bytes_in",
)

WAITS: Final = ("connect", "exchange")
OF_THE_TARGET: Final = (NUMBER_OF["explicit"], NUMBER_OF["residual"])

WORKER_KEYS: Final = ("run_id", "worker", "host", "platform", "site")
PLACE_KEYS: Final = ("run_id", "host", "platform", "site")
ARM_KEYS: Final = ("client", "event_loop", "delay_us", "mitigation", "kind", "operation")
# Before the names of the columns that hold levels of factors.
LEVEL: Final = "level_"
# What may be compared: platforms, clients, delays, instances, each on its hosts.
SIDE_KEYS: Final = ("host", "platform", "client", "event_loop", "delay_us", "server_instance")
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
    "is_unasked",
    "is_late",
    "is_unanswered",
    "is_always",
)


def prepared(rows: ibis.Table) -> ibis.Table:
    """Arms without nulls and with whole numbers, and whether a row is usable: the ground of all that follows."""
    return rows.drop(*UNREAD).mutate(
        retry=_.retry.fill_null(0),
        mitigation=_.mitigation.fill_null("none"),
        event_loop=_.event_loop.fill_null("unknown"),
        delay_us=microseconds(rows.delay_s),
        usable=is_usable(rows),
        is_auth_probe=(rows.scenario == AUTH_PROBE_SCENARIO).fill_null(False),
    )


def census(prepared: ibis.Table) -> ibis.Table:
    """Who wrote what: rows of each worker, arm and operation, the last sign of life."""
    keyed = prepared.mutate(is_aborted=(_.outcome == "aborted").fill_null(False), is_first=_.retry == 0)
    last_s = ibis.coalesce(keyed.started_us, keyed.scheduled_us) / 1e6 + keyed.duration_s
    return keyed.group_by(*WORKER_KEYS, *ARM_KEYS, "usable", "is_aborted", "is_first", "is_auth_probe").agg(
        rows=keyed.count(),
        simulated=_count(keyed.simulated.fill_null(False)),
        budget_s=keyed.budget_s.max(),
        least_budget_s=keyed.budget_s.min(),
        last_s=last_s.max(),
        first_s=(keyed.scheduled_us // 1_000_000).min(),
    )


def marked(prepared: ibis.Table, *, ends: dict[str, float], all_usable: bool) -> ibis.Table:
    """The usable rows, explained, with their `minute`, and which of them are compared (`is_wait`) or cut (`is_cut`).

    An attempt that was scheduled so near its run's end that it could not have used up its own budget is cut: the
    slow ones among them were ended by the run's end, and only the quick ones would be counted. A wait is a connect
    or exchange that ended and is not cut. Auth probes are neither: they are refused by design.

    Args:
        prepared: As `prepared` gives them.
        ends: For each run the epoch second of its end.
        all_usable: All rows are known to be usable: a check that would have columns read that nothing else needs.
    """
    rows = prepared if all_usable else prepared.filter(prepared.usable)
    rows = explained(rows.mutate(end_s=_end(rows, ends)))
    of_a_session = rows.kind.isin(WAITS) & ~rows.is_auth_probe
    ended = (rows.outcome != "aborted") & (rows.second < (rows.end_s - rows.budget_s).floor().cast("int64"))
    return rows.mutate(
        is_wait=(of_a_session & ended).fill_null(False),
        is_cut=(of_a_session & ~ended).fill_null(False),
        minute=rows.second // MINUTE_S,
    )


def by_subject(plain: ibis.Table, column: str) -> ibis.Table:
    """Compared waits (as sampled) of each user by operation, failures, and how many of them anybody would have failed.

    Args:
        plain: As sampled.
        column: Who is asked: "subject", or the "scenario" that they ran.

    Returns:
        (platform, subject, kind, operation, n, bad, expected): `expected` sums, over the attempts, the share of the
        platform's attempts of that kind and minute that failed.
    """
    by_minute = plain.group_by("platform", "kind", "minute").agg(share=plain.is_bad.cast("float64").mean())
    named = plain.mutate(subject=plain[column])
    known = named.filter(named.subject.notnull()).inner_join(by_minute, ["platform", "kind", "minute"])
    return known.group_by("platform", "subject", "kind", "operation").agg(
        n=known.count(), bad=_count(known.is_bad), expected=known.share.sum()
    )


def by_size(plain: ibis.Table) -> ibis.Table:
    """Exchanges (as sampled) and failures of each operation by the size of the request, in bins that double."""
    keyed = plain.filter((plain.kind == "exchange") & plain.bytes_out.notnull()).mutate(size=_size)
    return keyed.group_by("platform", "operation", "size").agg(n=keyed.count(), bad=_count(keyed.is_bad))


def _size(rows: ibis.Table) -> Any:
    return ibis.greatest(rows.bytes_out, 1).cast("float64").log2().floor().cast("int64")


def with_always(
    marked: ibis.Table, subjects: Mapping[tuple[str, str, str], Sequence[str]], sizes: Sequence[tuple[str, str, int]]
) -> ibis.Table:
    """The rows, each with whether it belongs to what always fails (`is_always`).

    Args:
        marked: As marked.
        subjects: For each column ("subject", "scenario"), platform and part ("" is all; "connects", "exchanges"; or the
            operation of an exchange) the users, or scenarios, whose attempts always fail there.
        sizes: Platforms and operations, each with the bin of sizes from which on its requests always fail.
    """
    is_always = ibis.literal(False)
    for (column, platform, part), names in subjects.items():
        is_theirs = (marked.platform == platform) & marked[column].isin(list(names))
        if part in PARTS:
            is_theirs = is_theirs & (marked.kind == PARTS[part])
        elif part:
            is_theirs = is_theirs & (marked.kind == "exchange") & (marked.operation == part)
        is_always = is_always | is_theirs.fill_null(False)
    for platform, operation, size in sizes:
        is_asked = (marked.platform == platform) & (marked.operation == operation) & (marked.kind == "exchange")
        is_always = is_always | (is_asked & (_size(marked) >= int(size))).fill_null(False)
    return marked.mutate(is_always=is_always)


def _end(rows: ibis.Table, ends: dict[str, float]) -> Any:
    # Few runs, looked up in order: engines evaluate this once a name and not once a row.
    branches = [(rows.run_id == run, ibis.literal(second, "float64")) for run, second in ends.items()]
    return ibis.cases(*branches) if branches else ibis.null("float64")


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
        n=_sum(moments, first),
        bad=_sum(moments, bad),
        timeouts=_sum(moments, first & moments.is_timeout),
        **{name: _sum(moments, first & (moments.explanation == number)) for name, number in NUMBER_OF.items()},
        auth_fresh=_sum(moments, first & moments.is_fresh),
        checked=_sum(moments, first & moments.is_checked),
        unasked=_sum(moments, first & moments.is_unasked),
        late=_sum(moments, first & moments.is_late),
        unanswered=_sum(moments, first & moments.is_unanswered),
        said_no=_sum(moments, first & moments.explanation.isin(OF_THE_TARGET) & ~moments.is_timeout),
        n_always=_sum(moments, first & moments.is_always),
        bad_always=_sum(moments, bad & moments.is_always),
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


def cut(marked: ibis.Table) -> ibis.Table:
    """What the run's end cut off, by the keys of G1: refusals that carry their cause were complete when they came."""
    first = marked.filter(_.is_cut & (_.retry == 0))
    rows = first.mutate(name=first.worker.concat("/", first.connection.cast("string")))
    is_auth = rows.explanation == NUMBER_OF["auth"]
    return rows.group_by(*CELL_KEYS).agg(
        n=rows.count(),
        connections=rows.name.nunique(),
        auth=_count(is_auth),
        auth_fresh=_count(is_auth & rows.token_fresh),
        format=_count(rows.explanation == NUMBER_OF["format"]),
        explicit=_count(rows.explanation == NUMBER_OF["explicit"]),
    )


def dealt(sample: ibis.Table, one_in: int) -> ibis.Table:
    """Sums over connections by what was dealt to them: the sample of a comparison of arms or instances.

    A session of a day is one connection: the table grows with arms and hosts, not with connections. Failures are
    counted in five ways (`dealt.VARIANTS`); `m` connections, `n` attempts and `nn` the sum of their squares; of each
    way `x` failures, `nx` the sum of attempts times failures, and `xx` that of their squares.

    Args:
        sample: As sampled.
        one_in: How many connections there are to one of the sample; the sums are so many times as large.
    """
    rows = sample.filter(_.is_clean)
    residual = rows.explanation == NUMBER_OF["residual"]
    # What is seldom in one sum: one group for each connection is what this table costs.
    single = rows.group_by(*SIDE_KEYS, "kind", "run_id", "worker", "connection").agg(
        n=rows.count(),
        silent=_count(residual),
        others=(
            (residual & rows.is_unanswered).ifelse(1, 0)
            + (rows.explanation == NUMBER_OF["explicit"]).ifelse(PACKED, 0)
            + rows.explanation.isin([NUMBER_OF["auth"], NUMBER_OF["format"]]).ifelse(PACKED**2, 0)
        ).sum(),
    )
    mute, said, ours = (single.others // PACKED**power % PACKED for power in range(3))
    counts = {
        "n": single.n,
        "unexplained": single.silent - mute,
        "silent": single.silent,
        "said": single.silent - mute + said,
        "both": single.silent + said,
        "everything": single.silent + said + ours,
    }
    ways = [name for name in counts if name != "n"]
    single = single.select(*SIDE_KEYS, "kind", **{name: value.cast("float64") for name, value in counts.items()})
    sums = {"m": single.count(), "n": single.n.sum(), "nn": (single.n * single.n).sum()}
    for name in ways:
        x = single[name]
        sums |= {f"x_{name}": x.sum(), f"nx_{name}": (single.n * x).sum(), f"xx_{name}": (x * x).sum()}
    whole = {name: value * one_in for name, value in sums.items()}
    return single.group_by(*(name for name in SIDE_KEYS if name != "server_instance"), "kind", "server_instance").agg(
        **whole
    )


def sampled(marked: ibis.Table, one_in: int, levels: Mapping[str, Callable[[Any], Any]]) -> ibis.Table:
    """The compared waits of one connection in so many, drawn by its number, and what of them may differ.

    Shares of attempts need no more than a sample; a connection is taken as a whole, since its attempts are alike.

    Args:
        marked: As marked.
        one_in: How many connections there are to one that is taken; 1 = all.
        levels: Of each factor by name, what is compared (`factors.FACTORS`); returned with `LEVEL` before the name.
    """
    rows = _drawn(marked.filter(_is_plain(marked)), one_in)
    names = (
        "run_id",
        "worker",
        "connection",
        "subject",
        "scenario",
        "kind",
        "operation",
        "minute",
        "is_clean",
        "is_unanswered",
        "explanation",
        "is_bad",
        "bytes_out",
    )
    levelled = {f"{LEVEL}{name}": level(rows).cast("string") for name, level in levels.items()}
    return rows.select(*SIDE_KEYS, *names, **levelled)


def _drawn(rows: ibis.Table, one_in: int) -> ibis.Table:
    """The rows of one connection in so many, by a hash of its number."""
    if one_in == 1:
        return rows
    return rows.filter((_.connection % 2**31 * 1_103_515_245 + 12_345) // 65_536 % one_in == 0)


def factors(sample: ibis.Table, *, drawn: Sequence[str]) -> ibis.Table:
    """Attempts and failures by each thing that may differ between sides that are compared (`factors.FACTORS`).

    In one query: on a short run it is the planning of queries that takes time.

    Args:
        sample: As sampled; a level of null = not recorded.
        drawn: Factors whose connections are counted, too.
    """
    long = sample.pivot_longer(
        selectors.startswith(LEVEL),
        names_to="factor",
        values_to="level",
        names_transform=lambda name: name.removeprefix(LEVEL),
    )
    known = long.filter(long.level.notnull())
    of_one = ibis.struct({name: known[name] for name in ("run_id", "worker", "connection")})
    return known.group_by(*SIDE_KEYS, "factor", "level").agg(
        n=known.count(),
        bad=_count(known.explanation.isin(OF_THE_TARGET)),
        connections=known.factor.isin(list(drawn)).ifelse(of_one, None).nunique(),
    )


def between(marked: ibis.Table, first_minute: int, last_minute: int) -> ibis.Table:
    """The rows scheduled in these minutes. Files are in the order of time, so that engines skip the others."""
    start, end = (datetime.fromtimestamp(m * MINUTE_S, UTC) for m in (first_minute, last_minute + 1))
    return marked.filter((_.scheduled_at >= start) & (_.scheduled_at < end))


def since(marked: ibis.Table, second: int) -> ibis.Table:
    """The rows scheduled from a second on; as `between`."""
    return marked.filter(_.scheduled_at >= datetime.fromtimestamp(second, UTC))


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
    exact = {name: _sum(known, known.explanation == NUMBER_OF[name]) for name in ("auth", "format", "explicit")}
    return known.group_by(*by).agg(
        n=known.n.sum(),
        bad=_sum(known, known.explanation.isin(OF_THE_TARGET)),
        auth_fresh=_sum(known, known.is_fresh),
        unanswered=_sum(known, known.is_unanswered),
        **exact,
    )


def subjects(rows: ibis.Table) -> ibis.Table:
    """G4: connects by their ordinal among their subject's connects of the last `WINDOW_S`.

    A server counts every connect against a quota: retries, other arms and those that the run's end cut off
    have an ordinal too, though only the plain ones that ended are counted here. The run's tail is among them: a
    refusal is complete when it comes.
    """
    connects = rows.filter((_.kind == "connect") & _.subject.notnull() & _.started_us.notnull())
    # Only what is needed goes through the window: it sorts all that it is given.
    narrow = connects.select(
        "host",
        "platform",
        "subject",
        "started_us",
        bin=connects.second // WINDOW_S,
        is_counted=(connects.is_wait | (connects.is_cut & (connects.outcome != "aborted"))) & _is_first(connects),
        is_explicit=connects.explanation == NUMBER_OF["explicit"],
    )
    trailing = ibis.range_window(group_by="subject", order_by="started_us", preceding=WINDOW_S * 1_000_000, following=0)
    ranked = narrow.mutate(ordinal=_step(narrow.count().over(trailing), ORDINAL_STEPS)).filter(_.is_counted)
    return ranked.group_by("host", "platform", "bin", "ordinal").agg(
        n=ranked.count(), explicit=_count(ranked.is_explicit)
    )


def _is_plain(rows: ibis.Table) -> Any:
    """Whether a row is compared: a wait that is a first try, without mitigation."""
    return rows.is_wait & _is_first(rows)


def _is_first(rows: ibis.Table) -> Any:
    return (rows.retry == 0) & (rows.mitigation == "none")


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
    in_exchange = asked.group_by(*name).agg(answers=_count(is_answer))
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
        is_refused=_is_refused(held),
        is_fresh=_is_fresh_at_end(held),
        is_said=held.close_code.fill_null(ABNORMAL_CLOSURE) != ABNORMAL_CLOSURE,
        # The high bits of a linear congruential step (Knuth, TAOCP 2, 3.2.1): neighbours fall on either side.
        parity=(held.connection % 2**31 * 1_103_515_245 + 12_345) // 65_536 % 2,
        duration_bin=_hold_bin(held.duration_s),
        idle_bin=_hold_bin(held.idle_s),
        silence_bin=_hold_bin(ibis.greatest(held.longest_silence_s, held.idle_s)),
        # Floats of whole numbers: pandas reads a null of either engine as NaN, where Spark's null integer is an object.
        end_s=(held.scheduled_us / 1e6 + held.duration_s).floor().cast("float64"),
        close_code=held.close_code.cast("float64"),
    )


def holds(held: ibis.Table, *, minutes: Mapping[str, int]) -> ibis.Table:
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

    length = ibis.cases(*((held.run_id == run, long) for run, long in minutes.items()), else_=1) if minutes else 1
    part = (held.parity == 1).ifelse(held.minute // length * length, ibis.null("int64"))
    silence = held.idle_bin.isnull().ifelse(ibis.null("int64"), _step(held.silence_bin, HOLD_STEPS))
    keyed = held.select(
        "host",
        "platform",
        told.ifelse(held.minute, part).cast("float64").name("chunk_minute"),
        "by_peer",
        "died",
        "parity",
        duration_bin=told.ifelse(held.duration_bin, _step(held.duration_bin, HOLD_STEPS)),
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
        keyed = spared.select(*arm, of=ibis.literal(of), bin=_step(value, HOLD_STEPS)).filter(_.bin.notnull())
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
        auth=_count(first.is_refused),
        auth_fresh=_count(first.is_refused & first.is_fresh),
        explicit=_count(first.failed & is_said),
        format=_count(first.failed & first.cause.isin(CAUSES_OF_FORMAT)),
        failed=_count(first.failed),
    )


def _is_refused(rows: ibis.Table) -> Any:
    return ((rows.outcome == "failed") & (rows.cause == "auth_rejected")).fill_null(False)


def _is_fresh_at_end(rows: ibis.Table) -> Any:
    """Whether a token was far from its expiry when its attempt ended, and not only when it began."""
    return (rows.token_ttl_s - rows.token_age_s - rows.duration_s > CLOCK_LEEWAY_S).fill_null(False)


def fresh_refusals(rows: ibis.Table) -> ibis.Table:
    """Refusals of tokens that were far from their expiry, by whether their user was let in at other times.

    Who is always refused has a wrong token; who is refused now and then meets a check that fails.
    """
    asked = rows.filter(
        _.kind.isin(["connect", "hold"])
        & ~_.is_auth_probe
        & (_.retry == 0)
        & (_.mitigation == "none")
        # A session that the run's end cut off was let in, if it had lived long enough to be refused.
        & ((_.outcome != "aborted") | ((_.kind == "hold") & (_.duration_s >= LET_IN_S)))
    )
    fresh = _is_refused(asked) & _is_fresh_at_end(asked)
    by = asked.group_by("run_id", "kind", "subject").agg(n=asked.count(), fresh=_count(fresh))
    sometimes = (by.fresh < ALWAYS_RATIO * by.n).ifelse(by.fresh, 0)
    return by.group_by("run_id", "kind").agg(n=by.n.sum(), fresh=by.fresh.sum(), sometimes=sometimes.sum())


def credential_checks(rows: ibis.Table) -> ibis.Table:
    """What became of the tokens that had to be refused, by the way in which they were broken."""
    probes = rows.filter(_.is_auth_probe & (_.kind == "connect") & (_.outcome != "aborted"))
    result = ibis.cases(
        (probes.outcome == "ok", "refused"),
        (probes.cause == ACCEPTED, "accepted"),
        else_="not checked",
    )
    return (
        probes.mutate(token_kind=probes.token_kind.fill_null("broken"), result=result)
        .group_by("host", "platform", "token_kind", "result")
        .agg(n=_.count())
    )


def mute(rows: ibis.Table) -> ibis.Table:
    """Requests that went unanswered behind answered pings, by operation, on connections that are mute or not.

    A connection is mute if it had answered, then left its last `MUTE_LEAST` requests or more unanswered, and answered
    none after the first of these. One line a (host, platform, mute, operation); the one without an operation counts
    the connections.
    """
    asked = rows.filter(_.is_wait & (_.kind == "exchange"))
    at = asked.mutate(
        ok_us=(asked.outcome == "ok").ifelse(asked.scheduled_us, ibis.null("int64")),
        silent_us=asked.is_unanswered.ifelse(asked.scheduled_us, ibis.null("int64")),
    )
    name = ("run_id", "worker", "host", "platform", "connection")
    by = at.group_by(*name).agg(
        last_ok_us=at.ok_us.max(), first_silent_us=at.silent_us.min(), silent=at.silent_us.count()
    )
    struck = by.filter(by.silent > 0)
    is_mute = (struck.silent >= MUTE_LEAST) & (struck.last_ok_us < struck.first_silent_us)
    struck = struck.mutate(is_mute=is_mute.fill_null(False)).select(*name, "is_mute")
    silent = at.filter(at.is_unanswered).join(struck, name)
    of_operations = silent.group_by("host", "platform", "is_mute", "operation").agg(n=silent.count())
    of_connections = struck.group_by("host", "platform", "is_mute").agg(n=struck.count())
    return ibis.union(of_operations, of_connections.mutate(operation=ibis.literal("")).select(of_operations.columns))


def first_connects(rows: ibis.Table, first_s: dict[str, int]) -> ibis.Table:
    """Connects by the second since their run's first one, up to `FIRST_S`; all later ones are in that second."""
    connects = rows.filter(_is_plain(rows) & (rows.kind == "connect"))
    branches = [(connects.run_id == run, ibis.literal(second, "int64")) for run, second in first_s.items()]
    since = (connects.second - (ibis.cases(*branches) if branches else ibis.null("int64"))).clip(0, FIRST_S)
    keyed = connects.mutate(since_s=since)
    bad = keyed.explanation.isin(OF_THE_TARGET)
    return keyed.group_by("run_id", "host", "platform", "since_s").agg(n=keyed.count(), bad=_count(bad))


def idles(rows: ibis.Table) -> ibis.Table:
    """Exchanges by how long their connection had been idle (whole seconds, `IDLE_STEPS`): `bad` died in silence."""
    asked = rows.filter(_is_plain(rows) & (rows.kind == "exchange") & rows.idle_s.notnull())
    idle = _step(asked.idle_s.clip(0.0, LONGEST_S).floor().cast("int64"), IDLE_STEPS)
    parity = (asked.connection % 2**31 * 1_103_515_245 + 12_345) // 65_536 % 2
    keyed = asked.mutate(idle=idle, parity=parity)
    died = (keyed.explanation == NUMBER_OF["residual"]) & ~keyed.is_unanswered
    return keyed.group_by("host", "platform", "parity", "idle").agg(n=keyed.count(), bad=_count(died))


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
    latency_bin = log_bin(microseconds(waits.duration_s), LATENCY_BINS_PER_DECADE)
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
