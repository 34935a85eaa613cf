"""Which line of the log is of which connect: by connection id, trace id, port, or user and time.

A key that is the same on both sides joins at once. All others join by time, within the clocks' error: an event joins a
connect if it can be no other's, and the connect can have no other. A join that could be two is none. A connect whose
upgrade was answered has surely been accepted before that answer, so that it comes before those that may have been.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeVar

from analysis.server_log.clocks import Bound, Clocks, agreeing
from analysis.server_log.event import Event
from analysis.server_log.gathered import LINGER_S, Gathered, LoggedSession
from analysis.server_log.markers import accepted_second
from analysis.server_log.waits import Connect

_T = TypeVar("_T")
By = Literal["connection", "trace", "port", "subject"]
# An id that does not embed its accept was first spoken of so much later at most.
FIRST_LINE_S: Final = 10.0
# Fewer of a worker's good connects at the log's ports than this: its ports are not the ones that the server sees, but
# those of a proxy or of an address translation, and what fits is chance.
TRUSTED: Final = 0.2


@dataclass(slots=True)
class Seen:
    """What the server saw of a connect; times by its own clock, None = the log does not say."""

    by: set[By] = field(default_factory=set)
    instance: str | None = None
    accepted_s: float | None = None
    authenticated_s: float | None = None
    established_s: float | None = None
    closed_s: float | None = None
    refused_s: float | None = None
    status: int | None = None
    quota: bool = False
    left_early: bool = False


class Joined(NamedTuple):
    """The join.

    Attributes:
        seen: By the connect's place among the connects.
        sessions: The server's id by the connect's place.
        ambiguous: Places of connects for which the log has something that may be another's.
        ports_of: Workers whose ports are those that the server sees.
        clocks: The offsets.
    """

    seen: dict[int, Seen]
    sessions: dict[int, str]
    ambiguous: frozenset[int]
    ports_of: frozenset[str]
    clocks: Clocks


def joined(log: Gathered, connects: Sequence[Connect]) -> Joined:
    """Join what was gathered to the connects that it was gathered for."""
    by_id = {connect.named: place for place, connect in enumerate(connects) if connect.named}
    named = {place: name for name, place in by_id.items() if name in log.sessions}
    clocks = clocks_of(log, connects, named)
    found = _Joining(log, connects, clocks, named)
    found.by_connection()
    found.by_trace()
    found.by_port()
    found.by_subject()
    found.quotas()
    return Joined(found.seen, found.sessions, frozenset(found.ambiguous), frozenset(found.ports_of), clocks)


def clocks_of(log: Gathered, connects: Sequence[Connect], named: Mapping[int, str]) -> Clocks:
    """The clocks' offsets, by welcomes where both sides name connections, else by ports that occur once on both.

    A worker of whose ports the log has too few has met some by chance: they tell no time.
    """
    bounds = []
    for place, name in named.items():
        connect, session = connects[place], log.sessions[name]
        if connect.outcome == "ok" and connect.asked_s is not None and session.prepared_s and session.first_s:
            low_s = session.prepared_s - connect.until_s
            high_s = session.first_s + log.resolution_s - connect.asked_s
            bounds.append(Bound(connect.worker, session.instance, connect.until_s, low_s, high_s))
    if bounds:
        return Clocks(bounds)
    users: Counter[int | None] = Counter(connect.port for connect in connects)
    wanted: Counter[str] = Counter()
    for connect in connects:
        if connect.port is None or users[connect.port] > 1 or connect.answered_s is None:
            continue
        wanted[connect.worker] += 1
        events = log.by_port.get(connect.port, ())
        if len(events) == 1:
            at_s = events[0].at_s
            low_s, high_s = at_s - connect.answered_s, at_s + log.resolution_s - connect.from_s
            bounds.append(Bound(connect.worker, events[0].instance, connect.from_s, low_s, high_s))
    met = Counter(bound.worker for bound in bounds)
    return Clocks(agreeing([one for one in bounds if met[one.worker] >= TRUSTED * wanted[one.worker]]))


class _Joining:
    """The join while it is made, in the order of the keys' strength."""

    def __init__(self, log: Gathered, connects: Sequence[Connect], clocks: Clocks, named: Mapping[int, str]) -> None:
        self._log, self._connects, self._clocks = log, connects, clocks
        self.seen: dict[int, Seen] = {}
        self.sessions = dict(named)
        self.ambiguous: set[int] = set()
        self.ports_of: set[str] = set()

    def by_connection(self) -> None:
        for place, name in self.sessions.items():
            self._take_session(place, name, "connection")

    def by_trace(self) -> None:
        traces: dict[str, list[int]] = defaultdict(list)
        for place, connect in enumerate(self._connects):
            if connect.trace in self._log.by_trace:
                traces[connect.trace].append(place)
        for trace, places in traces.items():
            if len(places) > 1:
                self.ambiguous.update(places)
                continue
            for event in self._log.by_trace[trace]:
                self._take_event(places[0], event, "trace")

    def by_port(self) -> None:
        ports: dict[int, list[int]] = defaultdict(list)
        for place, connect in enumerate(self._connects):
            if connect.port is not None and connect.asked_s is not None:
                ports[connect.port].append(place)
        claims: list[tuple[Event, list[int]]] = []
        for port, places in ports.items():
            claims += self._claims(self._log.by_port.get(port, ()), "accepted", places)
        unclear = set(self.ambiguous)
        owned = self._owned(claims)
        good = Counter(c.worker for c in self._connects if c.port is not None and c.outcome == "ok")
        hits = Counter(self._connects[place].worker for place in owned if self._connects[place].outcome == "ok")
        self.ports_of = {worker for worker, n in good.items() if hits[worker] >= TRUSTED * n}
        for place, event in owned.items():
            if self._connects[place].worker in self.ports_of:
                self._take_event(place, event, "port")
        mine = {place for place in self.ambiguous if self._connects[place].worker in self.ports_of}
        self.ambiguous = unclear | (mine - set(self.seen))
        self._refusals(ports)

    def _refusals(self, ports: Mapping[int, list[int]]) -> None:
        """A refusal is of the connect that was taken at its port, or of the only one that it fits."""
        for port, places in ports.items():
            for event in self._log.by_port.get(port, ()):
                if event.stage != "refused":
                    continue
                fitting = self._fitting(places, event, event.at_s, event.at_s + self._log.resolution_s)
                if len(fitting) == 1 and self._connects[fitting[0]].worker in self.ports_of:
                    self._take_event(fitting[0], event, "port")

    def by_subject(self) -> None:
        taken = set(self.sessions.values())
        subjects = self._by_subject(lambda connect: connect.named is None and connect.asked_s is not None)
        claims: list[tuple[str, list[int]]] = []
        for name, session in self._log.sessions.items():
            if name in taken or session.first_s is None:
                continue
            is_prefix = session.is_prefix or session.subject is None
            places = self._of_user(subjects, session.subject or _beginning(name), is_prefix)
            low_s, high_s = _accept_between(name, session)
            high_s += self._log.resolution_s
            claims.append((name, self._fitting(places, session, low_s, high_s)))
        for place, name in self._owned(claims).items():
            self.sessions[place] = name
            self._take_session(place, name, "subject")
        if not self._log.names_connections:
            self._events_by_subject()

    def _events_by_subject(self) -> None:
        """Of a log that names users only: each event by itself, each stage's by their times."""
        subjects = self._by_subject(lambda connect: connect.asked_s is not None)
        for stage in ("accepted", "authenticated", "established", "refused"):
            claims: list[tuple[Event, list[int]]] = []
            for subject, events in self._log.by_subject.items():
                claims += self._claims(events, stage, subjects.get(subject, []))
            for place, event in self._owned(claims).items():
                self._take_event(place, event, "subject")

    def quotas(self) -> None:
        """A refusal for a limit names the beginning of a user only: of a connect that failed, if of no other."""
        subjects = self._by_subject(lambda connect: connect.named is None and connect.asked_s is not None)
        claims: list[tuple[Event, list[int]]] = []
        for event in _once(self._log.quotas):
            places = self._of_user(subjects, event.subject or "", event.is_prefix)
            claims.append((event, self._fitting(places, event, event.at_s, event.at_s + self._log.resolution_s)))
        before = set(self.ambiguous)
        for place, event in self._owned(claims).items():
            self._take_event(place, event, "subject")
        # What is known by another key stays known, though nobody can tell whose limit it was.
        self.ambiguous = before | {place for place in self.ambiguous if place not in self.seen}

    def _by_subject(self, wanted: Callable[[Connect], bool]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for place, connect in enumerate(self._connects):
            if wanted(connect):
                found[connect.subject].append(place)
        return found

    def _of_user(self, subjects: Mapping[str, list[int]], subject: str, is_prefix: bool) -> Iterable[int]:
        if not is_prefix:
            return subjects.get(subject, ())
        return [place for name, places in subjects.items() if name.startswith(subject) for place in places]

    def _claims(self, events: Iterable[Event], stage: str, places: Sequence[int]) -> list[tuple[Event, list[int]]]:
        """Each of a stage's events with the connects that it may be of."""
        return [
            (event, self._fitting(places, event, event.at_s, event.at_s + self._log.resolution_s))
            for event in events
            if event.stage == stage
        ]

    def _fitting(self, places: Iterable[int], of: Event | LoggedSession, low_s: float, high_s: float) -> list[int]:
        """The connects that it may be of: those that were surely accepted, else those that may have been."""
        fitting = [place for place in places if self._fits(place, of, low_s, high_s)]
        sure = [place for place in fitting if self._connects[place].answered_s is not None]
        return sure if sure and _is_accept(of) else fitting

    def _fits(self, place: int, of: Event | LoggedSession, low_s: float, high_s: float) -> bool:
        """Whether what the server did between two moments of its clock may have been for this connect."""
        connect = self._connects[place]
        offset_s, error_s = self._clocks.between(connect.worker, of.instance, connect.from_s)
        seen = self.seen.get(place)
        if seen is not None and seen.accepted_s is not None and isinstance(of, LoggedSession):
            # The log itself says when it was taken.
            return low_s <= seen.accepted_s <= high_s
        until_s = connect.until_s + LINGER_S
        if connect.answered_s is not None:
            until_s = connect.answered_s if _is_accept(of) else connect.until_s
        return connect.from_s - error_s <= high_s - offset_s and low_s - offset_s <= until_s + error_s

    def _owned(self, claims: Sequence[tuple[_T, list[int]]]) -> dict[int, _T]:
        """What can be of one connect only, which can have no other; the rest is ambiguous."""
        wanted = Counter(place for _, places in claims for place in places)
        found = {}
        for what, places in claims:
            if len(places) == 1 and wanted[places[0]] == 1:
                found[places[0]] = what
            else:
                self.ambiguous.update(places)
        return found

    def _take_session(self, place: int, name: str, by: By) -> None:
        session = self._log.sessions[name]
        seen = self.seen.setdefault(place, Seen())
        seen.by.add(by)
        seen.instance = seen.instance or session.instance
        if session.first_s is not None:
            seen.accepted_s = _earliest(seen.accepted_s, session.first_s)
        seen.authenticated_s = session.authenticated_s
        seen.established_s = session.established_s
        seen.closed_s = session.closed_s
        seen.left_early = session.has_error
        self.ambiguous.discard(place)

    def _take_event(self, place: int, event: Event, by: By) -> None:
        seen = self.seen.setdefault(place, Seen())
        seen.by.add(by)
        seen.instance = seen.instance or event.instance
        seen.accepted_s = _earliest(seen.accepted_s, event.at_s)
        seen.status = seen.status if event.status is None else event.status
        if event.stage == "authenticated":
            seen.authenticated_s = event.at_s
        elif event.stage == "established":
            seen.established_s = event.at_s
        elif event.stage == "refused":
            seen.refused_s = event.at_s
        elif event.stage == "quota":
            seen.quota = True
        self.ambiguous.discard(place)


def _is_accept(of: Event | LoggedSession) -> bool:
    return isinstance(of, LoggedSession) or of.stage == "accepted"


def _accept_between(name: str, session: LoggedSession) -> tuple[float, float]:
    """When a session must have been accepted, by the server's clock."""
    assert session.first_s is not None
    second = accepted_second(name)
    if second is not None:
        return float(second), min(second + 1.0, max(session.first_s, float(second)))
    if session.accepted_s is not None:
        return session.accepted_s, session.accepted_s
    return session.first_s - FIRST_LINE_S, session.first_s


def _beginning(name: str) -> str:
    return name.removeprefix("ws_").rsplit("_", 2)[0]


def _earliest(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)


def _once(quotas: Sequence[Event], within_s: float = 0.05) -> list[Event]:
    """One refusal is two lines: those of a user and an instance within a moment are one."""
    found: list[Event] = []
    last: dict[tuple[str | None, str | None], float] = {}
    for event in sorted(quotas, key=lambda event: event.at_s):
        key = event.subject, event.instance
        if event.at_s - last.get(key, float("-inf")) > within_s:
            found.append(event)
        last[key] = event.at_s
    return found
