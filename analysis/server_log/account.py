"""All that a server's log says of the runs: how much of it could be joined, and what it saw of each failed wait."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from analysis.server_log.clocks import Clocks
from analysis.server_log.event import Event
from analysis.server_log.gathered import SLOT_S, Gathered
from analysis.server_log.join import Joined, Seen
from analysis.server_log.ladder import RUNGS, STATED, WORDS, Said, Told, of_connect, of_wait
from analysis.server_log.messages import Asked, Message
from analysis.server_log.read import Counts
from analysis.server_log.waits import LATE_S, Connect, Wait, Waits, Who
from analysis.stats.rates import Rate, clopper_pearson, clustered_rate

# A log with fewer of the lines that must be there says nothing by what is not there.
COMPLETE: Final = 0.9
# Fewer connects or exchanges that must be in the log tell nothing of how complete it is.
LEAST_KNOWN: Final = 20
# A minute begins at no moment of a server's.
NEAR_S: Final = 2.0
# A proxy that waits for its server writes the line of a client that has left when it gives up, too.
OPEN_S: Final = 120.0
RESTART_S: Final = 2.0
RESTART_AT_MOST_S: Final = 120.0
# How a server that goes away looks from a client; an answer in words has another reason.
CAUSES_OF_A_RESTART: Final = frozenset({"refused", "reset", "unreachable", "server_closed", "http_status"})
GROUPS: Final = ("platform", "client", "delay", "instance")
MOST_VALUES: Final = 50
# What each claim may lean on (`lost_at` tells the client's own loop from the way).
OWN_RUNGS: Final = frozenset({"generator", "unsent", "unread"})


@dataclass(frozen=True)
class Share:
    """How many of a group's failed waits the log says something of.

    Attributes:
        group: "all", or what the waits are told apart by.
        value: Which of these.
        said: What the log says.
        count: Of so many waits.
        n: Failed waits of the group.
        low: 95 % interval of count / n, what may be lines that are missing taken off.
        high: Its other end.
    """

    group: str
    value: str
    said: Said
    count: int
    n: int
    low: float
    high: float


class Known(NamedTuple):
    """Of what must be in the log, how much is.

    Attributes:
        found: Of so many.
        n: That must be.
    """

    found: int
    n: int

    @property
    def is_complete(self) -> bool:
        """Whether what is not in the log may be said not to have been."""
        return self.n >= LEAST_KNOWN and self.found >= COMPLETE * self.n

    @property
    def missing(self) -> float:
        """The most of it that may be missing."""
        return 1.0 - clopper_pearson(self.found, self.n)[0] if self.n else 1.0


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the log says.

    Attributes:
        counts: What was read.
        attempts: Rows of sessions in the runs.
        connects: Connects in the runs.
        joined_by: Connects by the strongest key that they joined by.
        ambiguous: Connects that may be several lines', or the other way round.
        ready: Connects that became ready: how many are in the log.
        requests: Exchanges that went well: how many requests are in the log.
        replies: And how many replies.
        offset_s: The server's clock minus the clients'.
        error_s: The most that it may be wrong.
        clocks_by: Connections that the offset was estimated by; 0: it is not known.
        told: The failed waits: whose, what kind, `lost_at`, and what the log says.
        shares: Of what it says, in all and by group.
        stated: Waits that the log decides in as many words, as a rate of all attempts, clustered by minute.
        artefacts: What looks like a fault and is none, by name.
        left_out: Failed waits beyond the most that are looked up.
        runs_s: From the first connect to the last, by the clients' clocks; None without any.
    """

    counts: Counts
    attempts: int
    connects: int
    joined_by: Mapping[str, int]
    ambiguous: int
    ready: Known
    requests: Known
    replies: Known
    offset_s: float
    error_s: float
    clocks_by: int
    told: tuple[tuple[Who, str, str | None, Told], ...]
    shares: tuple[Share, ...]
    stated: Mapping[str, Rate]
    artefacts: Mapping[str, int]
    left_out: int
    runs_s: tuple[float, float] | None = None

    @property
    def rungs(self) -> dict[str, int]:
        """Failed waits by the server's rung, in the ladder's order."""
        found = Counter(told.rung for _, _, _, told in self.told)
        return {rung: found[rung] for rung in RUNGS if found[rung]}

    @property
    def says(self) -> dict[str, int]:
        """Failed waits by what the log says of them."""
        found = Counter(told.said for _, _, _, told in self.told)
        return {said: found[said] for said in WORDS if found[said]}

    def share_of(self, said: Said) -> Share | None:
        """The share of all failed waits; None: the log says it of none."""
        return next((one for one in self.shares if one.group == "all" and one.said == said), None)


