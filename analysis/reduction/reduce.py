"""From attempts to small tables: the group-bys of this room are run, and what they give is put in order.

The group-bys are Ibis expressions, so that DuckDB and Spark run the same ones. Every count is a sum over rows and every
key a whole number or a name, so that files and runs merge by adding. The size of a table depends on hosts, minutes and
arms, and not on the number of attempts. What a row counts as is decided in `explain.py`; the columns of each table are
listed in `tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import ibis
import pandas as pd

from analysis.reduction import connects, counts, exchanges, histograms, holds, marked_rows, samples, tokens
from analysis.reduction.always_fails import counts_of_who, never_ok_of, what_always_fails, with_always
from analysis.reduction.census import budgets_of, census_of, ends_of, first_cut, first_seconds
from analysis.reduction.explain import contract_columns
from analysis.reduction.factors import FACTORS
from analysis.reduction.frames import empty_frame, frame_of, sums_by
from analysis.reduction.histograms import arm_rtt, base_rtt, costs_of_mitigation
from analysis.reduction.keys import ARM_KEYS, CELL_KEYS, SIDE_KEYS, WORKER_KEYS
from analysis.reduction.names import Names
from analysis.reduction.places import numbered, places_of, telling
from analysis.reduction.samples import one_in_how_many
from analysis.reduction.scenarios import scenarios_differ
from analysis.reduction.tables import Tables

# Distinct connections are counted in the run's first minutes, up to so many attempts: it is the only step whose
# memory would grow with the rows.
DISTINCT_ROWS: Final = 4_000_000
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
    with Names(attempts.get_backend()) as names:
        return _reduced(attempts, names, ends or {})


def _reduced(attempts: ibis.Table, names: Names, ends: Mapping[str, datetime]) -> Tables:
    prepared = names.view(marked_rows.prepared(contract_columns(attempts)))
    census = census_of(prepared)
    if not scenarios_differ(census):
        prepared, census = prepared.mutate(by_scenario=ibis.literal("")), census.assign(by_scenario="")
    all_usable = not census["unusable"].any()
    ends_s = ends_of(census, ends)
    marked = names.view(marked_rows.marked(prepared, ends=ends_s, all_usable=all_usable))
    numbers, places = places_of(census)
    arms = numbered(census[census["is_wait"]], ARM_KEYS, "arm")
    by_worker, by_arm = (ibis.memtable(telling(*t)) for t in ((numbers, WORKER_KEYS), (arms, ARM_KEYS)))
    sample = _sample(marked, names, census)
    who = counts_of_who(sample)
    always = what_always_fails(sample, who, census)
    if len(always) and one_in_how_many(census) > 1:
        # They are named with their numbers, which must be all of them.
        everything = samples.sampled(marked, 1, {})
        always = what_always_fails(everything, counts_of_who(everything), census)
    placed = names.view(counts.placed(with_always(marked, always), by_worker, by_arm))
    fine = names.kept(counts.moments(placed))
    names_of_places, names_of_arms = ibis.memtable(places), ibis.memtable(arms)
    moments = names.view(counts.named(fine, names_of_places, names_of_arms))
    cells = frame_of(counts.cells(moments))
    counted = counts.connections(_slice(marked, cells), by_worker, by_arm)
    cells = _with_connections(cells, frame_of(counted), places, arms)
    plain = moments.filter(moments.is_first & (moments.mitigation == "none"))
    instances = frame_of(counts.instances(plain))
    rtts = frame_of(histograms.rtts(marked))
    held = names.kept(holds.held(marked))
    minutes_of_parts = {
        str(run): max(1, n // PARTS_OF_A_RUN) for run, n in cells.groupby("run_id")["minute"].nunique().items()
    }
    cut = frame_of(counts.cut(marked_rows.since(marked, first_cut(census, ends_s))))
    sessions = frame_of(holds.sessions(held))
    totals = _totals(census, cells)
    notes = _notes(census, totals, lag_null=int(cells["lag_null"].sum()))
    return Tables(
        cells=cells,
        slots=frame_of(counts.slots(plain)),
        instances=instances,
        subjects=frame_of(connects.subjects(marked)),
        cut=cut,
        always=always,
        never_ok=never_ok_of(who["user"], census),
        factors=_factors(sample, cells, instances),
        dealt=frame_of(samples.dealt(sample, one_in_how_many(census))),
        holds=frame_of(holds.holds(held, minutes=minutes_of_parts)),
        reached=frame_of(holds.reached(held)),
        sessions=sessions,
        fresh_refusals=_fresh_refusals(marked, cells, cut, sessions),
        credential_checks=_credential_checks(marked, census),
        mute=_mute(marked, cells),
        continued=_continued(marked, cells),
        first_connects=frame_of(connects.first_connects(marked, first_seconds(census))),
        idles=frame_of(exchanges.idles(marked)),
        base_rtt=base_rtt(cells, rtts),
        arm_rtt=arm_rtt(cells, rtts),
        loops=sums_by(cells[cells["mitigation"] == "none"], ["host", "platform"], ["good", "good_lagged"]),
        platform_instances=sums_by(instances, ["platform", "server_instance"], ["n"]),
        sites=sums_by(census, ["platform", "host", "site"], ["n"]),
        budgets=budgets_of(census),
        probes=frame_of(counts.probes(marked)),
        peers=_peers(marked, cells),
        mitigation_costs=costs_of_mitigation(marked, cells),
        totals=totals,
        notes=notes,
    )


def _slice(marked: ibis.Table, cells: pd.DataFrame) -> ibis.Table:
    """All rows, or those of the first minutes that hold `DISTINCT_ROWS` attempts."""
    by_minute = cells.groupby("minute")["n"].sum()
    if by_minute.sum() <= DISTINCT_ROWS:
        return marked
    enough = int(by_minute.cumsum().searchsorted(DISTINCT_ROWS))
    return marked_rows.between(marked, int(by_minute.index[0]), int(by_minute.index[enough]))


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


def _sample(marked: ibis.Table, names: Names, census: pd.DataFrame) -> ibis.Table:
    """The waits that shares of attempts are taken from, with the levels of the factors."""
    levels = {factor.name: factor.level for factor in FACTORS}
    return names.kept(samples.sampled(marked, one_in_how_many(census), levels))


def _factors(sample: ibis.Table, cells: pd.DataFrame, instances: pd.DataFrame) -> pd.DataFrame:
    """Only where there are two platforms, clients, delays or instances to compare."""
    clients = cells["client"] + "/" + cells["event_loop"]
    sides = (cells["platform"], clients, cells["delay_us"], instances["server_instance"])
    if all(side.nunique() < 2 for side in sides):
        return empty_frame(" ".join((*SIDE_KEYS, "factor level n bad connections")))
    return frame_of(samples.factors(sample, drawn=[factor.name for factor in FACTORS if factor.is_drawn]))


def _credential_checks(marked: ibis.Table, census: pd.DataFrame) -> pd.DataFrame:
    """Only where there were auth probes: it is one more look at every row."""
    if not census["is_auth_probe"].any():
        return empty_frame("host platform token_kind result n")
    return frame_of(tokens.credential_checks(marked))


def _fresh_refusals(marked: ibis.Table, *with_refusals: pd.DataFrame) -> pd.DataFrame:
    """Only where such tokens were refused: it groups by user."""
    if not any(frame["auth_fresh"].any() for frame in with_refusals):
        return empty_frame("run_id kind n fresh sometimes")
    return frame_of(tokens.fresh_refusals(marked))


def _mute(marked: ibis.Table, cells: pd.DataFrame) -> pd.DataFrame:
    """Only where requests went unanswered behind answered pings: it groups by connection."""
    if not (cells["unanswered"] > cells["acknowledged"]).any():
        return empty_frame("host platform is_mute operation n")
    return frame_of(exchanges.mute(marked))


def _continued(marked: ibis.Table, cells: pd.DataFrame) -> pd.DataFrame:
    """Only where requests went unanswered: it puts those of such connections in their order."""
    if not (cells["residual"] > cells["late"]).any():
        return empty_frame("host platform operation parity idle n died")
    return frame_of(exchanges.continued(marked))


def _peers(marked: ibis.Table, cells: pd.DataFrame) -> pd.DataFrame:
    """Only where something was lost on the way: it is one more look at every row."""
    if not cells["on_way"].any():
        return empty_frame("host platform site peer_address n on_way")
    return frame_of(counts.peers(marked))


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
