"""What of a log is kept while it is read: only what may be said of these runs' connections.

A log may be gigabytes and tell of other clients, other days and every message. Memory is bounded by the runs: an event
is kept if it carries a key of one of their connects, at about the time of it. All else is counted and forgotten.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from analysis.server_log.event import OF_MESSAGES, OF_THE_BEGINNING, OF_THE_SERVER, Event
from analysis.server_log.mapping import LEFT
from analysis.server_log.markers import accepted_second
from analysis.server_log.waits import Connect

# Clocks are taken to be no further apart than this; what is further from all connects is another day's.
MOST_APART_S: Final = 300.0
# A server that was busy may take an upgrade for which nobody waits any more.
LINGER_S: Final = 30.0
# An error of a socket that has lived for so long says nothing of how it was set up.
SETUP_S: Final = 15.0
# The same access line again within this time was written twice; a port comes back later.
TWICE_S: Final = 0.5
SLOT_S: Final = 60.0
_REMEMBERED: Final = 10_000
_MOST_SERVER_EVENTS: Final = 10_000


@dataclass(slots=True)
class LoggedSession:
    """What the log says of one connection that it names; times by the server's clock, None = not said.

    Attributes:
        accepted_s: The accept; of an id that embeds its second, that second.
        first_s: The first line.
        prepared_s: The last line that is surely before the welcome.
    """

    subject: str | None = None
    is_prefix: bool = False
    instance: str | None = None
    accepted_s: float | None = None
    first_s: float | None = None
    prepared_s: float | None = None
    authenticated_s: float | None = None
    established_s: float | None = None
    closed_s: float | None = None
    has_error: bool = False

    def take(self, event: Event) -> None:
        """Add an event; lines may come in any order."""
        at_s = event.at_s
        self.instance = self.instance or event.instance
        if event.subject and (self.subject is None or (self.is_prefix and not event.is_prefix)):
            self.subject, self.is_prefix = event.subject, event.is_prefix
        if event.stage == "late_error":
            self.has_error = True
            return
        self.first_s = at_s if self.first_s is None else min(self.first_s, at_s)
        if event.stage == "accepted":
            self.accepted_s = at_s
        elif event.stage == "authenticated":
            self.authenticated_s = at_s if self.authenticated_s is None else min(self.authenticated_s, at_s)
            self.prepared_s = at_s if self.prepared_s is None else max(self.prepared_s, at_s)
        elif event.stage == "established":
            self.established_s = at_s if self.established_s is None else min(self.established_s, at_s)
        elif event.stage == "closed":
            self.closed_s = at_s if self.closed_s is None else max(self.closed_s, at_s)


@dataclass
class Gathered:
    """What was kept.

    Attributes:
        sessions: By the server's id: those that the runs name, and those that an unnamed connect may have been.
        by_port: Accepts and refusals by the client's port.
        by_trace: Events by trace id.
        by_subject: Events of a log that names users and no connections.
        quotas: Refusals for a limit, by user, or the beginning of one.
        server: Starts and stops of the server's process.
        fractions: Any time has a fraction of a second; else each is known to within one.
        at_end: Lines are written when a connection has ended: of one that is still open there is none.
        last_s: The latest time of a line with a port.
        slots: The minutes of which there is a line.
        port_slots: Of which there is one of a connection's beginning, with its port.
        request_slots: Of which there is one of a message that was taken up.
        stages: How many events of each stage were read.
        lifetimes: Lines that give the length of a session, and the longest of these.
        doubled: Access lines that were there twice.
        aged_errors: Errors of sockets that had lived for longer than any set-up takes.
    """

    sessions: dict[str, LoggedSession] = field(default_factory=dict)
    by_port: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))
    by_trace: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    by_subject: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    quotas: list[Event] = field(default_factory=list)
    server: list[Event] = field(default_factory=list)
    slots: set[int] = field(default_factory=set)
    port_slots: set[int] = field(default_factory=set)
    request_slots: set[int] = field(default_factory=set)
    stages: Counter[str] = field(default_factory=Counter)
    names_connections: bool = False
    lifetimes: int = 0
    longest_s: float = 0.0
    fractions: bool = False
    at_end: bool = False
    last_s: float = 0.0
    doubled: int = 0
    aged_errors: int = 0

    @property
    def resolution_s(self) -> float:
        """So much later than its line says a thing may have happened."""
        return 0.0 if self.fractions else 1.0


def gathered(events: Iterable[Event], connects: Sequence[Connect]) -> Gathered:
    """Read all events once and keep what may be of these connects."""
    keep = _Keeper(connects)
    for event in events:
        keep.take(event)
    return keep.found


class _Keeper:
    def __init__(self, connects: Sequence[Connect]) -> None:
        self.found = Gathered()
        self._ids = {connect.named for connect in connects if connect.named}
        self._traces = {connect.trace for connect in connects if connect.trace}
        self._ports: dict[int, set[int]] = defaultdict(set)
        self._subjects: dict[str, set[int]] = defaultdict(set)
        self._unnamed: dict[str, set[int]] = defaultdict(set)
        for connect in connects:
            slots = _slots(connect.from_s - MOST_APART_S, connect.until_s + MOST_APART_S)
            if connect.port is not None:
                self._ports[connect.port].update(slots)
            self._subjects[connect.subject].update(slots)
            if connect.named is None and connect.asked_s is not None:
                self._unnamed[connect.subject].update(slots)
        self._beginnings: dict[str, set[int]] = {}
        self._last: OrderedDict[int, float] = OrderedDict()

    def take(self, event: Event) -> None:
        found, stage = self.found, event.stage
        found.stages[stage] += 1
        slot = int(event.at_s // SLOT_S)
        found.slots.add(slot)
        if event.port is not None:
            found.last_s = max(found.last_s, event.at_s)
            if stage in OF_THE_BEGINNING:
                found.port_slots.add(slot)
        if stage == "request":
            found.request_slots.add(slot)
        found.fractions = found.fractions or not event.at_s.is_integer()
        if event.lasted_s is not None:
            found.at_end = found.at_end or event.port is not None
            if stage == "closed" and event.status not in LEFT:
                found.lifetimes += 1
                found.longest_s = max(found.longest_s, event.lasted_s)
        if event.connection is not None:
            found.names_connections = True
        if stage in OF_MESSAGES:
            return
        if stage in OF_THE_SERVER:
            if len(found.server) < _MOST_SERVER_EVENTS:
                found.server.append(event)
        elif event.connection is not None:
            self._of_connection(event, event.connection)
        elif event.trace is not None and event.trace in self._traces:
            found.by_trace[event.trace].append(event)
            # Whether a connect whose line is missing would have one is measured by ports.
            if event.port is not None:
                self._of_port(event, event.port)
        elif event.port is not None:
            self._of_port(event, event.port)
        elif event.subject is not None:
            self._of_subject(event, event.subject)

    def _of_connection(self, event: Event, connection: str) -> None:
        accepted_s = accepted_second(connection)
        if event.stage == "late_error" and accepted_s is not None and event.at_s - accepted_s > SETUP_S:
            self.found.aged_errors += 1
            return
        session = self.found.sessions.get(connection)
        if session is None:
            if connection not in self._ids and not self._may_be_unnamed(event, connection):
                return
            session = self.found.sessions[connection] = LoggedSession(accepted_s=accepted_s)
        session.take(event)

    def _may_be_unnamed(self, event: Event, connection: str) -> bool:
        """Whether a connection that no client knows by name may be one that ended before its welcome."""
        slot = int(event.at_s // SLOT_S)
        if event.subject is not None and not event.is_prefix:
            return slot in self._unnamed.get(event.subject, ())
        beginning = event.subject
        if beginning is None and accepted_second(connection) is not None:
            beginning = connection.removeprefix("ws_").rsplit("_", 2)[0]
        return slot in self._slots_of(beginning or "")

    def _slots_of(self, beginning: str) -> set[int]:
        known = self._beginnings.get(beginning)
        if known is None:
            if len(self._beginnings) >= _REMEMBERED:
                self._beginnings.clear()
            mine = (slots for subject, slots in self._unnamed.items() if subject.startswith(beginning))
            known = self._beginnings[beginning] = set().union(*mine)
        return known

    def _of_port(self, event: Event, port: int) -> None:
        if event.stage not in OF_THE_BEGINNING:
            return
        if event.stage == "accepted":
            before_s = self._last.pop(port, None)
            self._last[port] = event.at_s
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
            if before_s is not None and abs(event.at_s - before_s) <= TWICE_S:
                self.found.doubled += 1
                return
        if int(event.at_s // SLOT_S) in self._ports.get(port, ()):
            self.found.by_port[port].append(event)

    def _of_subject(self, event: Event, subject: str) -> None:
        slot = int(event.at_s // SLOT_S)
        if event.stage == "quota":
            slots = self._slots_of(subject) if event.is_prefix else self._unnamed.get(subject, ())
            if slot in slots:
                self.found.quotas.append(event)
        elif not event.is_prefix and slot in self._subjects.get(subject, ()):
            self.found.by_subject[subject].append(event)


def _slots(from_s: float, to_s: float) -> range:
    return range(int(from_s // SLOT_S), int(to_s // SLOT_S) + 1)
