"""Leads: what stands out in a run without deciding a claim, each in one sentence with its counts."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

import numpy as np

from analysis.claims.held import deaths_words
from analysis.claims.server_answers import quota_words
from analysis.claims.server_limits import holds_of, limits
from analysis.claims.server_silence import mute_words
from analysis.claims.session_limits import LEAST_TOGETHER, together
from analysis.comparison.rule import joined_words
from analysis.comparison.view import View
from analysis.reduction.always_fails import PARTS
from analysis.reduction.connects import FIRST_S
from analysis.stats.groups import Ints
from analysis.stats.rates import clopper_pearson

MOST_MOMENTS: Final = 5
# A limit that fewer of the sessions meet is not worth a sentence.
MOST: Final = 0.5
# A cut between failing and not failing is looked for at many places: corrected for so many looks.
CUT_ALPHA: Final = 0.001
FIRST_LEAST: Final = 3
# Later connects fail at most so often, beside those of the first seconds.
LATER_RATIO: Final = 0.1
# The very first connects fail at least so often, beside all of the first seconds.
EARLY_RATIO: Final = 0.5
# A request on a connection that was idle for longer dies so often, and before it hardly ever.
IDLE_LEAST: Final = 3
IDLE_ABOVE: Final = 0.5
IDLE_BELOW: Final = 0.02
# Close codes that say goodbye (RFC 6455, section 7.4.1; IANA registry): going away, service restart.
GOODBYE: Final = (1001, 1012)


def leads(view: View) -> tuple[str, ...]:
    """What a reader should look at beside the claims."""
    found = (
        quota_words(view),
        mute_words(view).replace("such connections", "connections with unanswered requests"),
        *always_fails(view),
        restarts(view) or one_event(view),
        *limits_of_some(view),
        deaths_words(view),
        first_connects(view),
        idle_deaths(view),
        unmatched(view),
    )
    return tuple(sentence.strip() for sentence in found if sentence)


def unmatched(view: View) -> str:
    """Timeouts during which whole messages came that this tester could match to nothing; empty: there were none."""
    cells = view.cells
    by = {name: int(cells.unmatched[cells.operation == code].sum()) for code, name in enumerate(view.operations)}
    total = sum(by.values())
    if not total:
        return ""
    named = ", ".join(f"{name} {n}" for name, n in sorted(by.items(), key=lambda one: (-one[1], one[0])) if n)
    return (
        f"In {total:,} of {int(cells.timeouts.sum()):,} timeouts whole messages came that are neither an answer nor "
        f"known noise ({named}): the server answers in a form that this tester does not know, or to somebody else."
    )


def limits_of_some(view: View) -> list[str]:
    """Limits of age or silence that may be no limit of the server's.

    Most sessions meet them, but together, so that they may be one event; or only some sides do.
    """
    return [
        f"{path.evidence} Needed: {path.need[0].lower()}{path.need[1:]}"
        for path in limits(view)
        if path.p_value >= 1.0
        and path.need
        and path.n >= LEAST_TOGETHER
        and path.effect is not None
        and (path.spared or (path.effect.estimate or 0.0) >= MOST)
    ]


def one_event(view: View) -> str:
    """Sessions that were ended in the same second: one event, however many they are."""
    event = together(holds_of(view))
    if event is None:
        return ""
    frame = view.tables.holds
    here = frame[frame["by_peer"] & (frame["end_s"] == event.at_s)]
    codes = here.groupby("close_code")["n"].sum()
    goodbye = int(codes[codes.index.isin(GOODBYE)].sum()) if len(codes) else 0
    at = datetime.fromtimestamp(event.at_s, UTC)
    counts = f"{event.sessions:,} of {event.of:,}"
    words = f"{counts} sessions that the peer ended were ended in the same second ({at:%H:%M:%S} UTC"
    words += f", on {event.hosts} hosts)" if event.hosts > 1 else ")"
    words += ": one event, and one observation"
    if 2 * goodbye > event.sessions:
        words += "; the server said goodbye, as in a restart"
    return f"{words}."


def always_fails(view: View) -> list[str]:
    """Users, scenarios and sizes of requests that always fail while others do not, by name."""
    frame = view.tables.always
    sizes = frame[frame["what"] == "size"]
    found = []
    for who in ("user", "scenario"):
        users = frame[frame["what"] == who]
        for part in sorted(set(users["part"].astype(str))):
            theirs = users[users["part"] == part]
            mine = theirs.groupby("subject", as_index=False)[["n", "bad"]].sum()
            named = ", ".join(
                f"{row.subject} ({row.bad:,} of {row.n:,})" for row in mine.head(MOST_MOMENTS).itertuples()
            )
            more = f" and {len(mine) - MOST_MOMENTS} more" if len(mine) > MOST_MOMENTS else ""
            what = part if part in PARTS else f"{part} requests" if part else "attempts"
            whose = f"a {who}" if len(mine) == 1 else f"some {who}s"
            found.append(f"The {what} of {whose} always fail: {named}{more}.")
    for subject, rows in sizes.groupby("part"):
        least, n, bad = 2 ** int(rows["size"].max()), int(rows["n"].sum()), int(rows["bad"].sum())
        where = "" if len(rows) == len(view.platforms) else f" on {joined_words(sorted(rows['platform']))}"
        words = f"Requests of {subject} from {least:,} bytes on always fail{where} ({bad} of {n}), smaller ones do not."
        found.append(words)
    return found


def restarts(view: View) -> str:
    """Moments at which the server said goodbye to many sessions at once, as in a restart; empty: fewer than two."""
    frame = view.tables.holds
    frame = frame[frame["by_peer"].astype(bool) & frame["close_code"].isin(GOODBYE)]
    by_moment = frame.groupby("end_s")["n"].sum()
    moments = by_moment[by_moment >= LEAST_TOGETHER]
    if len(moments) < 2:
        return ""
    times = [f"{datetime.fromtimestamp(int(at), UTC):%H:%M:%S}" for at in moments.index[:MOST_MOMENTS]]
    more = f" and {len(moments) - MOST_MOMENTS} more times" if len(moments) > MOST_MOMENTS else ""
    return (
        f"The server said goodbye to {int(moments.sum())} sessions in {len(moments)} moments (at {', '.join(times)} "
        f"UTC{more}), as in restarts."
    )


def first_connects(view: View) -> str:
    """Connects that fail only in the first seconds of a run: a server, or a client, that is not warm yet."""
    by = view.tables.first_connects.groupby("since_s")[["n", "bad"]].sum().reindex(range(FIRST_S + 1), fill_value=0)
    n, bad = np.cumsum(by["n"].to_numpy(dtype=np.int64)), np.cumsum(by["bad"].to_numpy(dtype=np.int64))
    seconds = _clearest_cut(n[:-1], bad[:-1], total=int(n[-1]), failed=int(bad[-1]))
    if seconds is None:
        return ""
    asked, failed = int(n[seconds]), int(bad[seconds])
    later, late = int(bad[-1]) - failed, int(n[-1]) - asked
    if failed < FIRST_LEAST or later * asked > LATER_RATIO * failed * late:
        return ""
    # An outage in the middle of the run also ends before the rest of it; a cold start fails from its first connect on.
    first = int(np.argmax(n > 0))
    if bad[first] * asked < EARLY_RATIO * failed * n[first]:
        return ""
    only = "only" if not later else "nearly only"
    return (
        f"Connects fail {only} in the first {seconds + 1} s after the start ({failed:,} of {asked:,}; later {later:,} "
        f"of {late:,}): what answers was not warm yet."
    )


def _clearest_cut(n: Ints, bad: Ints, *, total: int, failed: int) -> int | None:
    """Where to cut a row of attempts so that failures gather before the cut as no chance would have it.

    Args:
        n: (places,) attempts up to each place, and
        bad: failures among them.
        total: Attempts of the whole row, and
        failed: failures among them.

    Returns:
        The place by Fisher's exact test (Biometrika 1935); None where even the clearest one may be chance.
    """
    from scipy.stats import hypergeom

    chance = np.asarray(hypergeom.logsf(bad - 1, total, failed, n))
    place = int(np.argmin(chance))
    return place if chance[place] <= math.log(CUT_ALPHA / len(n)) and n[place] < total else None


def idle_deaths(view: View) -> str:
    """Requests that die in silence because their connection had been idle: the bound is chosen on one half."""
    frame = view.tables.idles
    if not frame["bad"].any():
        return ""
    by = frame.groupby(["parity", "idle"])[["n", "bad"]].sum()
    # Such a connection was idle because the request before was waited for in vain.
    continued = view.tables.continued.groupby(["parity", "idle"])["died"].sum().reindex(by.index, fill_value=0)
    by = by.sub(continued.astype("int64"), axis="index").reset_index()
    idle, parity = by["idle"].to_numpy(dtype=np.int64), by["parity"].to_numpy(dtype=np.int64)
    n, bad = by["n"].to_numpy(dtype=np.int64), by["bad"].to_numpy(dtype=np.int64)
    bound = _bound(idle[parity == 0], n[parity == 0], bad[parity == 0])
    if bound is None:
        return ""
    inside, outside = (parity == 1) & (idle >= bound), (parity == 1) & (idle < bound)
    died, asked, early, before = (int(a.sum()) for a in (bad[inside], n[inside], bad[outside], n[outside]))
    if died < IDLE_LEAST or not before or early > IDLE_BELOW * before:
        return ""
    if clopper_pearson(died, asked)[0] <= clopper_pearson(early, before)[1]:
        return ""
    return (
        f"Requests die in silence once their connection has been idle for {bound} s ({died:,} of {asked:,}), and "
        f"hardly ever before ({early:,} of {before:,}): something on the way, or the server, forgets idle connections."
    )


def _bound(idle: Ints, n: Ints, bad: Ints) -> int | None:
    """The idle time from which on most requests die, and before which hardly any does; None: there is none."""
    if len(idle) < 2:
        return None
    order = np.argsort(-idle, kind="stable")
    longest, asked, died = idle[order], np.cumsum(n[order]), np.cumsum(bad[order])
    place = _clearest_cut(asked[:-1], died[:-1], total=int(asked[-1]), failed=int(died[-1]))
    if place is None or died[place] < IDLE_ABOVE * asked[place]:
        return None
    return int(longest[place])
