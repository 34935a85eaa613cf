"""Runs a session on gevent: dials, moves bytes between socket and wire, keeps the session's deadline.

One greenlet a connection; the library is a `Wire`, so two libraries share one loop and all of this.
What is decided is decided in `scenarios.session.session`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import perf_counter
from typing import Final

from scenarios.clients import Services, dial
from scenarios.clients.connection import LINGER_S, Connection, Over
from scenarios.clients.dialler import Answered, Ended, Secure
from scenarios.clients.intake import Intake
from scenarios.clients.on_gevent.ask_relay import way_of
from scenarios.clients.on_gevent.dial import Mover
from scenarios.clients.on_gevent.stream import READ_BYTES, EndOfStream, Stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.clients.wire import BROKEN, TOO_BIG, Wire, close_code, has_valid_reason, too_big, upgrade_end
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.rfc6455 import BINARY, CLOSE, PONG, TEXT
from scenarios.session.ledger import End
from scenarios.session.states import State

# A peer that sends without end must not keep a deadline from being handled: at most 1 MiB is taken in first, and no
# more than its turn.
MOST_READS: Final = 16

_CLOSED: Final = State.CLOSED  # an enum's members are slow to reach

MakeWire = Callable[[Target, dial.UpgradeRequest], Wire]


class GeventConnection(Connection):
    """One connection of a gevent client, from its first socket call to its last row."""

    def __init__(self, plan: ConnectionPlan, target: Target, services: Services, make_wire: MakeWire) -> None:
        super().__init__(plan, target, services)
        self._make_wire = make_wire
        self._wire: Wire | None = None
        self._patience = Patience()
        self._stream = Stream(self._patience)
        self._intake = Intake(services.share, self._feed)

    def run(self) -> ConnectionResult:
        """Run it; see `scenarios.clients.run_connection`."""
        with self._lived(self._patience.wake):
            self._dial()
            self._talk()
        return self._session.result()

    def _free(self) -> None:
        try:
            with contextlib.suppress(OSError):
                self._send()
        finally:
            self._intake.end()
            self._stream.close()
            self._patience.close()

    # -- dialling -------------------------------------------------------------------------------------------

    def _dial(self) -> None:
        """All phases up to the upgrade.

        Raises:
            Over: The session ended on the way.
        """
        book = self._services.addresses
        mover = Mover(self._dialler, self._target, book, self._stream, self._patience, self._end, self._ask_relay)
        self._end.writes_with(self._stream.waiting_bytes)
        self._begin()
        step = mover.connect()
        if isinstance(step, Ended):
            raise Over
        self._opened()
        if isinstance(step, Secure) and isinstance(mover.secure(), Ended):
            raise Over
        request = dial.upgrade_request(self._plan, self._target, self._protocol)
        wire = self._make_wire(self._target, request)
        asked_at = perf_counter()
        answer = mover.ask(wire.request(), is_upgrade=True)
        if not isinstance(answer, Answered):
            raise Over
        self._services.heard(answer.head, asked_at, perf_counter())
        end = upgrade_end(wire, answer.head, request, self._protocol, must_refuse=self._plan.expect_refusal)
        now = perf_counter()
        if end is not None:
            self._dialler.fail(end, now)
            raise Over
        self._wire = wire
        self._end.reads_with(wire.is_mid_message)
        self._session.upgraded(now, instance=dial.instance_of(answer.head))
        if self._session.over:
            raise Over
        if answer.rest:
            self._take(answer.rest, more_waits=False)

    # -- a session that is upgraded -------------------------------------------------------------------------

    def _talk(self) -> None:
        session, stream, intake = self._session, self._stream, self._intake
        self._upgraded(self._patience.wake)
        try:
            while True:
                self._send()
                if session.finished:
                    self._record()
                if session.state is _CLOSED:
                    break
                if intake.has_more or intake.is_flooded:
                    if perf_counter() < intake.rests_until:
                        self._patience.pause(min(intake.rests_until, session.deadline))
                        self._awake()
                        continue
                    if intake.has_more:
                        self._go_on()
                        continue
                received = stream.read(session.deadline)
                if received is not None:
                    self._receive(received)
                else:
                    self._awake()
        except EndOfStream:
            session.failed(dial.LOST, perf_counter())
        except OSError as error:
            session.failed(dial.end_of_os_error(error), perf_counter())
        else:
            self._linger()

    def _receive(self, received: bytes) -> None:
        self._end.took(len(received))
        self._session.heard(perf_counter())
        self._take(self._stream.plain(received), more_waits=len(received) == READ_BYTES)

    def _take(self, data: bytes, *, more_waits: bool) -> None:
        self._intake.take(data, more_waits=more_waits)
        self._end.is_flooded = self._intake.is_flooded

    def _go_on(self) -> None:
        self._intake.go_on()
        self._end.is_flooded = self._intake.is_flooded

    def _feed(self, data: bytes) -> None:
        session, now = self._session, perf_counter()
        assert self._wire is not None
        for opcode, payload in self._wire.receive(data):
            if opcode == TEXT:
                session.frame(payload, now)
            elif opcode == CLOSE and has_valid_reason(payload):
                session.peer_closed(*close_code(payload), now)
            elif opcode == PONG:
                session.pong(payload, now)
            elif opcode == BINARY:
                session.binary(payload, now)
            elif opcode == CLOSE:
                session.failed(_BAD_CLOSE, now)
            elif opcode == TOO_BIG:
                session.failed(too_big(self._target.max_message_bytes), now)
            elif opcode == BROKEN:
                session.failed(End("malformed", closed_by="client", detail=payload.decode()), now)

    def _awake(self) -> None:
        """The deadline, a stop or a storm: first take in what is there already."""
        self._take_in()
        now = perf_counter()
        if not self._ask_relay(now):
            self._tick()
            return
        try:
            if self._may_feed():
                self._take_in()
        finally:  # the connection may have ended meanwhile: what ran out before ran out
            self._tick(came_at=now)
            self._end.told(None)

    def _take_in(self) -> None:
        """What is there, unless the peer has sent more than its turn allows: then the rest has to wait, too."""
        for _ in range(MOST_READS):
            if self._intake.has_more or self._intake.is_flooded:
                break
            received = self._stream.read_now()
            if received is None:
                break
            self._receive(received)

    def _ask_relay(self, now: float) -> bool:
        """Ask the relay about the way, if the session is about to; False = it is not."""
        relay = self._target.relay
        if relay is None or not self._must_ask(now):
            return False
        with self._end.kept_open() as port:
            self._end.told(None if port is None else way_of(relay, port))
        return True

    def _send(self) -> None:
        wire, outbox = self._wire, self._session.outbox
        if wire is None:
            return
        if outbox:
            for opcode, payload in outbox:
                wire.send(opcode, payload)
            outbox.clear()
        data = wire.data_to_send()
        if data:
            self._stream.send(data)
            self._session.heard(perf_counter())

    def _linger(self) -> None:
        """Let the server close TCP first, if it closed the WebSocket as it should."""
        if self._session.result().ended_by != "script":
            return
        until = perf_counter() + LINGER_S
        while not self._services.stop and perf_counter() < until:
            try:
                self._stream.plain(self._stream.read(until) or b"")  # the end of TLS is an end, too
            except (EndOfStream, OSError):
                return


_BAD_CLOSE: Final = End("malformed", closed_by="client", detail="a close frame whose reason is not UTF-8")
