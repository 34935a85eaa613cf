"""From attempts to small tables: the group-bys of this room are run, and what they give is put in order.

The group-bys are Ibis expressions, so that DuckDB and Spark run the same ones. Every count is a sum over rows and every
key a whole number or a name, so that files and runs merge by adding. The size of a table depends on hosts, minutes and
arms, and not on the number of attempts. What a row counts as is decided in `explain.py`; the columns of each table are
listed in `tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import ibis
import pandas as pd

from analysis.reduction import connects, counts, exchanges, histograms, holds, marked_rows, samples, tokens
from analysis.reduction.always_fails import WHO, by_size, by_subject, looked_for, never_ok_of, what_always_fails
from analysis.reduction.census import budgets_of, census_of, counted_rows, ends_of, first_cut, first_seconds
from analysis.reduction.explain import contract_columns
from analysis.reduction.frames import empty_frame, sums_by
from analysis.reduction.histograms import arm_rtt, base_rtt, with_started
from analysis.reduction.keys import ARM_KEYS, CELL_KEYS, SIDE_KEYS, WORKER_KEYS
from analysis.reduction.places import numbered, places_of, telling
from analysis.reduction.queries import Named, Queries, Query, queries_on
from analysis.reduction.samples import one_in_how_many
from analysis.reduction.scenarios import scenarios_differ
from analysis.reduction.tables import Tables

# Distinct connections are counted in the run's first minutes, up to so many attempts: it is the only step whose
# memory would grow with the rows.
DISTINCT_ROWS: Final = 4_000_000
# So few rows are explained once and kept; of more, each query explains those that it reads.
KEPT_ROWS: Final = 300_000
# Sessions that were not ended before their time are counted in so many parts of the run, as errors are.
PARTS_OF_A_RUN: Final = 20


def reduce(attempts: ibis.Table, *, ends: Mapping[str, datetime] | None = None) -> Tables:
    """The small tables of the attempts, whatever their number.

    Attempts are the rows of kind connect and exchange that did not end with the run (`aborted`). First tries
    and retries are kept apart, and so are the arms of mitigation.

    Args:
        attempts: Rows of the contract (`source.open_attempts`). Nullable columns may be missing, unknown ones
            are ignored.
        ends: For each run, when it was to end, or ended if that was earlier (`run_end`). Attempts scheduled
            within their own budget before the end are compared with none (`Tables.cut`): the slow ones among them
            were cut off, and only the quick ones would be counted. Where a run's end is not given, and
            where its rows end earlier than that, the end is where its rows end.
    """
    with queries_on(attempts) as (queries, named):
        return _reduced(queries, named, ends or {})


def _reduced(queries: Queries, attempts: Named, ends: Mapping[str, datetime]) -> Tables:
    prepared = queries.view(prepared_attempts, attempts)
    census = census_of(queries.frame(counted_rows, prepared))
    by_scenario = scenarios_differ(census)
    if not by_scenario:
        census = census.assign(by_scenario="")
    ends_s = ends_of(census, ends)
    make = queries.kept if census["rows"].sum() <= KEPT_ROWS else queries.view
    marked = make(marked_rows.marked, prepared, tuple(ends_s.items()), not census["unusable"].any(), by_scenario)
    numbers, places = places_of(census)
    arms = numbered(census[census["is_wait"]], ARM_KEYS, "arm")
    by_worker = queries.table("workers", telling(numbers, WORKER_KEYS))
    by_arm = queries.table("arms", telling(arms, ARM_KEYS))
    one_in = one_in_how_many(census)
    sample = queries.kept(samples.sampled, marked, one_in)
    who, always = _who_and_always(queries, sample, census)
    if len(always) and one_in > 1:
        # They are named with their numbers, which must be all of them.
        _, always = _who_and_always(queries, queries.view(samples.sampled, marked, 1), census)
    placed = queries.view(counts.waits, marked, by_worker, by_arm, looked_for(always))
    fine = queries.kept(counts.moments, placed)
    names_of_places, names_of_arms = queries.table("places", places), queries.table("names_of_arms", arms)
    moments = queries.view(counts.named, fine, names_of_places, names_of_arms)
    cells = queries.frame(counts.cells, moments)
    counted = queries.frame(counts.connections, marked, by_worker, by_arm, _first_minutes(cells))
    cells = _with_connections(cells, counted, places, arms)
    instances = queries.frame(counts.instances, moments)
    rtts = queries.frame(histograms.rtts, marked)
    held = queries.kept(holds.held, marked)
    minutes_of_parts = {
        str(run): max(1, n // PARTS_OF_A_RUN) for run, n in cells.groupby("run_id")["minute"].nunique().items()
    }
    cut = queries.frame(counts.cut, marked, first_cut(census, ends_s))
    sessions = queries.frame(holds.sessions, held)
    totals = _totals(census, cells)
    notes = _notes(census, totals, lag_null=int(cells["lag_null"].sum()))

    def where(is_needed: bool, columns: str, query: Query, *given: Any) -> pd.DataFrame:
        """What a query gives that is one more look at every row, where there is something to see."""
        return queries.frame(query, *given) if is_needed else empty_frame(columns)

    clients = cells["client"] + "/" + cells["event_loop"]
    sides = (cells["platform"], clients, cells["delay_us"], instances["server_instance"])
    costs = where(
        bool((cells["mitigation"] != "none").any()),
        "host platform minute mitigation kind latency_bin n",
        histograms.mitigation_costs,
        marked,
    )
    return Tables(
        cells=cells,
        slots=queries.frame(counts.slots, moments),
        instances=instances,
        subjects=queries.frame(connects.subjects, marked),
        cut=cut,
        always=always,
        never_ok=never_ok_of(who["user"], census),
        factors=where(
            any(side.nunique() > 1 for side in sides),
            " ".join((*SIDE_KEYS, "factor level n bad connections")),
            samples.factors,
            sample,
        ),
        dealt=queries.frame(samples.dealt, sample, one_in),
        holds=queries.frame(holds.holds, held, tuple(minutes_of_parts.items())),
        reached=queries.frame(holds.reached, held),
        sessions=sessions,
        fresh_refusals=where(
            any(frame["auth_fresh"].any() for frame in (cells, cut, sessions)),
            "run_id kind n fresh sometimes",
            tokens.fresh_refusals,
            marked,
        ),
        credential_checks=where(
            bool(census["is_auth_probe"].any()), "host platform token_kind result n", tokens.credential_checks, marked
        ),
        mute=where(
            bool((cells["unanswered"] > cells["acknowledged"]).any()),
            "host platform is_mute operation n",
            exchanges.mute,
            marked,
        ),
        continued=where(
            bool((cells["residual"] > cells["late"]).any()),
            "host platform operation parity idle n died",
            exchanges.continued,
            marked,
        ),
        first_connects=queries.frame(connects.first_connects, marked, tuple(first_seconds(census).items())),
        idles=queries.frame(exchanges.idles, marked),
        base_rtt=base_rtt(cells, rtts),
        arm_rtt=arm_rtt(cells, rtts),
        loops=sums_by(cells[cells["mitigation"] == "none"], ["host", "platform"], ["good", "good_lagged"]),
        platform_instances=sums_by(instances, ["platform", "server_instance"], ["n"]),
        sites=sums_by(census, ["platform", "host", "site"], ["n"]),
        budgets=budgets_of(census),
        probes=queries.frame(counts.probes, marked),
        peers=where(bool(cells["on_way"].any()), "host platform site peer_address n on_way", counts.peers, marked),
        mitigation_costs=with_started(costs) if len(costs) else costs,
        totals=totals,
        notes=notes,
    )


def prepared_attempts(attempts: ibis.Table) -> ibis.Table:
    """The rows of the contract, prepared (`marked_rows.prepared`)."""
    return marked_rows.prepared(contract_columns(attempts))


def _who_and_always(
    queries: Queries, sample: Named, census: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The attempts and failures of each user, and of each scenario; and what of them always fails."""
    who = {what: queries.frame(by_subject, sample, column) for what, column in WHO.items()}
    return who, what_always_fails(who, queries.frame(by_size, sample), census)


