"""Runs a session on gevent: dials, moves bytes between socket and wire, keeps the session's deadline.

One greenlet a connection; the library is a `Wire`, so two libraries share one loop and all of this.
What is decided is decided in `scenarios.session.session`.
"""

from __future__ import annotations

import contextlib
import math
import socket as sockets
from collections.abc import Callable
from time import perf_counter
from typing import Final, NoReturn

import gevent
import gevent.socket

from scenarios.clients import Services, dial
from scenarios.clients.dial import Address
from scenarios.clients.on_gevent.stream import EndOfStream, Stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.clients.wire import BINARY, BROKEN, CLOSE, PONG, TEXT, Wire, close_code, has_valid_reason
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.protocols.load import load_protocol
from scenarios.relay.protocol import RelayError, connect_request, read_reply
from scenarios.session.ledger import End, Ledger
from scenarios.session.session import Session
from scenarios.session.states import State

# After the closing handshake the server closes TCP first (RFC 6455, section 7.1.1): then TIME_WAIT stays
# on its side, and our ephemeral ports stay free. It is given this long.
LINGER_S: Final = 1.0

# A peer that sends without end must not keep a deadline from being handled: 1 MiB is taken in first.
MOST_READS: Final = 16

_CLOSED: Final = State.CLOSED  # an enum's members are slow to reach

MakeWire = Callable[[Target, dial.UpgradeRequest], Wire]


class _Over(Exception):
    """The session has ended while dialling; its rows are ready."""


