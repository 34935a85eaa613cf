"""Sessions that ended before their time while they were held: in no claim, and in the way of ruling some out.

The claims are about connects and exchanges. A session that is reset between two exchanges is neither, so that a target
that loses a tenth of its sessions may look clean. What was held is an attempt to hold it: where such ends are, or may
be, beyond the margin, a claim that speaks of failures everywhere is not ruled out (`server`, `network`,
`intermittent`), and where they may differ by more than the margin between the sides of a comparison, neither is that
one. Nothing is confirmed by them. What a limit of the server's ended is that limit's, and ends in the middle of an
exchange are failures of the exchange.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from analysis.claims.server_limits import limits_of_the_server
from analysis.claims.session_limits import bins_of
from analysis.comparison.rated import is_few
from analysis.comparison.rule import effect_words, joined_words, rate_effect, rate_words
from analysis.comparison.view import View
from analysis.model import Effect, Finding, Part
from analysis.stats.groups import Bools, Ints, combined, counts_of
from analysis.stats.rates import Rate, clustered_rate

PART: Final = "sessions held"
# Fewer sessions that died are not worth a sentence, and no chance makes one cohort stand out so clearly.
LEAST_DEATHS: Final = 5
STANDS_OUT: Final = 0.001
MOST_CAUSES: Final = 4
NOT_AMONG: Final = "sessions that end before their time are not among them"
_NEEDS_CAUSE: Final = (
    "What ended these sessions ({causes}): the server's log at their ends, or plain TCP connections held beside them "
    "from the same hosts, which tell the way from the server."
)
_NEEDS_MORE: Final = (
    "More sessions (a longer run, or --session-s smaller), so that their own rates are known ({causes})."
)


@dataclass(frozen=True, kw_only=True)
class Held:
    """Sessions, each array (rows,): who held them, how many, and how many died.

    Attributes:
        host, platform, client, delay: Codes of the view; -1: none that attempted anything.
        minute: Rank of the minute of the start.
        n: Sessions.
        died: Ended before their time, for no reason that is known.
    """

    host: Ints
    platform: Ints
    client: Ints
    delay: Ints
    minute: Ints
    n: Ints
    died: Ints

    def rate(self, mask: Bools) -> Rate:
        """The rate at which sessions died, with minutes, hosts and hosts' minutes as clusters."""
        host, minute = self.host[mask], self.minute[mask]
        host_minute, _ = combined(host, minute)
        return clustered_rate(self.died[mask], self.n[mask], host, minute, host_minute)


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """What keeps a claim from being ruled out.

    Attributes:
        words: The numbers, as the end of a sentence.
        effect: Their size.
        n: Sessions.
        is_beyond: Surely beyond the margin; else it may be.
    """

    words: str
    effect: Effect
    n: int
    is_beyond: bool


