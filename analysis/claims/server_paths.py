"""The ways in which a failure shows that it comes from the server's side; each is one path of the claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.claims.session_limits import Holds, SessionLimit, bins_of, meets, session_limits
from analysis.comparison import factors
from analysis.comparison.dealt import difference_spread
from analysis.comparison.probes import probe_rate
from analysis.comparison.rated import rated
from analysis.comparison.rule import effect_words, joined_words, rate_effect, rate_words
from analysis.comparison.split import Bound, bound, by_instance, counted, shares
from analysis.comparison.view import CONNECTIONS_A_STRATUM, LEAST_CHUNKS, TIME_UNITS, Cells, View
from analysis.model import Effect
from analysis.reduction.connects import WINDOW_S
from analysis.stats.estimate import Estimate, with_spread
from analysis.stats.groups import Bools, Floats, Ints, coded, coded_as, combined, counts_of, sums
from analysis.stats.holm import bonferroni
from analysis.stats.mantel_haenszel import risk_difference
from analysis.stats.ordinal import ordinal_contrast
from analysis.stats.rates import Rate, clopper_pearson

# A fault of the server's spares no cohort: the least hit one still has a fifth of the most hit one's rate.
ALIKE_LEAST: Final = 1 / 5
# Cohorts with fewer attempts than this say nothing of being spared.
LEAST_COHORT: Final = 200
# Clients that fail alike within a factor of two, and many of them: see `alike`.
SAME_LEAST: Final = 1 / 2
STICKY: Final = 0.8
# Less than this of the comparison left within strata: some processes changed over, and all others are pinned.
LEAST_OVERLAP: Final = 0.2
OUTLIER_ALPHA: Final = 0.01
# A quota is a step: next to nothing is refused before a user's n-th connect, and most from there on.
QUOTA_LEAST: Final = 5
# Less than this reads as "+0.0 points".
LEAST_RISE: Final = 0.0005
QUOTA_BELOW: Final = 0.02
QUOTA_ABOVE: Final = 0.8
# A limit that ends this cohort's sessions surely less than half as often as another's is not everybody's.
MET_LEAST: Final = 1 / 2
# A limit is spoken of, and explains what it ended, where it is surely there.
LIMIT_ALPHA: Final = 0.01
# A session that falls mute explains the silence if most of the silence is on such sessions.
MUTE_SHARE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Path:
    """One path of the claim `server`.

    Attributes:
        name: What it is called in the parts.
        effect: Its size with its interval.
        p_value: Against "at most the margin"; 1 where a condition for confirming fails.
        below: Its upper limit lies below the margin (None: this path cannot say so, and need not).
        n: Attempts it rests on.
        evidence: One sentence, or two.
        need: What would tell, where this path cannot.
        spared: It is surely there, and somebody was surely spared it.
        few: Parts of the run with too few attempts to bound it in them alone.
    """

    name: str
    effect: Effect | None
    p_value: float
    below: bool | None
    n: int
    evidence: str
    need: str = ""
    spared: bool = False
    few: tuple[str, ...] = ()


def _bounded(path: Path, parts: Bound, margin: float) -> Path:
    """The path, below the margin only if no part of the run may be beyond it."""
    if not path.below or not parts.beyond:
        return replace(path, few=parts.few)
    words = f"{path.evidence} {parts.words(margin)}"
    return replace(path, below=False, evidence=words, need=parts.needs(margin), few=parts.few)


def explicit(view: View) -> Path:
    """The server's own words: error frames, closes with a code, HTTP 500 and above; seen by everybody alike.

    RFC 9110 (15.6) and RFC 6455 (7.4.1, code 1011) give them this meaning: the server is aware that it
    erred. They are counted, by kind of attempt, so that refused connects are not diluted by exchanges.
    """
    cells = view.whole
    rates = {}
    for code, kind in enumerate(view.kinds):
        mine = cells.where(cells.kind == code)
        rates[f"{kind}s"] = view.census(mine, mine.explicit)
    operations = by_operation(view, cells, cells.explicit)
    rates |= operations
    held = view.tables.sessions
    if held["explicit"].any():
        rates["sessions"] = Rate(events=int(held["explicit"].sum()), n=int(held["n"].sum()), design_effect=1.0)
    below = rated(rates, view.margin, n=int(cells.n.sum()), may_be_few=operations).all_below
    # A proxy of one site, or a client that provokes them, brings such answers to some only.
    spared, spared_end = _spared(view, cells, cells.explicit), spared_of_ends(view)
    of_all = {name: rate for name, rate in rates.items() if not (name == "sessions" and spared_end)}
    judged = rated(of_all, view.margin, n=int(cells.n.sum()), may_be_few=operations)
    rate, p_value = rates[judged.worst], judged.p_value
    words = f"The server itself refused or broke {rate_words(rate)} of the {judged.worst}"
    if not spared:
        words += ", alike for all who asked."
    else:
        ordinal = _ordinal(view)
        p_value = max(p_value, ordinal[0])
        words += f", but {spared}" + (f"; {ordinal[1]}." if ordinal[1] else ".")
    if spared_end:
        words += f" It ended {rate_words(rates['sessions'])} of the sessions held, but {spared_end}."
    words += quota_words(view)
    path = Path(
        name="explicit answers",
        effect=rate_effect(rate),
        p_value=p_value,
        below=below,
        n=rate.n,
        evidence=words,
        need="What ends sessions there and not elsewhere: the server's log at these ends." if spared_end else "",
    )
    split = [*shares(view, cells, counted(cells, cells.explicit)), *by_instance(view, ["explicit"])]
    return _bounded(path, bound(split, view.margin), view.margin)


def by_operation(view: View, cells: Cells, events: Ints) -> dict[str, Rate]:
    """The rate of each operation whose attempts failed so, where a kind of attempt has several: none is diluted."""
    found = {}
    for code, kind in enumerate(view.kinds):
        operations = np.unique(cells.operation[cells.kind == code])
        for operation in operations.tolist() if len(operations) > 1 else ():
            inside = (cells.kind == code) & (cells.operation == operation)
            found[f"{view.operations[operation]} {kind}s"] = view.census(cells.where(inside), events[inside])
    return found


def unanswered(view: View) -> Path | None:
    """Requests that the server had and did not answer: it answered the ping behind them. None: nobody was asked.

    TCP keeps the order, so that neither the way nor this client is to blame (`scenarios.session.peer_check`). They are
    counted, by kind of attempt, as the server's own words are. Where some are spared (`spared_of_silence`)
    this path stays open.
    """
    cells = view.cells.where(~view.flagged)
    if not cells.checked.any():
        return None
    rates = {}
    for code, kind in enumerate(view.kinds):
        mine = cells.where(cells.kind == code)
        rates[f"{kind}s"] = view.census(mine, mine.unanswered)
    operations = by_operation(view, cells, cells.unanswered)
    judged = rated({**rates, **operations}, view.margin, n=int(cells.n.sum()), may_be_few=operations)
    rates |= operations
    rate = rates[judged.worst]
    spared = view.spared
    path = Path(
        name="silence while it answers pings",
        effect=rate_effect(rate),
        p_value=1.0 if spared else judged.p_value,
        below=judged.all_below,
        n=rate.n,
        evidence=f"Of the {judged.worst} {rate_words(rate)} ran out while the server answered a ping on the same "
        f"connection: it had them and kept silent{f', but {spared}' if spared else ''}.{mute_words(view)}",
    )
    explained = {view.operations[o] for o in np.unique(view.cells.operation[view.flagged])}
    split = shares(view, cells, counted(cells, cells.unanswered))
    named = by_instance(view, ["unanswered"], but=explained)
    return _bounded(path, bound([*split, *named], view.margin), view.margin)


def spared_of_silence(view: View) -> str:
    """Who was nearly spared a server that keeps silent while it answers pings, in words; empty: nobody.

    A server's fault spares no cohort. A client that swallows requests, or a middlebox of one site that answers
    pings itself, looks the same on each connection, and spares all the others.
    """
    cells = view.cells.where(~view.flagged)
    return _spared(view, cells, cells.unanswered)


def spared_of_answers(view: View) -> str:
    """Who was nearly spared what the server itself says (errors, closes), in words; empty: nobody, or there was none.

    Such failures are the server's where all met them alike. Where somebody was spared they may be the client's: a
    platform that provokes them, a proxy of one site that answers in the server's place.
    """
    cells = view.cells.where(~view.flagged)
    return _spared(view, cells, cells.explicit)


def spared_of_ends(view: View) -> str:
    """Who was nearly spared sessions that the server itself ended while they were held, in words; empty: nobody."""
    frame = view.tables.sessions
    host = view.host_codes(frame)
    frame, host = frame[host >= 0], host[host >= 0]
    site_of = {str(name): code for code, name in enumerate(view.sites)}
    where = InstancePlaces(
        host=host,
        platform=view.platform_of[host],
        client=view.client_codes(frame),
        delay=view.delay_codes(frame),
        site=np.array([site_of.get(str(name), -1) for name in frame["site"]], dtype=np.int64),
        n=counts_of(frame, "n"),
    )
    ended = counts_of(frame, "explicit")
    if not ended.any():
        return ""
    for what, names, n, x in _cohorts(view, where, ended):
        is_spared = _are_spared(n, x)
        if is_spared.any():
            return f"the {what} {names[int(np.argmax(is_spared))]} was nearly spared"
        if len(names) > 1 and (x > 0).sum() < 2:
            return f"only the {what} {names[int(np.argmax(x))]} met it"
    return ""


@dataclass(frozen=True, kw_only=True)
class InstancePlaces:
    """Where something was tried, each (rows,): codes of the view, and how often; as in `Cells`."""

    host: Ints
    platform: Ints
    client: Ints
    delay: Ints
    site: Ints
    n: Ints


def _spared(view: View, cells: Cells, failed: Ints) -> str:
    """Who was nearly spared such failures, in words; empty if they met everybody alike.

    Args:
        view: Names.
        cells: Where attempts were made.
        failed: (rows,) of them the failures.
    """
    hit = sums(cells.host, failed, len(view.hosts)) > 0
    if not hit.any():
        return ""
    if len(view.hosts) > 1 and hit.sum() < 2:
        return "only one host saw it"
    for what, names, n, x in _cohorts(view, cells, failed):
        used = n >= LEAST_COHORT
        if used.sum() < 2:
            continue
        rate = x[used] / n[used]
        if rate.min() <= ALIKE_LEAST * rate.max():
            return f"the {what} {np.array(names)[used][int(np.argmin(rate))]} was nearly spared"
    return ""


def _cohorts(
    view: View, places: Cells | InstancePlaces, failed: Ints
) -> Iterator[tuple[str, tuple[str, ...], Floats, Floats]]:
    """By platform, client, delay and site: names of those that tried, how often each did, and how often it failed."""
    delays = tuple(f"{delay / 1000:g} ms" for delay in view.delays_us)
    for what, group, names in (
        ("platform", places.platform, view.platforms),
        ("client", places.client, view.clients),
        ("delay", places.delay, delays),
        ("site", places.site, view.sites),
    ):
        known = group >= 0
        n, x = (sums(group[known], counts[known], len(names)) for counts in (places.n, failed))
        tried = n > 0
        yield what, tuple(np.array(names, dtype=object)[tried].tolist()), n[tried], x[tried]


def _ordinal(view: View) -> tuple[float, str]:
    """p-value and words for "a subject's later connects are refused more" (a quota)."""
    frame = view.tables.subjects
    host = view.host_codes(frame)
    known = host >= 0
    bins = frame["bin"].to_numpy(dtype=np.int64)[known]
    contrast = ordinal_contrast(
        host[known],
        np.unique(bins, return_inverse=True)[1].astype(np.int64),
        view.clock.chunk(bins * 5),
        frame["ordinal"].to_numpy(dtype=np.int64)[known],
        frame["n"].to_numpy(dtype=np.int64)[known],
        frame["explicit"].to_numpy(dtype=np.int64)[known],
        chunks=view.clock.chunks,
    )
    if contrast is None or contrast.informed < LEAST_CHUNKS:
        return 1.0, ""
    value = contrast.estimate.value
    if value < LEAST_RISE:
        return 1.0, ""
    return contrast.estimate.p_above(
        view.margin
    ), f"a user's later connects fail more often ({100 * value:+.1f} points)"


def quota_words(view: View) -> str:
    """From which connect of a user on the server refuses, where there is such a number; else nothing."""
    frame = view.tables.subjects
    by = frame.groupby("ordinal")[["n", "explicit"]].sum().sort_index()
    if by["explicit"].sum() < QUOTA_LEAST:
        return ""
    below = by.cumsum().shift(fill_value=0)
    above = by.sum() - below
    share_below = below["explicit"] / below["n"].clip(lower=1)
    share_above = above["explicit"] / above["n"].clip(lower=1)
    is_step = (share_below <= QUOTA_BELOW) & (share_above >= QUOTA_ABOVE) & (by.index > 1) & (by["explicit"] > 0)
    if not is_step.any():
        return ""
    at = int(np.flatnonzero(is_step.to_numpy())[0])
    (asked, refused), (before, early) = (
        frame[["n", "explicit"]].to_numpy(dtype=np.int64)[at] for frame in (above, below)
    )
    return (
        f" A quota: from the {ordinal_word(int(by.index[at]))} connection of a user within {WINDOW_S // 60} minutes on "
        f"({refused} of {asked} refused, before it {early} of {before})."
    )


def ordinal_word(number: int) -> str:
    """1st, 2nd, 3rd, 11th, 21st ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def mute_words(view: View) -> str:
    """Whether the unanswered requests are those of connections that are mute from a moment on; else nothing."""
    frame = view.tables.mute
    of_connections = frame["operation"] == ""
    is_mute = frame["is_mute"].astype(bool)
    counts = [int(frame.loc[chosen, "n"].sum()) for chosen in (of_connections, of_connections & is_mute)]
    requests = [int(frame.loc[chosen, "n"].sum()) for chosen in (~of_connections, ~of_connections & is_mute)]
    if not requests[1] or requests[1] < MUTE_SHARE * requests[0]:
        return ""
    return (
        f" {counts[1]} of {counts[0]} such connections were mute from a moment on, while pings were answered "
        f"({requests[1]} of {requests[0]} unanswered requests)."
    )