class GeventConnection:
    """One connection of a gevent client, from its first socket call to its last row."""

    def __init__(self, plan: ConnectionPlan, target: Target, services: Services, make_wire: MakeWire) -> None:
        self._plan = plan
        self._target = target
        self._services = services
        protocol = load_protocol(target.protocol)
        self._protocol = protocol
        self._make_wire = make_wire
        self._wire: Wire | None = None
        ledger = Ledger(
            clock=services.clock,
            lag=services.lag,
            cpu=services.cpu,
            tally=services.tally,
            open_connections=services.open,
            token_issued_at=plan.token.issued_at if plan.token else None,
        )
        self._session = Session(plan, protocol=protocol, ledger=ledger, now=perf_counter())
        self._patience = Patience()
        self._stream = Stream(self._patience)
        self._storms = services.storm.count
        self._facts = -1
        self._is_open = False

    def run(self) -> ConnectionResult:
        """Run it; see `scenarios.clients.run_connection`."""
        services, session = self._services, self._session
        services.stop.subscribe(self, self._patience.wake)
        services.storm.subscribe(self, self._patience.wake)
        try:
            self._dial()
            self._talk()
        except _Over:
            pass
        except Exception as error:  # wsoak's own fault: loud, but the rows first
            session.failed(End("harness", detail=type(error).__name__), perf_counter())
            raise
        finally:
            # A kill (GreenletExit) comes this way, too: what is in flight is aborted, nothing waits.
            services.stop.unsubscribe(self)
            services.storm.unsubscribe(self)
            session.stop(perf_counter())
            try:
                self._record()
                with contextlib.suppress(OSError):
                    self._send()
            finally:
                self._stream.close()
                self._patience.close()
                services.open.count -= self._is_open
        return session.result()

    # -- dialling -------------------------------------------------------------------------------------------

    def _dial(self) -> None:
        session, services = self._session, self._services
        now = perf_counter()
        session.begin(now, scheduled_at=services.clock.monotonic(self._plan.scheduled_at))
        if services.stop:
            raise _Over
        addresses = self._resolve()
        self._connect_to_any(addresses)
        self._is_open = True
        services.open.count += 1
        rest = b""
        try:
            if self._target.scheme == "wss":
                self._secure()
            rest = self._upgrade()
        except EndOfStream:
            self._fail_unanswered(dial.NO_RESPONSE if session.state is State.UPGRADE else dial.TLS_CUT)
        except OSError as error:
            self._fail_unanswered(dial.end_of_os_error(error))
        self._go_on()
        if rest:
            self._feed(rest, perf_counter())

    def _resolve(self) -> list[Address]:
        """Where the target is, the address that worked last first. Asked once a process."""
        host, port = self._target.host, self._target.port
        addresses = self._services.addresses.get((host, port))
        is_known = addresses is not None
        if addresses is None:
            lookup = gevent.spawn(_look_up, host, port)
            while not self._patience.wait_for(lookup, self._session.deadline):
                self._woken(is_answered=lambda: lookup.dead)
            found = lookup.get()
            if isinstance(found, OSError):
                self._fail(dial.end_of_dns_error(found))
            addresses = self._services.addresses.setdefault((host, port), found)
        self._session.resolved(perf_counter(), measured=not is_known and not dial.is_literal(host))
        self._go_on()
        return addresses

    def _connect_to_any(self, addresses: list[Address]) -> None:
        """Connect to the first address that answers; a silent one gets its share of the time left."""
        end = End("unreachable", detail="the name has no address")
        for index, address in enumerate(tuple(addresses)):  # others move them while this one waits
            now = perf_counter()
            left = len(addresses) - index
            until = now + (self._session.deadline - now) / left if left > 1 else math.inf
            try:
                handshake_s = self._connect_to(address, until)
            except dial.SilentAddress:
                pass
            except OSError as error:
                end = dial.end_of_os_error(error)
            except EndOfStream:
                end = End("harness", detail="the proxy closed the connection")
            else:
                if index:
                    dial.prefer(addresses, address)
                is_tls = self._target.scheme == "wss"
                self._session.connected(perf_counter(), tls=is_tls, handshake_s=handshake_s)
                self._go_on()
                return
        self._fail(end)

    def _connect_to(self, address: Address, until: float) -> float | None:
        """Connect, through the relay or proxy if there is one. Returns the round trip if a relay told it."""
        target = self._target
        if target.relay is not None:
            return self._through_relay(target.relay, address, until)
        if target.proxy is not None:
            self._through_proxy(target.proxy, until)
        else:
            self._reach(address, until)
        return None

    def _reach(self, address: Address, until: float, *, silence: End | None = None) -> None:
        """The TCP connection itself; see `_woken`."""
        stream = self._stream
        if stream.connect(*address):
            return
        while not stream.is_connected(min(until, self._session.deadline)):
            self._woken(is_answered=stream.has_connected, silence=silence)
            if perf_counter() >= until:
                raise dial.SilentAddress

    def _through_relay(self, relay: tuple[str, int], address: Address, until: float) -> float | None:
        """Ask the relay for a path. What it tells of the target is the target's; its own failure is ours."""
        host, port = address[1][:2]
        received = b""
        try:
            self._reach((dial.family_of(relay[0]), relay), math.inf, silence=dial.RELAY_SILENT)
            self._stream.send(connect_request(host, port, delay_s=self._plan.delay_s, seed=self._plan.seed))
            while (reply := read_reply(received)) is None:
                received += self._read(until)
        except (OSError, EndOfStream, RelayError) as error:
            self._fail(dial.end_of_relay_error(error))
        if reply.errno is not None:
            raise OSError(reply.errno, reply.detail)
        return reply.rtt_s

    def _through_proxy(self, proxy: tuple[str, int], until: float) -> None:
        target = self._target
        self._reach((dial.family_of(proxy[0]), proxy), until)
        self._stream.send(dial.proxy_request(target.host, target.port))
        received = b""
        while (status := dial.proxy_status(received)) is None:
            received += self._read()
        if status != 200:
            self._fail(dial.refused_by_proxy(status, self._plan))

    def _secure(self) -> None:
        self._stream.start_tls(self._target.ca_file, self._target.host)
        received = b""
        while not self._stream.handshake(received):
            received = self._read()
        self._session.secured(perf_counter())
        self._go_on()

    def _upgrade(self) -> bytes:
        """The HTTP upgrade; returns what came behind the response."""
        stream, session = self._stream, self._session
        request = dial.upgrade_request(self._plan, self._target, self._protocol)
        wire = self._make_wire(self._target, request)
        stream.send(wire.request())
        received = b""
        while b"\r\n\r\n" not in received:
            if len(received) > dial.MAX_HEAD_BYTES:
                self._fail(dial.ENDLESS)
            received += stream.plain(self._read())
        head, _, rest = received.partition(b"\r\n\r\n")
        end = dial.response_end(
            head, request.expected_subprotocol, self._protocol, must_refuse=self._plan.expect_refusal
        ) or wire.response(head + b"\r\n\r\n")
        now = perf_counter()
        if end is not None:
            self._fail(end)
        self._wire = wire
        session.upgraded(now, instance=next(iter(dial.header_values(head, dial.INSTANCE_HEADER)), None))
        return rest

    def _read(self, until: float = math.inf) -> bytes:
        """Bytes from the network while dialling, as long as the session waits for them.

        Raises:
            SilentAddress: `until` has come.
        """
        while (data := self._stream.read(min(until, self._session.deadline))) is None:
            self._woken(is_answered=self._stream.has_answer)
            if perf_counter() >= until:
                raise dial.SilentAddress
        return data

    def _fail(self, end: End) -> NoReturn:
        self._session.failed(end, perf_counter())
        raise _Over

    def _fail_unanswered(self, end: End) -> NoReturn:
        is_asked = self._session.state is State.UPGRADE and self._stream.is_asked_for_certificate
        self._fail(dial.unanswered(end, is_asked_for_certificate=is_asked))

    def _go_on(self) -> None:
        if self._session.state is State.CLOSED:
            raise _Over

    def _woken(self, *, is_answered: Callable[[], bool], silence: End | None = None) -> None:
        """While dialling: end if the run has stopped or the budget has run out.

        `silence` is the end if it is not the target that was silent.
        """
        now = perf_counter()
        if self._services.stop:
            self._session.stop(now)
        elif now >= self._session.deadline:
            if silence is not None:
                self._fail(silence)
            self._session.tick(now, answered=is_answered())
        self._go_on()

    # -- a session that is upgraded -------------------------------------------------------------------------

    def _talk(self) -> None:
        session, stream = self._session, self._stream
        self._storms = self._services.storm.count  # an earlier storm was not this session's
        try:
            while True:
                self._send()
                if session.finished:
                    self._record()
                if session.state is _CLOSED:
                    break
                received = stream.read(session.deadline)
                if received is not None:
                    now = perf_counter()
                    session.heard(now)
                    self._feed(stream.plain(received), now)
                else:
                    self._awake()
        except EndOfStream:
            session.failed(dial.LOST, perf_counter())
        except OSError as error:
            session.failed(dial.end_of_os_error(error), perf_counter())
        else:
            self._linger()

    def _feed(self, data: bytes, now: float) -> None:
        session = self._session
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
            elif opcode == BROKEN:
                session.failed(End("malformed", closed_by="client", detail=payload.decode()), now)

    def _awake(self) -> None:
        """The deadline, a stop or a storm: first take in what is there already."""
        for _ in range(MOST_READS):
            received = self._stream.read_now()
            if received is None:
                break
            now = perf_counter()
            self._session.heard(now)
            self._feed(self._stream.plain(received), now)
        now = perf_counter()
        if self._services.stop:
            self._session.stop(now)
        elif self._services.storm.count != self._storms:
            self._storms = self._services.storm.count
            self._session.storm(now)
        else:
            self._session.tick(now)

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

    def _record(self) -> None:
        finished = self._session.finished
        if not finished:
            return
        recorder, on_attempt = self._services.recorder, self._services.on_attempt
        if self._facts < 0:
            assert self._session.facts is not None
            self._facts = recorder.connection(self._session.facts)
        for attempt in finished:
            attempt.facts = self._facts
            recorder.write(attempt)
            if on_attempt is not None and attempt.kind in _SHOWN:
                on_attempt(self._plan, attempt)
        finished.clear()

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
_SHOWN: Final = frozenset({"connect", "exchange"})


def _look_up(host: str, port: int) -> list[Address] | OSError:
    """Every address of a name. In a greenlet of its own: a failure is a value, not a traceback."""
    try:
        found = gevent.socket.getaddrinfo(host, port, type=sockets.SOCK_STREAM)
    except OSError as error:
        return error
    return [(int(family), address) for family, _, _, _, address in found]
