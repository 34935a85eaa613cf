"""From attempts to small tables: the group-bys of `groupbys.py` run, and what they give put in order.

The size of a table depends on hosts, minutes and arms, and not on the number of attempts. What a row
counts as is decided in `explain.py`; the columns of each table are listed in `tables.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
from ibis.util import gen_name

from analysis.reduction import groupbys
from analysis.reduction.explain import contract_columns
from analysis.reduction.factors import FACTORS
from analysis.reduction.groupbys import ARM_KEYS, CELL_KEYS, PLACE_KEYS, SIDE_KEYS, WORKER_KEYS
from analysis.reduction.tables import Tables
from analysis.reduction.thresholds import ALWAYS_RATIO
from attempts.schema import KINDS

# Distinct connections are counted in the run's first minutes, up to so many attempts: it is the only step whose
# memory would grow with the rows.
DISTINCT_ROWS: Final = 4_000_000


# A user, or a size of request, that always failed in fewer attempts than this may have had bad luck.
ALWAYS_LEAST: Final = 10
# A user who came so often and never succeeded may be one who always fails, or had bad luck: nobody can know.
NEVER_LEAST: Final = 2
MOST_ALWAYS: Final = 100
# Who may always fail, and the column that names them.
WHO: Final = {"user": "subject", "scenario": "scenario"}
# Shares of attempts, and the spread between connections, are taken from about so many attempts.
SAMPLE_ROWS: Final = 500_000
# Sessions that were not ended before their time are counted in so many parts of the run, as errors are.
PARTS_OF_A_RUN: Final = 20


def run_end(manifest: Mapping[str, Any]) -> datetime | None:
    """When a run's attempts began to be cut off, by its `run.json`: the planned end, or an earlier one."""
    moments = [_moment(manifest.get(name)) for name in ("planned_end_at", "ended_at")]
    return min((moment for moment in moments if moment is not None), default=None)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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


class Names:
    """Names that expressions have in the engine for a while, so that what is built on them is short.

    Ibis compiles a named expression once, and an unnamed one again in everything that uses it.
    """

    def __init__(self, backend: ibis.BaseBackend) -> None:
        self._backend = backend
        self._given: list[tuple[str, str]] = []

    def view(self, table: ibis.Table) -> ibis.Table:
        """A name for an expression."""
        name = gen_name("wsoak")
        view = self._backend.create_view(name, table)
        self._given.append(("VIEW", name))
        return view

    def kept(self, table: ibis.Table) -> ibis.Table:
        """The rows of an expression, kept where the engine can keep them; elsewhere a name for it."""
        if self._backend.name != "duckdb":
            return self.view(table)
        name = gen_name("wsoak")
        kept = self._backend.create_table(name, table, temp=True)
        self._given.append(("TABLE", name))
        return kept

    def __enter__(self) -> Names:
        return self

    def __exit__(self, *failure: object) -> None:
        # Not `drop_view`: what Ibis 12 writes with SQLGlot 30 has no name in it.
        for kind, name in reversed(self._given):
            self._backend.raw_sql(f"DROP {kind} IF EXISTS {name}")