@dataclass(frozen=True, kw_only=True)
class InstanceRate:
    """One named instance against the rest.

    Attributes:
        name: As the server names it.
        estimate: Difference of risks within host, time, kind, client and delay; None: hardly ever beside another one.
        own: Its own failure rate.
    """

    name: str
    estimate: Estimate | None
    own: Rate


def instance_contrasts(view: View, silent: frozenset[str]) -> list[InstanceRate]:
    """Each instance that the server names against the rest; empty where fewer than two are named.

    Args:
        view: The prepared tables.
        silent: Operations that are never answered.
    """
    frame = view.tables.instances
    frame = frame[~frame["operation"].isin(silent) & (view.host_codes(frame) >= 0)]
    instance, names = coded(frame["server_instance"].astype(str))
    if len(names) < 2:
        return []
    minute, n, bad = counts_of(frame, "minute"), counts_of(frame, "n"), counts_of(frame, "bad")
    kind, _ = coded(frame["kind"].astype(str))
    # A process may be pinned to an instance (its resolver remembers), and so may the relay of a delay.
    client, _ = coded(frame["client"].astype(str) + "/" + frame["event_loop"].astype(str))
    delay, _ = coded(frame["delay_us"])
    stratum, _ = combined(view.host_codes(frame), view.clock.bin(minute, _unit(view)), kind, client, delay)
    met = view.dealt_by("both")
    place = {str(name): code for code, name in enumerate(coded(view.tables.dealt["server_instance"])[1])}
    met = met.where(met.instance >= 0)
    found = []
    for code, name in enumerate(names):
        exposed: Bools = instance == code
        contrast = risk_difference(
            stratum,
            view.clock.chunk(minute),
            exposed,
            n,
            bad,
            chunks=view.clock.chunks,
            design_effect=view.attempts_a_connection,
        )
        if contrast is not None:
            spread = difference_spread(
                met, met.instance == place.get(str(name), -1), ("host", "client", "delay", "kind")
            )
            contrast = replace(contrast, estimate=with_spread(contrast.estimate, spread))
        estimate = contrast.estimate if contrast is not None and contrast.overlap >= LEAST_OVERLAP else None
        if contrast is not None and estimate is not None and contrast.informed < LEAST_CHUNKS:
            # The server deals connections to instances, so connections are what was randomised: in a run too
            # short for chunks they alone give the error.
            estimate = Estimate(value=estimate.value, spreads=estimate.spreads[1:], n=estimate.n)
        own = Rate(events=int(bad[exposed].sum()), n=int(n[exposed].sum()), design_effect=view.attempts_a_connection)
        found.append(InstanceRate(name=str(name), estimate=estimate, own=own))
    return found


