"""The attempts made ready to be grouped: which rows are usable, explained, compared, or cut off by the run's end.

All functions map expressions to expressions; what a failure counts as is decided in `explain.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import ibis
from ibis import _

from analysis.reduction.explain import AUTH_PROBE_SCENARIO, explained, is_usable, microseconds

MINUTE_S: Final = 60

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
    "tcp_rtt_s",
    "tcp_bytes_in",
    "local_port",
    "trace_id",
)

WAITS: Final = ("connect", "exchange")


def prepared(rows: ibis.Table) -> ibis.Table:
    """Arms without nulls and with whole numbers, and whether a row is usable: the ground of all that follows."""
    return rows.drop(*UNREAD).mutate(
        retry=_.retry.fill_null(0),
        mitigation=_.mitigation.fill_null("none"),
        event_loop=_.event_loop.fill_null("unknown"),
        delay_us=microseconds(rows.delay_s),
        by_scenario=_.scenario.fill_null(""),
        usable=is_usable(rows),
        is_auth_probe=(rows.scenario == AUTH_PROBE_SCENARIO).fill_null(False),
    )


def marked(
    prepared: ibis.Table, ends: tuple[tuple[str, float], ...], all_usable: bool, by_scenario: bool
) -> ibis.Table:
    """The usable rows, explained, with their `minute`, and which of them are compared (`is_wait`) or cut (`is_cut`).

    An attempt that was scheduled so near its run's end that it could not have used up its own budget is cut: the
    slow ones among them were ended by the run's end, and only the quick ones would be counted. A wait is a connect
    or exchange that ended and is not cut. Auth probes are neither: they are refused by design.

    Args:
        prepared: As `prepared` gives them.
        ends: For each run the epoch second of its end.
        all_usable: All rows are known to be usable: a check that would have columns read that nothing else needs.
        by_scenario: Scenarios are kept apart.
    """
    rows = prepared if all_usable else prepared.filter(prepared.usable)
    rows = rows if by_scenario else rows.mutate(by_scenario=ibis.literal(""))
    rows = explained(rows.mutate(end_s=_end(rows, ends)))
    of_a_session = rows.kind.isin(WAITS) & ~rows.is_auth_probe
    ended = (rows.outcome != "aborted") & (rows.second < (rows.end_s - rows.budget_s).floor().cast("int64"))
    return rows.mutate(
        is_wait=(of_a_session & ended).fill_null(False),
        is_cut=(of_a_session & ~ended).fill_null(False),
        minute=rows.second // MINUTE_S,
    )


def _end(rows: ibis.Table, ends: tuple[tuple[str, float], ...]) -> Any:
    # Few runs, looked up in order: engines evaluate this once a name and not once a row.
    branches = [(rows.run_id == run, ibis.literal(second, "float64")) for run, second in ends]
    return ibis.cases(*branches) if branches else ibis.null("float64")


def between(marked: ibis.Table, first_minute: int, last_minute: int) -> ibis.Table:
    """The rows scheduled in these minutes. Files are in the order of time, so that engines skip the others."""
    start, end = (datetime.fromtimestamp(m * MINUTE_S, UTC) for m in (first_minute, last_minute + 1))
    return marked.filter((_.scheduled_at >= start) & (_.scheduled_at < end))


def since(marked: ibis.Table, second: int) -> ibis.Table:
    """The rows scheduled from a second on; as `between`."""
    return marked.filter(_.scheduled_at >= datetime.fromtimestamp(second, UTC))


def is_plain(rows: ibis.Table) -> Any:
    """Whether a row is compared: a wait that is a first try, without mitigation."""
    return rows.is_wait & is_first_try(rows)


def is_first_try(rows: ibis.Table) -> Any:
    """Whether a row is a first try without mitigation."""
    return (rows.retry == 0) & (rows.mitigation == "none")