def _reduced(attempts: ibis.Table, names: Names, ends: Mapping[str, datetime]) -> Tables:
    prepared = names.view(groupbys.prepared(contract_columns(attempts)))
    census = _described(_frame(groupbys.census(prepared)))
    all_usable = not census["unusable"].any()
    ends_s = _ends(census, ends)
    marked = names.view(groupbys.marked(prepared, ends=ends_s, all_usable=all_usable))
    numbers, places = _places(census)
    arms = _numbered(census[census["is_wait"]], ARM_KEYS, "arm")
    by_worker, by_arm = (ibis.memtable(_telling(*t)) for t in ((numbers, WORKER_KEYS), (arms, ARM_KEYS)))
    sample = _sample(marked, names, census)
    who = _who(sample)
    always = _always(sample, who, census)
    if len(always) and _one_in(census) > 1:
        # They are named with their numbers, which must be all of them.
        everything = groupbys.sampled(marked, 1, {})
        always = _always(everything, _who(everything), census)
    placed = names.view(groupbys.placed(_with_always(marked, always), by_worker, by_arm))
    fine = names.kept(groupbys.moments(placed))
    names_of_places, names_of_arms = ibis.memtable(places), ibis.memtable(arms)
    moments = names.view(groupbys.named(fine, names_of_places, names_of_arms))
    cells = _frame(groupbys.cells(moments))
    counted = groupbys.connections(_slice(marked, cells), by_worker, by_arm)
    cells = _with_connections(cells, _frame(counted), places, arms)
    plain = moments.filter(moments.is_first & (moments.mitigation == "none"))
    instances = _frame(groupbys.instances(plain))
    rtts = _frame(groupbys.rtts(marked))
    held = names.kept(groupbys.held(marked))
    minutes_of_parts = {
        str(run): max(1, n // PARTS_OF_A_RUN) for run, n in cells.groupby("run_id")["minute"].nunique().items()
    }
    cut = _frame(groupbys.cut(groupbys.since(marked, _first_cut(census, ends_s))))
    sessions = _frame(groupbys.sessions(held))
    totals = _totals(census, cells)
    notes = _notes(census, totals, lag_null=int(cells["lag_null"].sum()))
    return Tables(
        cells=cells,
        slots=_frame(groupbys.slots(plain)),
        instances=instances,
        subjects=_frame(groupbys.subjects(marked)),
        cut=cut,
        always=always,
        never_ok=_never_ok(who["user"], census),
        factors=_factors(sample, cells, instances),
        dealt=_frame(groupbys.dealt(sample, _one_in(census))),
        holds=_frame(groupbys.holds(held, minutes=minutes_of_parts)),
        reached=_frame(groupbys.reached(held)),
        sessions=sessions,
        fresh_refusals=_fresh_refusals(marked, cells, cut, sessions),
        credential_checks=_credential_checks(marked, census),
        mute=_mute(marked, cells),
        first_connects=_frame(groupbys.first_connects(marked, _first_seconds(census))),
        idles=_frame(groupbys.idles(marked)),
        base_rtt=_base_rtt(cells, rtts),
        arm_rtt=_arm_rtt(cells, rtts),
        loops=_sums(cells[cells["mitigation"] == "none"], ["host", "platform"], ["good", "good_lagged"]),
        platform_instances=_sums(instances, ["platform", "server_instance"], ["n"]),
        sites=_sums(census, ["platform", "host", "site"], ["n"]),
        budgets=_budgets(census),
        probes=_frame(groupbys.probes(marked)),
        mitigation_costs=_mitigation_costs(marked, cells),
        totals=totals,
        notes=notes,
    )


def _frame(table: ibis.Table) -> pd.DataFrame:
    """Executed, and in the order of its columns: engines return groups in any order."""
    frame: pd.DataFrame = table.to_pandas()
    return frame.sort_values(list(frame.columns), ignore_index=True)


def _described(census: pd.DataFrame) -> pd.DataFrame:
    """The census with what each of its lines counts as: `n`, `retries`, `aborted`, `unusable`, `unknown_kind`."""
    is_wait = census["usable"] & census["kind"].isin(groupbys.WAITS) & ~census["is_auth_probe"]
    is_kept = is_wait & ~census["is_aborted"]
    counts = {
        "n": is_kept & census["is_first"],
        "retries": is_kept & ~census["is_first"],
        "aborted": is_wait & census["is_aborted"],
        "unusable": ~census["usable"],
        "unknown_kind": census["usable"] & ~census["kind"].isin(KINDS),
    }
    described = census.assign(**{name: census["rows"].where(these, 0) for name, these in counts.items()})
    return described.assign(is_wait=is_kept)


def _ends(census: pd.DataFrame, ends: Mapping[str, datetime]) -> dict[str, float]:
    """For each run the epoch second of its end: where its rows end, or as given if that was earlier."""
    found = {}
    for run, group in census[census["usable"]].groupby("run_id"):
        last_s = float(group["last_s"].max())
        end = ends.get(str(run))
        if end is not None:
            last_s = min(last_s, end.timestamp())
        if np.isfinite(last_s):
            found[str(run)] = last_s
    return found


def _first_cut(census: pd.DataFrame, ends_s: Mapping[str, float]) -> int:
    """The second before which no wait was cut off: so near the end that its budget is longer, or aborted."""
    waits = census[census["usable"] & census["kind"].isin(groupbys.WAITS)]
    longest_s = waits.groupby("run_id")["budget_s"].max()
    near = [end_s - float(longest_s.get(run, 0.0)) for run, end_s in ends_s.items()]
    aborted = waits.loc[waits["is_aborted"], "first_s"].dropna().tolist()
    return math.floor(min([*near, *aborted], default=0.0)) - 1


def _numbered(frame: pd.DataFrame, keys: Sequence[str], name: str) -> pd.DataFrame:
    distinct = frame[list(keys)].drop_duplicates(ignore_index=True)
    return distinct.assign(**{name: np.arange(len(distinct), dtype="int64")})


def _places(census: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers of workers and their places for the join with rows (site ""), and the places' names."""
    waits = census[census["is_wait"]]
    places = _numbered(waits, PLACE_KEYS, "place")
    numbers = _numbered(waits, WORKER_KEYS, "worker_number").merge(places, on=list(PLACE_KEYS))
    return numbers.assign(site=numbers["site"].fillna("")), places


def _slice(marked: ibis.Table, cells: pd.DataFrame) -> ibis.Table:
    """All rows, or those of the first minutes that hold `DISTINCT_ROWS` attempts."""
    by_minute = cells.groupby("minute")["n"].sum()
    if by_minute.sum() <= DISTINCT_ROWS:
        return marked
    enough = int(by_minute.cumsum().searchsorted(DISTINCT_ROWS))
    return groupbys.between(marked, int(by_minute.index[0]), int(by_minute.index[enough]))


def _telling(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The frame without the keys that it does not take to tell its lines apart.

    A join compares all keys it is given, in every row: a single run, one mitigation, or the host and the
    platform of a worker add nothing.
    """
    for name in keys:
        others = [key for key in keys if key != name and key in frame.columns]
        if others and not frame.duplicated(others).any():
            frame = frame.drop(columns=name)
    return frame


def _with_connections(
    cells: pd.DataFrame, counted: pd.DataFrame, places: pd.DataFrame, arms: pd.DataFrame
) -> pd.DataFrame:
    """Add `connections`: as counted, and beyond the minutes that were, by its arm's attempts a connection."""
    by_name = counted.merge(places, on="place").merge(arms, on="arm")[[*CELL_KEYS, "connections"]]
    cells = cells.merge(by_name, how="left", on=list(CELL_KEYS), validate="one_to_one")
    is_counted = cells["connections"].notna() | (cells["n"] == 0)
    known = _sums(cells[is_counted], list(ARM_KEYS), ["connections", "n"])
    ratio = cells[list(ARM_KEYS)].merge(known, how="left", on=list(ARM_KEYS))
    estimate = (cells["n"] * (ratio["connections"] / ratio["n"]).fillna(1.0)).round().clip(lower=1)
    return cells.assign(connections=cells["connections"].fillna(estimate.where(~is_counted, 0)).astype("int64"))


def _mitigation_costs(marked: ibis.Table, cells: pd.DataFrame) -> pd.DataFrame:
    """Only where there is something to compare: it is one more look at every row."""
    keys = ["host", "platform", "minute", "mitigation", "kind"]
    if (cells["mitigation"] == "none").all():
        return _empty(" ".join((*keys, "latency_bin", "n")))
    table = _frame(groupbys.mitigation_costs(marked))
    started = _sums(table, keys, ["n"]).assign(latency_bin=np.nan)
    good = table[table["latency_bin"].notna()]
    return pd.concat([good, started], ignore_index=True)[[*keys, "latency_bin", "n"]]


def _one_in(census: pd.DataFrame) -> int:
    """How many connections there are to one of the sample."""
    return max(1, int(census.loc[census["is_wait"], "n"].sum()) // SAMPLE_ROWS)


def _sample(marked: ibis.Table, names: Names, census: pd.DataFrame) -> ibis.Table:
    """The waits that shares of attempts are taken from, with the levels of the factors."""
    levels = {factor.name: factor.level for factor in FACTORS}
    return names.kept(groupbys.sampled(marked, _one_in(census), levels))


def _who(sample: ibis.Table) -> dict[str, pd.DataFrame]:
    """The attempts and failures of each user, and of each scenario (`groupbys.by_subject`)."""
    return {what: _frame(groupbys.by_subject(sample, column)) for what, column in WHO.items()}


def _always(sample: ibis.Table, who: Mapping[str, pd.DataFrame], census: pd.DataFrame) -> pd.DataFrame:
    """Users, scenarios, and operations from a size on, that always fail while others of their platform do not."""
    if not census["is_wait"].any():
        return _empty("platform what subject part size n bad")
    found = [
        _users_who_always_fail(users).head(MOST_ALWAYS).assign(what=what, size=-1)
        for what, frame in who.items()
        for _, users in frame.groupby("platform")
    ]
    sizes = _frame(groupbys.by_size(sample))
    for (platform, operation), rows in sizes.groupby(["platform", "operation"]):
        ordered = rows.sort_values("size", ascending=False)
        reached = ordered.assign(n=ordered["n"].cumsum(), bad=ordered["bad"].cumsum())
        lowest = _always_failing(reached, len(ordered)).sort_values("size").head(1)
        # From the smallest size on is all of them.
        lowest = lowest[lowest["size"] > ordered["size"].min()]
        found.append(lowest.assign(what="size", subject="", part=str(operation), platform=str(platform)))
    columns = ["platform", "what", "subject", "part", "size", "n", "bad"]
    found = [one[columns] for one in found if len(one)]
    return pd.concat(found, ignore_index=True) if found else _empty(" ".join(columns))


def _users_who_always_fail(users: pd.DataFrame) -> pd.DataFrame:
    """Users, or scenarios, of one platform whose attempts all fail, or all of a kind or an operation: the widest."""
    exchanges = users[users["kind"] == "exchange"]
    of_kinds = [(name, users[users["kind"] == kind]) for name, kind in groupbys.PARTS.items()]
    of_operations = [(str(name), mine) for name, mine in exchanges.groupby("operation")]
    found: list[pd.DataFrame] = []
    known: set[str] = set()
    for level in ([("", users)], of_kinds, of_operations):
        wider = frozenset(known)
        for part, mine in level:
            counted = mine.groupby(["platform", "subject"], as_index=False)[["n", "bad", "expected"]].sum()
            # Whoever came during an outage failed with everybody.
            failing = _always_failing(counted, len(counted))
            failing = failing[failing["expected"] <= failing["n"] / 2 + 1e-9]
            failing = failing[~failing["subject"].isin(wider)]
            # Who fails always at connecting may still be asked what else fails always.
            known |= set() if part == "connects" else set(failing["subject"])
            found.append(failing.assign(part=part))
    return pd.concat(found, ignore_index=True)


def _always_failing(frame: pd.DataFrame, of: int) -> pd.DataFrame:
    """The lines that fail nearly always; none where that is true of most of them, or of the only one."""
    n, bad = frame["n"].to_numpy(dtype=float), frame["bad"].to_numpy(dtype=float)
    is_always = (n >= ALWAYS_LEAST) & (bad >= ALWAYS_RATIO * n)
    return frame[is_always] if 0 < is_always.sum() <= of / 2 else frame[:0]


def _never_ok(users: pd.DataFrame, census: pd.DataFrame) -> pd.DataFrame:
    """Attempts of users who failed each time at a kind, or an operation, too seldom to be said to always fail."""
    if not census["is_wait"].any():
        return _empty("platform kind users n")
    keys = ["platform", "kind", "subject"]
    of_kind = users.groupby(keys)[["n", "bad", "expected"]].transform("sum")
    never = users[_is_never(users) | _is_never(of_kind)]
    of_kinds = never.groupby(["platform", "kind"], as_index=False).agg(users=("subject", "nunique"), n=("n", "sum"))
    of_all = users.groupby(["platform", "kind"], as_index=False).agg(all_users=("subject", "nunique"))
    # Where most users never succeed, it is not they who fail.
    found = of_kinds.merge(of_all).query("users <= all_users / 2").drop(columns="all_users")
    return found.assign(n=found["n"] * _one_in(census))


def _is_never(counted: pd.DataFrame) -> pd.Series[bool]:
    """Whether all attempts failed, of two to nine; not those of an outage: whoever came then failed with everybody."""
    is_seldom = counted["n"].between(NEVER_LEAST, ALWAYS_LEAST - 1)
    return is_seldom & (counted["bad"] == counted["n"]) & (counted["expected"] <= counted["n"] / 2 + 1e-9)


def _with_always(marked: ibis.Table, always: pd.DataFrame) -> ibis.Table:
    users, sizes = (always[always["what"].isin(what)] for what in (list(WHO), ["size"]))
    subjects = {
        (WHO[str(what)], str(platform), str(part)): list(mine["subject"])
        for (what, platform, part), mine in users.groupby(["what", "platform", "part"])
    }
    return groupbys.with_always(marked, subjects, list(sizes[["platform", "part", "size"]].itertuples(index=False)))


def _factors(sample: ibis.Table, cells: pd.DataFrame, instances: pd.DataFrame) -> pd.DataFrame:
    """Only where there are two platforms, clients, delays or instances to compare."""
    clients = cells["client"] + "/" + cells["event_loop"]
    sides = (cells["platform"], clients, cells["delay_us"], instances["server_instance"])
    if all(side.nunique() < 2 for side in sides):
        return _empty(" ".join((*SIDE_KEYS, "factor level n bad connections")))
    return _frame(groupbys.factors(sample, drawn=[factor.name for factor in FACTORS if factor.is_drawn]))


def _credential_checks(marked: ibis.Table, census: pd.DataFrame) -> pd.DataFrame:
    """Only where there were auth probes: it is one more look at every row."""
    if not census["is_auth_probe"].any():
        return _empty("host platform token_kind result n")
    return _frame(groupbys.credential_checks(marked))


def _fresh_refusals(marked: ibis.Table, *with_refusals: pd.DataFrame) -> pd.DataFrame:
    """Only where such tokens were refused: it groups by user."""
    if not any(frame["auth_fresh"].any() for frame in with_refusals):
        return _empty("run_id kind n fresh sometimes")
    return _frame(groupbys.fresh_refusals(marked))


def _mute(marked: ibis.Table, cells: pd.DataFrame) -> pd.DataFrame:
    """Only where requests went unanswered behind answered pings: it groups by connection."""
    if not cells["unanswered"].any():
        return _empty("host platform is_mute operation n")
    return _frame(groupbys.mute(marked))


def _empty(columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="int64") for name in columns.split()})


def _first_seconds(census: pd.DataFrame) -> dict[str, int]:
    """For each run the epoch second of its first connect."""
    connects = census[census["usable"] & (census["kind"] == "connect")]
    return {str(run): int(second) for run, second in connects.groupby("run_id")["first_s"].min().dropna().items()}


def _sums(frame: pd.DataFrame, keys: list[str], counts: list[str]) -> pd.DataFrame:
    return frame.groupby(keys, dropna=False, observed=True)[counts].sum().reset_index()


def _budgets(census: pd.DataFrame) -> pd.DataFrame:
    """The waits' budgets by who waited for what; arms of mitigation, which may change them, left out."""
    plain = census[census["is_wait"] & (census["mitigation"] == "none")]
    keys = ["platform", "client", "event_loop", "delay_us", "operation"]
    groups = plain.groupby(keys, observed=True)
    return groups.agg(least_s=("least_budget_s", "min"), most_s=("budget_s", "max")).reset_index()


def _base_rtt(cells: pd.DataFrame, rtts: pd.DataFrame) -> pd.DataFrame:
    """Per host the median round trip without the tester's own delay."""
    base = rtts.assign(rtt_us=rtts["rtt_us"] - rtts["delay_us"])
    return _medians(cells, base, ["host", "platform"]).rename(columns={"rtt_s": "base_rtt_s"})


def _arm_rtt(cells: pd.DataFrame, rtts: pd.DataFrame) -> pd.DataFrame:
    """Per host and arm the median round trip: whether the delay arrived."""
    return _medians(cells[cells["mitigation"] == "none"], rtts, ["host", "platform", "delay_us"])


def _medians(groups: pd.DataFrame, histogram: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Lower median of each group, to the width of its bin; null where nothing was measured."""
    ordered = histogram.sort_values("rtt_us")
    by_group = ordered.groupby(keys, observed=True)["n"]
    is_reached = 2 * by_group.cumsum() >= by_group.transform("sum")
    medians = ordered[is_reached].groupby(keys, observed=True, as_index=False).first()
    medians = medians.assign(rtt_s=medians["rtt_us"] / 1e6)[[*keys, "rtt_s"]]
    counts = by_group.sum().reset_index()
    table = groups[keys].drop_duplicates().merge(medians, how="left", on=keys).merge(counts, how="left", on=keys)
    return table.assign(n=table["n"].fillna(0).astype("int64")).sort_values(keys, ignore_index=True)


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
    """What was dropped, in sentences; what is missing or there twice is `analysis.runs.accounting`'s to say."""
    total = totals.iloc[0]
    counted = (
        (census["unusable"].sum(), "rows were left out: without run, place, time, arm, budget or outcome"),
        (census["unknown_kind"].sum(), "rows were left out: their kind is not one of the contract's"),
        (total["dropped_tail"], "attempts were dropped: scheduled within their own budget before their run's end"),
        (total["aborted"], "attempts were still waiting when their run ended, and count neither way"),
        (total["retries"], "attempts are second tries, or of sessions that a second try opened: they are in no claim"),
        (lag_null, f"of {total['attempts']} attempts have no measured event-loop lag"),
        (total["simulated"], "rows carry a platform that is a label put on for a rehearsal"),
    )
    return tuple(f"{int(count)} {sentence}." for count, sentence in counted if count)