def _unit(view: View) -> int:
    """Minutes of a stratum of time where delays are strata too (`View.unit`)."""
    cells = view.compared
    for unit in TIME_UNITS:
        _, strata = view.strata(cells, cells.delay, unit=unit)
        if strata and cells.connections.sum() / strata >= CONNECTIONS_A_STRATUM:
            return unit
    return TIME_UNITS[-1]


def outliers(view: View, silent: frozenset[str]) -> list[str]:
    """Instances that surely fail more than the others, by more than the margin."""
    return [
        one.name
        for one in instance_contrasts(view, silent)
        if one.estimate is not None and one.estimate.p_above(view.margin) <= OUTLIER_ALPHA
    ]


def instances(view: View, silent: frozenset[str]) -> Path | None:
    """The instance that stands out most; None where none were named beside each other."""
    listed = instance_contrasts(view, silent)
    compared = [(one, one.estimate) for one in listed if one.estimate is not None]
    if not compared:
        return None
    one, estimate = min(compared, key=lambda pair: (pair[1].p_above(view.margin), -pair[1].value))
    low, high = estimate.interval()
    effect = Effect(name="risk difference", estimate=estimate.value, low=low, high=high)
    below = len(compared) == len(listed) and all(
        each.interval()[1] < view.margin or member.own.interval()[1] < view.margin for member, each in compared
    )
    words = f"Instance {one.name} against the others at the same time: {effect_words(effect)}."
    p_value = bonferroni(estimate.p_above(view.margin), len(listed))
    # A balancer that goes by user, or by path, deals users and not connections: an account may look like an instance.
    dealt = [condition for condition in factors.of_instances(view) if condition.check.ok is not True]
    if dealt:
        words, p_value, below = f"{words} {dealt[0].check.detail}", 1.0, False
    path = Path(
        name=f"the instance {one.name}",
        effect=effect,
        p_value=p_value,
        below=below,
        n=estimate.n,
        evidence=words,
        need=f"Instances that meet alike what differs now: {dealt[0].need}." if dealt else "",
    )
    parts = bound(by_instance(view, ["bad"], but=silent), view.margin, beside_the_rest=True)
    return _bounded(path, parts, view.margin)


