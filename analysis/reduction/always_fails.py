"""What always fails while others of its platform do not: users, scenarios, and requests from a size on.

Found in the sample, then marked in the rows, so that no comparison takes it for chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import ibis
import pandas as pd

from analysis.reduction.expressions import count_if
from analysis.reduction.frames import empty_frame
from analysis.reduction.samples import one_in_how_many
from analysis.reduction.thresholds import ALWAYS_RATIO

# A user, or a size of request, that always failed in fewer attempts than this may have had bad luck.
ALWAYS_LEAST: Final = 10
# A user who came so often and never succeeded may be one who always fails, or had bad luck: nobody can know.
NEVER_LEAST: Final = 2
MOST_ALWAYS: Final = 100
# Who may always fail, and the column that names them.
WHO: Final = {"user": "subject", "scenario": "scenario"}
# What of a user's attempts may always fail, besides single operations, and the kind of it.
PARTS: Final = {"connects": "connect", "exchanges": "exchange"}


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
        n=known.count(), bad=count_if(known.is_bad), expected=known.share.sum()
    )


def by_size(plain: ibis.Table) -> ibis.Table:
    """Exchanges (as sampled) and failures of each operation by the size of the request, in bins that double."""
    keyed = plain.filter((plain.kind == "exchange") & plain.bytes_out.notnull()).mutate(size=_size)
    return keyed.group_by("platform", "operation", "size").agg(n=keyed.count(), bad=count_if(keyed.is_bad))


def _size(rows: ibis.Table) -> Any:
    return ibis.greatest(rows.bytes_out, 1).cast("float64").log2().floor().cast("int64")


class Always(NamedTuple):
    """What always fails, as it is looked for in the rows.

    Attributes:
        subjects: Columns ("subject", "scenario"), platforms, parts ("" is all; "connects", "exchanges"; or the
            operation of an exchange), each with the users, or scenarios, whose attempts always fail there.
        sizes: Platforms and operations, each with the bin of sizes from which on its requests always fail.
    """

    subjects: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    sizes: tuple[tuple[str, str, int], ...]


def with_always(marked: ibis.Table, always: Always) -> ibis.Table:
    """The rows, each with whether it is of what was found to fail always (`is_always`)."""
    is_always = ibis.literal(False)
    for column, platform, part, names in always.subjects:
        is_theirs = (marked.platform == platform) & marked[column].isin(list(names))
        if part in PARTS:
            is_theirs = is_theirs & (marked.kind == PARTS[part])
        elif part:
            is_theirs = is_theirs & (marked.kind == "exchange") & (marked.operation == part)
        is_always = is_always | is_theirs.fill_null(False)
    for platform, operation, size in always.sizes:
        is_asked = (marked.platform == platform) & (marked.operation == operation) & (marked.kind == "exchange")
        is_always = is_always | (is_asked & (_size(marked) >= size)).fill_null(False)
    return marked.mutate(is_always=is_always)


def what_always_fails(who: Mapping[str, pd.DataFrame], sizes: pd.DataFrame, census: pd.DataFrame) -> pd.DataFrame:
    """Users, scenarios, and operations from a size on, that always fail while others of their platform do not.

    Args:
        who: The attempts and failures of each user, and of each scenario (`WHO`, `by_subject`).
        sizes: Those by the size of the request (`by_size`).
        census: Of the run.
    """
    if not census["is_wait"].any():
        return empty_frame("platform what subject part size n bad")
    found = [
        _users_who_always_fail(users).head(MOST_ALWAYS).assign(what=what, size=-1)
        for what, frame in who.items()
        for _, users in frame.groupby("platform")
    ]
    for (platform, operation), rows in sizes.groupby(["platform", "operation"]):
        ordered = rows.sort_values("size", ascending=False)
        reached = ordered.assign(n=ordered["n"].cumsum(), bad=ordered["bad"].cumsum())
        lowest = _always_failing(reached, len(ordered)).sort_values("size").head(1)
        # From the smallest size on is all of them.
        lowest = lowest[lowest["size"] > ordered["size"].min()]
        found.append(lowest.assign(what="size", subject="", part=str(operation), platform=str(platform)))
    columns = ["platform", "what", "subject", "part", "size", "n", "bad"]
    found = [one[columns] for one in found if len(one)]
    return pd.concat(found, ignore_index=True) if found else empty_frame(" ".join(columns))


def _users_who_always_fail(users: pd.DataFrame) -> pd.DataFrame:
    """Users, or scenarios, of one platform whose attempts all fail, or all of a kind or an operation: the widest."""
    if not _may_always_fail(users):
        return empty_frame("platform subject part n bad")
    exchanges = users[users["kind"] == "exchange"]
    of_kinds = [(name, users[users["kind"] == kind]) for name, kind in PARTS.items()]
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


def _may_always_fail(users: pd.DataFrame) -> bool:
    """Whether there is one with failures enough who fails nearly always at something: seldom, and quickly told."""
    suspects = users.loc[users["bad"] >= ALWAYS_RATIO * users["n"], "subject"]
    failures = users[users["subject"].isin(suspects)].groupby("subject")["bad"].sum()
    return bool((failures >= ALWAYS_RATIO * ALWAYS_LEAST).any())


def _always_failing(frame: pd.DataFrame, of: int) -> pd.DataFrame:
    """The lines that fail nearly always; none where that is true of most of them, or of the only one."""
    n, bad = frame["n"].to_numpy(dtype=float), frame["bad"].to_numpy(dtype=float)
    is_always = (n >= ALWAYS_LEAST) & (bad >= ALWAYS_RATIO * n)
    return frame[is_always] if 0 < is_always.sum() <= of / 2 else frame[:0]


def never_ok_of(users: pd.DataFrame, census: pd.DataFrame) -> pd.DataFrame:
    """Attempts of users who failed each time at a kind, or an operation, too seldom to be said to always fail."""
    if not census["is_wait"].any():
        return empty_frame("platform kind users n")
    keys = ["platform", "kind", "subject"]
    of_kind = users.groupby(keys)[["n", "bad", "expected"]].transform("sum")
    never = users[_is_never(users) | _is_never(of_kind)]
    of_kinds = never.groupby(["platform", "kind"], as_index=False).agg(users=("subject", "nunique"), n=("n", "sum"))
    of_all = users.groupby(["platform", "kind"], as_index=False).agg(all_users=("subject", "nunique"))
    # Where most users never succeed, it is not they who fail.
    found = of_kinds.merge(of_all).query("users <= all_users / 2").drop(columns="all_users")
    return found.assign(n=found["n"] * one_in_how_many(census))


def _is_never(counted: pd.DataFrame) -> pd.Series[bool]:
    """Whether all attempts failed, of two to nine; not those of an outage: whoever came then failed with everybody."""
    is_seldom = counted["n"].between(NEVER_LEAST, ALWAYS_LEAST - 1)
    return is_seldom & (counted["bad"] == counted["n"]) & (counted["expected"] <= counted["n"] / 2 + 1e-9)


def looked_for(always: pd.DataFrame) -> Always:
    """What `what_always_fails` found."""
    users, sizes = (always[always["what"].isin(what)] for what in (list(WHO), ["size"]))
    return Always(
        tuple(
            (WHO[str(what)], str(platform), str(part), tuple(map(str, mine["subject"])))
            for (what, platform, part), mine in users.groupby(["what", "platform", "part"])
        ),
        tuple(
            (str(platform), str(operation), int(size))
            for platform, operation, size in sizes[["platform", "part", "size"]].itertuples(index=False)
        ),
    )
