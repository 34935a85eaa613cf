"""The state that all connections of one server share: settings, instances, clock, log, ground truth."""

from __future__ import annotations

import asyncio
import collections
import socket
import struct
import sys
from collections.abc import Iterator

from uvicorn.protocols.utils import get_remote_addr

from standin.clock import Clock
from standin.evidence.log import Log
from standin.evidence.trace import trace_of
from standin.evidence.truth import Record, Truth
from standin.faults import ConnectionFault, Facts, Fault, MessageFacts, Moment
from standin.faults.base import Effect, uniform
from standin.identity.tokens import Headers, Verifier, claimed_subject, find_token, offered_subprotocols
from standin.settings import ServerSettings

KEPT_ACCEPTS = 2000
"""Accept times kept for each user and instance: above any quota worth configuring, and bounded."""


class Instance:
    """One instance of the service: what it knows is lost at a restart."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.name = f"instance-{index}"
        self.sessions = 0
        self._accepts: dict[str, collections.deque[float]] = {}

    def accepts(self, user_id: str) -> collections.deque[float]:
        """When this user's managers were made here, oldest first."""
        return self._accepts.setdefault(user_id, collections.deque(maxlen=KEPT_ACCEPTS))


class Arrival:
    """One session socket from its upgrade request on: the state that faults do not hold."""

    def __init__(
        self,
        facts: Facts,
        *,
        instance: Instance,
        drawn: tuple[ConnectionFault, ...],
        record: Record,
        transport: asyncio.Transport,
        client: str,
        trace: str = "",
    ) -> None:
        self.facts = facts
        self.instance = instance
        self.drawn = drawn
        self.record = record
        self.client = client
        self.trace = trace
        self.transport = transport


class World:
    """One server: makes arrivals, asks faults, and knows when everything began."""

    def __init__(self, settings: ServerSettings, *, verifier: Verifier, clock: Clock, log: Log, truth: Truth) -> None:
        self.settings = settings
        self.verifier = verifier
        self.clock = clock
        self.log = log
        self.truth = truth
        self.begin()
        self._ordinal = 0
        self.stopping = asyncio.Event()
        self._draws = tuple(fault for fault in settings.faults if isinstance(fault, ConnectionFault))

    def begin(self) -> None:
        """The server listens for the first time: schedules count from here."""
        self.ready_s = self.clock.now()
        self.started()

    def started(self) -> None:
        """A start, the first or another: all instances are fresh."""
        self.start_s = self.clock.now()
        self.is_warm = False
        self.instances = [Instance(index) for index in range(self.settings.instances)]

    def has_quirk(self, name: str) -> bool:
        """Whether a bug of the original is switched on."""
        return name in self.settings.quirks

    def moment(self) -> Moment:
        """Now, on the clocks that faults read."""
        now = self.clock.now()
        return Moment(now - self.ready_s, now - self.start_s, self.clock.wall_s())

    async def is_stopping_within(self, seconds: float) -> bool:
        """Let time pass; True, and at once, when the server stops meanwhile."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def is_starting(self) -> bool:
        """Whether a fault says that start-up is not complete."""
        moment = self.moment()
        return any(fault.name == "cold_start" and fault.is_on(moment) for fault in self._draws)

    def arrive(self, headers: Headers, query: str, transport: asyncio.Transport) -> Arrival:
        """A session socket's upgrade request has come: its instance and the faults that may hit it are drawn."""
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        index = int(uniform(self.settings.seed, "instance", ordinal) * len(self.instances))
        instance = self.instances[index]
        subject = claimed_subject(find_token(headers, query))
        facts = Facts(ordinal, subject, index, offered_subprotocols(headers))
        peer = get_remote_addr(transport)
        record = Record(
            ordinal=ordinal,
            subject=subject,
            instance=instance.name,
            client_port=peer[1] if peer else None,
            opened_at=self.clock.wall_us(),
        )
        self.truth.opened(record)
        return Arrival(
            facts,
            instance=instance,
            drawn=tuple(fault for fault in self._draws if fault.hits(facts)),
            record=record,
            transport=transport,
            client=f"{peer[0]}:{peer[1]}" if peer else "-",
            trace=trace_of(headers),
        )

    def effects(self, point: str, arrival: Arrival, message: MessageFacts | None = None) -> Iterator[Effect]:
        """The effects at one point of a connection's life, in the order of the faults.

        Args:
            point: `on_upgrade`, `on_accept`, `on_check`, `on_auth`, `on_welcome`, `on_message` or `on_loop_end`.
            arrival: The connection; faults that had an effect are noted in its record.
            message: The message, at `on_message`.
        """
        for fault in arrival.drawn:
            moment = self.moment()
            if not fault.is_on(moment):
                continue
            if message is None:
                asked = getattr(fault, point)(arrival.facts, moment)
            else:
                asked = fault.on_message(arrival.facts, moment, message)
            if asked:
                arrival.record.hit(fault, self.clock.wall_us())
            yield from asked

    def cuts(self, arrival: Arrival) -> tuple[tuple[float, Fault] | None, tuple[float, Fault] | None]:
        """The idle limit and the lifetime of a connection that is accepted now, each with its fault."""
        moment = self.moment()
        on = [fault for fault in arrival.drawn if fault.is_on(moment)]
        idle = [(limit, fault) for fault in on if (limit := fault.idle_limit_s()) is not None]
        age = [(limit, fault) for fault in on if (limit := fault.lifetime_s()) is not None]
        return min(idle, key=_limit, default=None), min(age, key=_limit, default=None)


def _limit(cut: tuple[float, Fault]) -> float:
    return cut[0]


def reset(transport: asyncio.Transport) -> None:
    """Close with linger 0, so that the peer gets a TCP reset and nothing that was still unsent."""
    pair = "hh" if sys.platform == "win32" else "ii"
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(pair, 1, 0))
    transport.abort()