def sticky(view: View) -> bool:
    """Whether several instances are known and some host met hardly any but one of them."""
    frame = view.tables.instances
    if frame["server_instance"].nunique() < 2:
        return False
    shares = frame.groupby(["host", "platform", "server_instance"], observed=True)["n"].sum()
    by_host = shares.groupby(level=[0, 1])
    return bool((by_host.max() / by_host.sum() > STICKY).any())


def holds_of(view: View) -> Holds:
    """The sessions that were held open, on hosts that attempted anything."""
    frame = view.tables.holds
    host = view.host_codes(frame)
    frame, host = frame[host >= 0], host[host >= 0]

    def whole(column: str) -> Ints:
        return frame[column].fillna(-1).to_numpy(dtype=np.int64)

    return Holds(
        host=host,
        by_peer=frame["by_peer"].to_numpy(dtype=np.bool_),
        parity=whole("parity"),
        age=whole("duration_bin"),
        idle=whole("idle_bin"),
        silence=whole("silence_bin"),
        end_s=whole("end_s"),
        chunk=view.clock.chunk(whole("chunk_minute")),
        n=whole("n"),
    )


def limits(view: View) -> list[Path]:
    """An age, or a silence, at which the peer ends sessions."""
    holds = holds_of(view)
    return [_limit(view, limit, holds) for limit in session_limits(holds)]