def _first_minutes(cells: pd.DataFrame) -> tuple[int, int] | None:
    """The first and the last of the minutes that hold `DISTINCT_ROWS` attempts; None: all do not hold so many."""
    by_minute = cells.groupby("minute")["n"].sum()
    if by_minute.sum() <= DISTINCT_ROWS:
        return None
    enough = int(by_minute.cumsum().searchsorted(DISTINCT_ROWS))
    return int(by_minute.index[0]), int(by_minute.index[enough])


def _with_connections(
    cells: pd.DataFrame, counted: pd.DataFrame, places: pd.DataFrame, arms: pd.DataFrame
) -> pd.DataFrame:
    """Add `connections`: as counted, and beyond the minutes that were, by its arm's attempts a connection."""
    by_name = counted.merge(places, on="place").merge(arms, on="arm")[[*CELL_KEYS, "connections"]]
    cells = cells.merge(by_name, how="left", on=list(CELL_KEYS), validate="one_to_one")
    is_counted = cells["connections"].notna() | (cells["n"] == 0)
    known = sums_by(cells[is_counted], list(ARM_KEYS), ["connections", "n"])
    ratio = cells[list(ARM_KEYS)].merge(known, how="left", on=list(ARM_KEYS))
    estimate = (cells["n"] * (ratio["connections"] / ratio["n"]).fillna(1.0)).round().clip(lower=1)
    return cells.assign(connections=cells["connections"].fillna(estimate.where(~is_counted, 0)).astype("int64"))


def _totals(census: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    attempts = int(cells["n"].sum())
    counts = {
        "attempts": attempts,
        "rows": int(census["rows"].sum()),
        "timeouts": int(cells["timeouts"].sum()),
        "aborted": int(census["aborted"].sum()),
        "dropped_tail": int(census["n"].sum()) - attempts,
        "retries": int(census["retries"].sum()),
        "hosts": int(cells["host"].nunique()),
        "first_minute": cells["minute"].min(),
        "last_minute": cells["minute"].max(),
        "simulated": int(census["simulated"].sum()),
    }
    return pd.DataFrame({name: [value] for name, value in counts.items()})


def _notes(census: pd.DataFrame, totals: pd.DataFrame, *, lag_null: int) -> tuple[str, ...]:
    """What was left out, in sentences; what is missing or there twice is `analysis.runs.accounting`'s to say."""
    total = totals.iloc[0]
    counted = (
        (census["unusable"].sum(), "rows were left out: without run, place, time, arm, budget or outcome"),
        (census["unknown_kind"].sum(), "rows were left out: their kind is not one of the contract's"),
        (
            total["dropped_tail"],
            "attempts are in no claim: they began too near their run's end for their budget",
        ),
        (total["aborted"], "attempts were still waiting when their run ended, and count neither way"),
        (total["retries"], "attempts are second tries, or of sessions that a second try opened: they are in no claim"),
        (lag_null, f"of {total['attempts']} attempts have no measured event-loop lag"),
        (total["simulated"], "rows carry a platform that is a label put on for a rehearsal"),
    )
    return tuple(f"{int(count):,} {sentence}." for count, sentence in counted if count)