def account(
    log: Gathered,
    joined: Joined,
    waits: Waits,
    counts: Counts,
    *,
    of_failed: Sequence[Message] = (),
    of_good: Sequence[tuple[int, int] | None] = (),
) -> Account:
    """Put together what the log says of the runs.

    Args:
        log: What was gathered.
        joined: The join.
        waits: What it was held against.
        counts: What was read.
        of_failed: What the log says of each of `waits.failed`.
        of_good: Of each of `waits.good`, how many of its requests were taken up, and served; None: not to be told.
    """
    connects, seen = waits.connects, joined.seen
    places = {(one.worker, one.connection): place for place, one in enumerate(connects)}
    ready = _known_connects(connects, joined, log)
    ported = _known_ports(connects, joined, log)
    ok_joined = [s for place, s in seen.items() if connects[place].outcome == "ok"]
    tells_ready = Known(sum(s.established_s is not None for s in ok_joined), len(ok_joined)).is_complete
    clear = [(wait.n, *counts_of) for wait, counts_of in zip(waits.good, of_good, strict=False) if counts_of]
    requests = Known(sum(taken for _, taken, _ in clear), sum(n for n, _, _ in clear))
    replies = Known(sum(answered for _, _, answered in clear), requests.found)
    restarts = Restarts(log.server)
    told: list[tuple[Who, str, str | None, Told]] = []
    minutes: list[int] = []
    for place, connect in enumerate(connects):
        if not connect.has_failed:
            continue
        offset = joined.clocks.between(connect.worker, None, connect.from_s)
        mine = seen.get(place)
        would_show = (
            connect.worker in joined.ports_of
            and connect.port is not None
            and place not in joined.ambiguous
            and ported.is_complete
            and _covers(log.port_slots, connect.from_s + offset.offset_s)
            and not (log.at_end and log.last_s < connect.until_s + offset.offset_s + OPEN_S)
        )
        in_restart = connect.cause in CAUSES_OF_A_RESTART and restarts.covers(
            connect.until_s + offset.offset_s, offset.error_s
        )
        said = of_connect(connect, mine, offset, would_show=would_show, tells_ready=tells_ready, in_restart=in_restart)
        told.append((_who(connect.who, mine.instance if mine else None), "connect", connect.lost_at, said))
        minutes.append(int(connect.from_s // SLOT_S))
    for wait, message in zip(waits.failed, of_failed, strict=True):
        offset = joined.clocks.between(wait.worker, None, wait.from_s)
        mine = seen.get(places.get((wait.worker, wait.connection), -1))
        is_covered = _covers(log.request_slots, wait.from_s + offset.offset_s)
        would_show = requests.is_complete and mine is not None and is_covered
        in_restart = wait.cause in CAUSES_OF_A_RESTART and restarts.covers(
            wait.until_s + offset.offset_s, offset.error_s
        )
        said = of_wait(wait, mine, message, offset, would_show=would_show, in_restart=in_restart)
        told.append((_who(wait.who, mine.instance if mine else None), wait.kind, wait.lost_at, said))
        minutes.append(int(wait.from_s // SLOT_S))
    strongest: Counter[str] = Counter(
        next(key for key in ("connection", "trace", "port", "subject") if key in one.by) for one in seen.values()
    )
    overall = joined.clocks.overall
    return Account(
        counts=counts,
        attempts=waits.attempts,
        connects=len(connects),
        joined_by=dict(strongest),
        ambiguous=len(joined.ambiguous - set(seen)),
        ready=ready,
        requests=requests,
        replies=replies,
        offset_s=overall.offset_s,
        error_s=overall.error_s,
        clocks_by=joined.clocks.connections,
        told=tuple(told),
        shares=tuple(shares(told, minutes, missing=missing(ported, requests, replies, ready=ready))),
        stated=_stated(told, minutes, waits.attempts),
        artefacts=_artefacts(log, joined, connects),
        left_out=waits.left_out,
        runs_s=(min(one.from_s for one in connects), max(one.until_s for one in connects)) if connects else None,
    )


class Restarts:
    """When the server's process ended and began again, by its own log: its first start and its last end are none."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._spans: list[tuple[float, float]] = []
        stopped_s: float | None = None
        for event in sorted(events, key=lambda event: event.at_s):
            if event.stage == "stopping":
                stopped_s = event.at_s if stopped_s is None else stopped_s
            elif stopped_s is not None:
                if event.at_s - stopped_s <= RESTART_AT_MOST_S:
                    self._spans.append((stopped_s - RESTART_S, event.at_s + RESTART_S))
                stopped_s = None

    def covers(self, at_s: float, error_s: float) -> bool:
        """Whether a moment of the server's clock, known to within `error_s`, lies in one of them."""
        at = bisect.bisect(self._spans, (at_s + error_s, float("inf")))
        return any(low_s - error_s <= at_s <= high_s + error_s for low_s, high_s in self._spans[max(0, at - 2) : at])


def missing(ported: Known, requests: Known, replies: Known, *, ready: Known) -> Mapping[str, float]:
    """How much of what rests on an absent line may be a line that is missing."""
    absent = max((known.missing for known in (ported, requests) if known.n), default=1.0)
    return {"never_got_it": absent, "not_taken_up": absent, "was_slow": replies.missing if replies.n else ready.missing}


def shares(
    told: Sequence[tuple[Who, str, str | None, Told]], minutes: Sequence[int], *, missing: Mapping[str, float]
) -> list[Share]:
    """What the log says of the failed waits: in all, then by platform, client, delay and instance.

    Args:
        told: The waits.
        minutes: When each was: waits of a minute fail together.
        missing: By what is said: the share that lines may be missing of, taken off the lower end.
    """
    found: list[Share] = []
    groups: dict[tuple[str, str], list[int]] = {("all", ""): list(range(len(told)))}
    for place, (who, _, _, _) in enumerate(told):
        values = who.platform, who.client, f"{1000 * who.delay_s:g} ms", who.instance or "not named"
        for group, value in zip(GROUPS, values, strict=True):
            groups.setdefault((group, value), []).append(place)
    slots = np.unique(np.asarray(minutes, dtype=np.int64), return_inverse=True)[1].reshape(-1)
    for (group, value), places in list(groups.items())[: MOST_VALUES * len(GROUPS)]:
        counts = Counter(told[place][3].said for place in places)
        for said in WORDS:
            if not counts[said]:
                continue
            events = np.asarray([told[place][3].said == said for place in places], dtype=np.float64)
            rate = clustered_rate(events, np.ones(len(places)), slots[places])
            low, high = rate.interval()
            low = max(0.0, low - missing.get(said, 0.0))
            found.append(Share(group, value, said, counts[said], len(places), low, high))
    return found


def as_json(found: Account) -> dict[str, Any]:
    """The account as the verdict has it (`server_log`)."""
    counts = found.counts
    return {
        "files": [{"name": name, "format": form} for name, form in counts.formats.items()],
        "tried": list(counts.tried),
        "lines": counts.lines,
        "unreadable": counts.unreadable,
        "events": counts.events,
        "first_s": counts.first_s,
        "last_s": counts.last_s,
        "clock": {"offset_s": found.offset_s, "error_s": found.error_s, "connections": found.clocks_by}
        if found.clocks_by
        else None,
        "joined": {"connects": found.connects, "by": dict(found.joined_by), "ambiguous": found.ambiguous},
        "complete": {
            name: {"found": known.found, "n": known.n}
            for name, known in (("ready", found.ready), ("requests", found.requests), ("replies", found.replies))
        },
        "waits": len(found.told),
        "left_out": found.left_out,
        "rungs": found.rungs,
        "says": found.says,
        "shares": [
            {
                "group": one.group,
                "value": one.value,
                "said": one.said,
                "count": one.count,
                "n": one.n,
                "share": one.count / one.n,
                "low": one.low,
                "high": one.high,
            }
            for one in found.shares
        ],
        "artefacts": dict(found.artefacts),
    }


def _who(who: Who, instance: str | None) -> Who:
    """With the instance that the log names, where the client knows none."""
    return who if who.instance or not instance else who._replace(instance=instance)


def _covers(slots: Collection[int], at_s: float) -> bool:
    """Whether there are lines of that minute, or of one within a few seconds."""
    return any(int((at_s + near_s) // SLOT_S) in slots for near_s in (-NEAR_S, NEAR_S))


def _known_connects(connects: Sequence[Connect], joined: Joined, log: Gathered) -> Known:
    """Of the connects that became ready while the log has lines: those that were joined."""
    n = found = 0
    for place, connect in enumerate(connects):
        if connect.outcome != "ok":
            continue
        offset_s = joined.clocks.between(connect.worker, None, connect.from_s).offset_s
        if place in joined.seen or _covers(log.slots, connect.from_s + offset_s):
            n += 1
            found += place in joined.seen
    return Known(found, n)


def _known_ports(connects: Sequence[Connect], joined: Joined, log: Gathered) -> Known:
    """Of these, by their ports alone while there are lines with any: nothing else tells of one that failed."""
    n = found = 0
    for place, connect in enumerate(connects):
        if connect.outcome != "ok" or connect.port is None or connect.worker not in joined.ports_of:
            continue
        is_found = place in joined.seen and "port" in joined.seen[place].by
        offset_s = joined.clocks.between(connect.worker, None, connect.from_s).offset_s
        if is_found or _covers(log.port_slots, connect.from_s + offset_s):
            n += 1
            found += is_found
    return Known(found, n)


def _stated(
    told: Sequence[tuple[Who, str, str | None, Told]], minutes: Sequence[int], attempts: int
) -> dict[str, Rate]:
    """What the log states, each as a rate of all attempts; minutes without a failure are taken as one."""
    found: dict[str, Rate] = {}
    for said in sorted(STATED):
        hits = [minute for minute, (_, _, _, one) in zip(minutes, told, strict=True) if one.said == said]
        if not hits or not attempts:
            continue
        by_minute = Counter(hits)
        # Failures of one minute may be one event: as many independent trials as minutes, at worst.
        effect = max(1.0, len(hits) / len(by_minute))
        found[said] = Rate(events=len(hits), n=max(attempts, len(hits)), design_effect=effect)
    return found


def _artefacts(log: Gathered, joined: Joined, connects: Sequence[Connect]) -> dict[str, int]:
    left = sum(seen.left_early and connects[place].outcome != "ok" for place, seen in joined.seen.items())
    found = {
        "lifetimes_as_latency": log.lifetimes,
        "errors_at_the_end_of_life": log.aged_errors,
        "errors_of_clients_that_left": left,
        "doubled_access_lines": log.doubled,
    }
    return {name: n for name, n in found.items() if n}


def asked_of(waits: Sequence[Wait], joined: Joined, places: Mapping[tuple[str, int], int]) -> list[Asked]:
    """The waits with what is needed to find their lines."""
    found = []
    for wait in waits:
        place = places.get((wait.worker, wait.connection), -1)
        seen = joined.seen.get(place)
        offset = joined.clocks.between(wait.worker, seen.instance if seen else None, wait.from_s)
        over_s = [
            _over_s(until_s, worker, joined.seen.get(places.get((worker, connection), -1)), joined.clocks)
            for worker, connection, until_s in wait.left
        ]
        found.append(Asked(wait, joined.sessions.get(place), offset, max(over_s, default=None)))
    return found


def _over_s(until_s: float, worker: str, seen: Seen | None, clocks: Clocks) -> float:
    """When a connection whose wait ran out was surely over at the server, by the client's clock."""
    if seen is None or seen.closed_s is None:
        return until_s + LATE_S
    offset_s, error_s = clocks.between(worker, seen.instance, until_s)
    return seen.closed_s - offset_s + error_s