def limits_of_the_server(view: View) -> list[SessionLimit]:
    """The limits that are surely there, and that nobody was spared."""
    holds = holds_of(view)
    return [one for one in session_limits(holds) if _limit(view, one, holds).p_value <= LIMIT_ALPHA]


def _limit(view: View, limit: SessionLimit, holds: Holds) -> Path:
    what = "without a word" if limit.kind == "an idle limit" else "of age"
    window = f"{limit.start_s:g} to {limit.end_s:g} s {what}"
    words = f"The peer ends {rate_words(limit.rate)} of the sessions that reach {window}"
    if limit.controls is not None:
        words += f", and {rate_words(limit.controls)} of those of the same ages that were never silent as long"
    need = ""
    if limit.kind == "an age or idle limit":
        words += "; they were as old as they were idle"
        need = "Busy sessions beside the idle ones (--scenario idle,steady): they tell an idle limit from an age limit."
    if not limit.spread:
        words += "; but they ended together, which may be one event"
        need = "Sessions that start at different times: those that start together have one age."
    p_value = limit.p_above(view.margin)
    met_by = _met_by(view, limit, holds) if p_value <= LIMIT_ALPHA else ""
    if met_by:
        words += f"; {met_by}"
        need = (
            "What ends the sessions there and not elsewhere: a proxy of the site, a timer of the client's (who closed, "
            "in a capture beside the client; or the server's log)."
        )
    enough = limit.hosts >= min(2, len(view.hosts)) and not met_by
    return Path(
        name=limit.kind,
        effect=rate_effect(limit.rate),
        p_value=p_value if enough else 1.0,
        below=False if met_by else None,
        n=limit.rate.n,
        evidence=f"{words}.",
        need=need,
        spared=bool(met_by),
    )