def held_of(view: View, dead: pd.DataFrame) -> Held:
    """The sessions of the hosts that attempted anything, and those of them that died (`deaths`)."""
    parts = []
    for frame, minute, died in ((view.tables.sessions, "minute", False), (dead, "chunk_minute", True)):
        n = counts_of(frame, "n")
        none = np.zeros(len(n), dtype=np.int64)
        parts.append(
            {
                "host": view.host_codes(frame),
                "client": view.client_codes(frame),
                "delay": view.delay_codes(frame),
                "minute": view.clock.rank(counts_of(frame, minute)),
                "n": none if died else n,
                "died": n if died else none,
            }
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    known = joined["host"] >= 0
    kept = {name: values[known] for name, values in joined.items()}
    return Held(**kept, platform=view.platform_of[kept["host"]])


def deaths(view: View) -> pd.DataFrame:
    """The rows of `Tables.holds` of sessions that died, without those that a limit of the server's ended."""
    frame = view.tables.holds
    frame = frame[frame["died"].astype(bool)]
    if frame.empty:
        return frame
    for limit in limits_of_the_server(view):
        start, stop = bins_of(limit)
        value = frame["duration_bin" if limit.kind == "an age limit" else "idle_bin"]
        frame = frame[~(frame["by_peer"].astype(bool) & (value >= start) & (value < stop))]
    return frame


def causes_words(dead: pd.DataFrame) -> str:
    """How sessions that died ended, the commonest first."""
    code = dead["close_code"].map(lambda code: "" if pd.isna(code) else f" {code:.0f}")
    how = (dead["cause"].fillna("unknown").astype(str) + code.astype(str)).rename("how")
    counts = dead.groupby(how)["n"].sum().sort_values(ascending=False, kind="stable")
    said = [f"{name} {n}" for name, n in counts.head(MOST_CAUSES).items()]
    return ", ".join([*said, *(["others"] if len(counts) > MOST_CAUSES else [])])


def not_ruled_out(view: View, claims: dict[str, Finding]) -> dict[str, Finding]:
    """The claims, without those ruled out that sessions which died stand in the way of."""
    if not any(finding.state == "ruled_out" for finding in claims.values()) or not view.tables.holds["died"].any():
        return claims
    dead = deaths(view)
    held = held_of(view, dead)
    if not held.died.any():
        return claims
    causes = causes_words(dead)
    return {
        name: _reopened(finding, obstacle, causes)
        if finding.state == "ruled_out" and (obstacle := _obstacle(view, held, name)) is not None
        else finding
        for name, finding in claims.items()
    }


def _reopened(finding: Finding, obstacle: Obstacle, causes: str) -> Finding:
    words = f"Ruled out among connects and exchanges only: {obstacle.words}."
    needs = (_NEEDS_CAUSE if obstacle.is_beyond else _NEEDS_MORE).format(causes=causes)
    part = Part(state="undecided", effect=obstacle.effect, n=obstacle.n)
    parts = {**finding.parts, PART: part}
    return replace(finding, state="undecided", evidence=words, needs=needs, parts=parts, ceiling=False)


def _obstacle(view: View, held: Held, claim: str) -> Obstacle | None:
    """The clearest thing that stands in the way of ruling a claim out; None: nothing does, or it is none of these."""
    if claim in ("server", "intermittent", "network"):
        seen = list(_rates(view, held))
        # All sessions come first: the worst of many cohorts is so by chance, too.
        if seen and seen[0].n == held.n.sum() and seen[0].is_beyond:
            return seen[0]
    else:
        contrasts = (_contrast(view, *pair) for pair in _pairs(view, held, claim))
        seen = [one for one in contrasts if one is not None]
    return min(seen, key=lambda one: (not one.is_beyond, -abs(one.effect.estimate or 0.0)), default=None)


def _rates(view: View, held: Held) -> Iterator[Obstacle]:
    """Cohorts of sessions that died at a rate which reaches the margin."""
    for name, mask in {"": held.n >= 0, **cohorts(view, held)}.items():
        rate = held.rate(mask)
        effect = rate_effect(rate)
        if effect is None:
            continue
        low, high = rate.interval()
        is_beyond = low > view.margin
        if is_beyond or (rate.events and high >= view.margin and not is_few(rate, view.margin)):
            words = f"{NOT_AMONG}, and {rate_words(rate)} of the sessions held{f' ({name})' if name else ''} did"
            yield Obstacle(words=words, effect=effect, n=rate.n, is_beyond=is_beyond)


def cohorts(view: View, held: Held) -> dict[str, Bools]:
    """Each platform, client, library, delay and host of the sessions, by name, where there are several."""
    delays = tuple(f"{delay / 1000:g} ms added" for delay in view.delays_us)
    hosts = tuple(f"host {host} ({platform})" for host, platform in view.hosts)
    kinds: tuple[tuple[Ints, Sequence[str]], ...] = (
        (held.platform, view.platforms),
        (held.client, view.clients),
        (held.delay, delays),
        (held.host, hosts),
    )
    found = {name: codes == code for codes, names in kinds if len(names) > 1 for code, name in enumerate(names)}
    of_library = [name.partition("/")[0] for name in view.clients]
    several = {name for name in of_library if len(set(of_library)) > 1 and of_library.count(name) > 1}
    return found | {
        name: np.isin(held.client, [c for c, one in enumerate(of_library) if one == name]) for name in sorted(several)
    }


Side = tuple[str, Rate]


def _pairs(view: View, held: Held, claim: str) -> Iterator[tuple[list[Side], list[Side]]]:
    """What a comparison holds against what: rates that are added, and rates that are taken off."""
    delays = range(len(view.delays_us))
    at = [f"{delay / 1000:g} ms" for delay in view.delays_us]
    everywhere = held.n >= 0
    of_platforms = {name: held.platform == code for code, name in enumerate(view.platforms)}

    def side(name: str, mask: Bools) -> Side:
        return name, held.rate(mask)

    if claim == "platform":
        for when, mask in [("", everywhere), *((f" at {at[d]}", held.delay == d) for d in delays if len(at) > 1)]:
            for one, two in combinations(of_platforms, 2):
                yield [side(one + when, of_platforms[one] & mask)], [side(two + when, of_platforms[two] & mask)]
    elif claim == "latency":
        for where, mask in [("", everywhere), *((f" on {name}", m) for name, m in of_platforms.items())]:
            for d in delays[1:]:
                yield [side(at[d] + where, mask & (held.delay == d))], [side(at[0] + where, mask & (held.delay == 0))]
    elif claim == "client":
        for name, mask in of_platforms.items():
            sides = [side(f"{client} on {name}", mask & (held.client == c)) for c, client in enumerate(view.clients)]
            for first, second in combinations(sides, 2):
                yield [first], [second]
    elif claim == "platform_x_latency":
        for one, two in combinations(of_platforms, 2):
            for d in delays[1:]:
                cells = {
                    (name, e): side(f"{name} at {at[e]}", of_platforms[name] & (held.delay == e))
                    for name in (one, two)
                    for e in (0, d)
                }
                yield [cells[one, d], cells[two, 0]], [cells[one, 0], cells[two, d]]


def _contrast(view: View, added: list[Side], taken: list[Side]) -> Obstacle | None:
    """A difference of rates that may be, or is, beyond the margin; None: it is not, or nobody can tell.

    The interval is put together from those of the rates (the "square-and-add" of Newcombe, Statistics in Medicine 17,
    1998, for sums of several: Zou and Donner, 2008).
    """
    rates = [(1, rate) for _, rate in added] + [(-1, rate) for _, rate in taken]
    if any(rate.n == 0 for _, rate in rates) or not any(rate.events for _, rate in rates):
        return None
    value = below = above = 0.0
    for sign, rate in rates:
        estimate = rate.events / rate.n
        low, high = rate.interval()
        value += sign * estimate
        below += (estimate - low if sign > 0 else high - estimate) ** 2
        above += (high - estimate if sign > 0 else estimate - low) ** 2
    low, high = value - math.sqrt(below), value + math.sqrt(above)
    is_beyond = low > view.margin or high < -view.margin
    # Too few sessions say nothing, unless they differ beyond the margin already, and surely differ at all.
    is_told = abs(value) > view.margin and (low > 0 or high < 0)
    few = any(is_few(rate, view.margin) for _, rate in rates) and not is_told
    if not is_beyond and (few or (high < view.margin and low > -view.margin)):
        return None
    effect = Effect(name="risk difference", estimate=value, low=low, high=high)
    counts = joined_words([f"{rate.events:,} of {rate.n:,} ({name})" for name, rate in (*added, *taken)])
    return Obstacle(
        words=f"{NOT_AMONG}, and of the sessions held {counts} did, a difference of {effect_words(effect)}",
        effect=effect,
        n=sum(rate.n for _, rate in rates),
        is_beyond=is_beyond,
    )


def deaths_words(view: View) -> str:
    """How many sessions ended before their time, by cause, and who has most of them; empty: hardly any did."""
    dead = deaths(view)
    if int(dead["n"].sum()) < LEAST_DEATHS:
        return ""
    held = held_of(view, dead)
    total, died = int(held.n.sum()), int(held.died.sum())
    words = f"{died:,} of {total:,} sessions ended before their time while they were held ({causes_words(dead)})"
    return f"{words}{_most_words(view, held)}."


def _most_words(view: View, held: Held) -> str:
    """The platform, client, delay or host whose sessions died most clearly more often than the others'."""
    from scipy.stats import hypergeom

    total, died = int(held.n.sum()), int(held.died.sum())
    counts = {name: (int(held.n[mask].sum()), int(held.died[mask].sum())) for name, mask in cohorts(view, held).items()}
    chance = {name: float(hypergeom.sf(x - 1, total, died, n)) for name, (n, x) in counts.items() if x}
    # Of those that stand out alike the first is the coarsest: a host is one of its platform's.
    most = min(chance, key=lambda name: chance[name], default=None)
    if most is None or chance[most] * len(counts) > STANDS_OUT:
        return ""
    n, x = counts[most]
    return f", most of all of {most}: {x:,} of {n:,}, of all others {died - x:,} of {total - n:,}"