def _met_by(view: View, limit: SessionLimit, holds: Holds) -> str:
    """Who alone met a limit, in words; empty: everybody who reached it did.

    A server's limit spares no platform, client, delay or site. A limit that only one of several met is no better
    known, however few of the others reached it.
    """
    for what, (names, reached, hit) in _meetings(view, limit, holds).items():
        is_spared = _are_spared(reached, hit)
        met = (hit > 0) & ~is_spared
        if is_spared.any() or met.sum() < min(2, len(names)):
            who = joined_words([name for name, is_met in zip(names, met.tolist(), strict=True) if is_met])
            count, others = (f"{int(hit[one].sum())} of {int(reached[one].sum())}" for one in (met, ~met))
            return f"only sessions of {what} {who} met it ({count}; {others} of all others)"
    return ""


def _are_spared(n: Floats, x: Floats) -> Bools:
    """(cohorts,) which of them surely met it less than half as often as another."""
    low, high = np.array([clopper_pearson(float(met), float(tried)) for met, tried in zip(x, n, strict=True)]).T
    result: Bools = high < MET_LEAST * low.max()
    return result


def _meetings(view: View, limit: SessionLimit, holds: Holds) -> dict[str, tuple[tuple[str, ...], Floats, Floats]]:
    """By platform, site, client and delay: names, sessions that reached the limit, and those that it ended."""
    masks = meets(limit, holds)
    by_host = [sums(holds.host, np.where(mask, holds.n, 0), len(view.hosts)) for mask in masks]
    reached, hit = (sums(view.platform_of, counts, len(view.platforms)) for counts in by_host)
    found = {"platform": (view.platforms, reached, hit)}
    site_of = _site_of(view)
    known = site_of >= 0
    if known.any():
        reached, hit = (sums(site_of[known], counts[known], len(view.sites)) for counts in by_host)
        found["site"] = (view.sites, reached, hit)
    frame, beyond = view.tables.holds, view.tables.reached
    ended = frame[view.host_codes(frame) >= 0][holds.by_peer]
    of = "age" if limit.kind == "an age limit" else "silence"
    beyond = beyond[(beyond["of"] == of) & (beyond["bin"] >= bins_of(limit)[1])]
    delays = tuple(f"{delay / 1000:g} ms" for delay in view.delays_us)
    for what, names, codes in (("client", view.clients, view.client_codes), ("delay", delays, view.delay_codes)):
        mine, theirs = codes(ended), codes(beyond)
        of_ended = [np.where(mine >= 0, mask[holds.by_peer], 0) * holds.n[holds.by_peer] for mask in masks]
        reached, hit = (sums(np.maximum(mine, 0), counts, len(names)) for counts in of_ended)
        n = np.where(theirs >= 0, counts_of(beyond, "n"), 0)
        found[what] = (names, reached + sums(np.maximum(theirs, 0), n, len(names)), hit)
    return found


def _site_of(view: View) -> Ints:
    """(hosts,) site code of each host that was at one site only; -1: unknown, or several."""
    frame = view.tables.sites.dropna(subset=["site"])
    host, site = view.host_codes(frame), coded_as(frame["site"], view.sites)
    kinds = sums(np.maximum(host, 0), np.where(host >= 0, 1, 0), len(view.hosts))
    site_of = np.full(len(view.hosts), -1, dtype=np.int64)
    site_of[host[host >= 0]] = site[host >= 0]
    return np.where(kinds == 1, site_of, -1)


def fresh_refusals(view: View) -> Path:
    """Tokens refused long before their expiry, of users who are let in at other times: the server's check fails."""
    connects = view.whole.where(view.of_kind(view.whole, "connect"))
    attempts = int(connects.n.sum())
    # Connections of one user share its token and nothing else.
    by_kind = view.tables.fresh_refusals.groupby("kind")[["n", "sometimes"]].sum()
    rates = {
        f"{'session' if kind == 'hold' else kind}s": Rate(events=int(x), n=int(n), design_effect=1.0)
        for kind, n, x in by_kind.itertuples()
    } or {"connects": Rate(events=0, n=attempts, design_effect=1.0)}
    judged = rated(rates, view.margin, n=attempts)
    rate = rates[judged.worst]
    path = Path(
        name="refusals of fresh tokens",
        effect=rate_effect(rate),
        p_value=judged.p_value,
        below=attempts > 0 and judged.all_below,
        n=rate.n,
        evidence=f"Tokens more than a minute before their expiry, of users who are let in at other times, are refused "
        f"in {rate_words(rate)} of the {judged.worst}.",
    )
    # A wrong token is as wrong for every instance: one that refuses more of them has a check that fails.
    parts = bound(by_instance(view, ["auth_fresh"]), view.margin, beside_the_rest=True)
    return _bounded(path, parts, view.margin)


def alike(view: View) -> Path | None:
    """Everybody's sessions fail alike while bare TCP and health requests do not; None without the controls."""
    cells = view.compared
    platforms, clients = np.unique(cells.platform), np.unique(cells.client)
    sites = np.unique(cells.site[cells.site >= 0])
    hosts = np.unique(cells.host)
    if len(platforms) < 2 or len(clients) < 2 or len(sites) < 2 or len(hosts) < 4:
        return None
    for operation in ("tcp", "health"):
        for s in sites:
            if not probe_rate(view, operation=operation, site=view.sites[int(s)]).interval()[1] < view.margin:
                return None
    lowest = cells.where(cells.delay == cells.delay.min())
    groups = ((lowest.platform, platforms), (lowest.client, clients), (lowest.site, sites), (lowest.host, hosts))
    rates = []
    for group, members in groups:
        for member in members:
            mine = lowest.where(group == member)
            rates.append(view.rate(mine, mine.residual, mine.n_clean, cautious=True, about="silent"))
    if any(rate.n == 0 for rate in rates):
        return None
    estimates = [rate.estimate or 0.0 for rate in rates]
    same = min(estimates) > SAME_LEAST * max(estimates)
    overall = view.rate(lowest, lowest.residual, lowest.n_clean, about="silent")
    return Path(
        name="everybody alike, controls clean",
        effect=rate_effect(overall),
        p_value=max(rate.p_above(view.margin) for rate in rates) if same else 1.0,
        below=None,
        n=overall.n,
        evidence=f"Without added delay {rate_words(overall)} of the attempts fail, alike for every platform, client, "
        "site and host, while bare TCP connects and health requests from every site go well.",
    )
