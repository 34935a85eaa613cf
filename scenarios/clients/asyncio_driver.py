"""Runs a session on asyncio with websockets' own client, as the failing tests used it.

One task a connection. Messages are received with `recv` and sent with `send`, through the library's
queue; control frames, the end of TLS and the end of the connection are seen where the library hands them
over. Imports neither gevent nor Locust: it runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket as sockets
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any, Final, NoReturn, TypeVar, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, NegotiationError
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol

from scenarios.clients import Services, dial
from scenarios.clients.tls import tls_context
from scenarios.clients.wire import CLOSE, PING
from scenarios.ledger import LATE_S, End, Ledger, Wait
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.protocol import load_protocol
from scenarios.relay_protocol import RelayError, connect_request, read_reply
from scenarios.session import GOING_AWAY, Session
from scenarios.states import DIALLING, State

Address = tuple[int, Any]  # family, socket address
_T = TypeVar("_T")

# How many turns of the loop bring in what already waits in the socket: its readiness, the library's
# queue, the task that reads it.
TURNS: Final = 3


# asyncio's own limit of a TLS handshake (60 s) must not come before the session's; it takes no "none".
_NO_LIMIT_S: Final = 86_400.0

# As in `scenarios.clients.gevent_driver`: the server closes TCP first.
LINGER_S: Final = 1.0


class _Over(Exception):
    """The session has ended while dialling; its rows are ready."""


class _Woken(Exception):
    """The deadline has come, or the run has stopped."""


class SeenConnection(ClientConnection):
    """The library's connection, which tells its driver what `recv` does not.

    Attributes:
        driver: Set by the factory.
        kinds: Opcodes of the messages that `recv` has not returned yet.
    """

    driver: AsyncioConnection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kinds: deque[Opcode] = deque()
        self._kind = Opcode.TEXT

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP and TLS are done."""
        super().connection_made(transport)
        self.driver.secured(perf_counter())

    def data_received(self, data: bytes) -> None:
        """Bytes came; a broken frame is reported at once, and not when the peer has closed."""
        self.driver.last_data_at = perf_counter()
        super().data_received(data)
        if self.protocol.parser_exc is not None or self.protocol.close_rcvd is not None:
            self.driver.heard()

    def process_event(self, event: Any) -> None:
        """The response, a message for `recv`, or a control frame."""
        super().process_event(event)
        if isinstance(event, Response):
            self.driver.responded_at = perf_counter()
            return
        assert isinstance(event, Frame)
        if event.opcode in DATA_OPCODES:
            if event.opcode is not Opcode.CONT:
                self._kind = event.opcode
            if event.fin:
                self.kinds.append(self._kind)
        elif event.opcode is Opcode.PONG:
            self.driver.pong(bytes(event.data))

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, with its error if it was one."""
        self.driver.lost = exc
        super().connection_lost(exc)


class _Connect(connect):
    """No redirect is followed: it would be another target."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class AsyncioConnection:
    """One connection of the asyncio client, from its first socket call to its last row."""

    def __init__(self, plan: ConnectionPlan, target: Target, services: Services) -> None:
        self.lost: Exception | None = None
        self.last_data_at = -math.inf
        self.responded_at = 0.0
        self._plan = plan
        self._target = target
        self._services = services
        self._protocol = load_protocol(target.protocol)
        ledger = Ledger(
            clock=services.clock,
            lag=services.lag,
            cpu=services.cpu,
            tally=services.tally,
            open_connections=services.open,
            token_issued_at=plan.token.issued_at if plan.token else None,
        )
        self._session = Session(plan, protocol=self._protocol, ledger=ledger, now=perf_counter())
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = math.inf
        self._is_waiting = False
        self._is_woken = False
        self._storms = services.storm.count
        self._facts = -1
        self._is_open = False
        self._socket: sockets.socket | None = None
        self._ws: SeenConnection | None = None
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> ConnectionResult:
        """Run it; see `scenarios.clients.run_connection`."""
        services, session = self._services, self._session
        self._task = asyncio.current_task()
        services.stop.subscribe(self, self._wake)
        try:
            await self._dial()
            services.storm.subscribe(self, self._wake)
            await self._talk()
            await self._linger()
        except _Over:
            pass
        except Exception as error:  # wsoak's own fault: loud, but the rows first
            session.failed(End("harness", detail=type(error).__name__), perf_counter())
            raise
        finally:
            # A cancelled task comes this way, too: what is in flight is aborted.
            services.stop.unsubscribe(self)
            services.storm.unsubscribe(self)
            session.stop(perf_counter())
            try:
                self._record()
            finally:
                self._free()
        return session.result()

    def in_flight(self) -> list[Wait]:
        """What is awaited now."""
        return self._session.in_flight()

    # -- what the library's connection reports ------------------------------------------------------------

    def secured(self, now: float) -> None:
        """The transport is there: TLS, if any, is done."""
        if self._session.state is State.TLS:
            self._session.secured(now)

    def heard(self) -> None:
        """A close frame, or bytes that break the protocol. What came before it is handled first."""
        ws = self._ws
        if ws is None or ws.kinds or self._session.state in DIALLING:
            return  # `_talk` looks again
        error = ws.protocol.parser_exc
        received = ws.protocol.close_rcvd
        now = perf_counter()
        if error is not None and not isinstance(error, EOFError):
            self._session.failed(End("malformed", closed_by="client", detail=str(error)), now)
        elif received is not None:
            code = None if received.code == CloseCode.NO_STATUS_RCVD else int(received.code)
            self._session.peer_closed(code, received.reason, now)
        else:
            return
        self._wake()

    def pong(self, payload: bytes) -> None:
        """A pong frame."""
        if self._session.state not in DIALLING:
            self._session.pong(payload, perf_counter())
            self._wake()

    # -- waiting --------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._is_woken = True
        if self._is_waiting and self._task is not None:
            self._is_waiting = False
            self._task.cancel()

    def _rang(self) -> None:
        self._timer = None
        if perf_counter() >= self._until:
            self._wake()
        else:
            self._arm()

    def _arm(self) -> None:
        """One timer a connection, armed again when it rings early; see `scenarios.clients.patience`."""
        due = self._loop.time() + max(0.0, self._until - perf_counter())
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._rang)

    async def _within(self, awaitable: Awaitable[_T], until: float) -> _T:
        """Await until a moment, or until woken.

        Raises:
            _Woken: `awaitable` was cancelled.
        """
        self._until = until
        if until < math.inf:
            self._arm()
        if self._is_woken:
            self._is_woken = False
            if isinstance(awaitable, Coroutine):
                awaitable.close()
            raise _Woken
        self._is_waiting = True
        try:
            return await awaitable
        except asyncio.CancelledError:
            if not self._is_woken or self._task is None:
                raise
            self._is_woken = False
            self._task.uncancel()
            raise _Woken from None
        finally:
            self._is_waiting = False

    # -- dialling -------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        session, services = self._session, self._services
        now = perf_counter()
        session.begin(now, scheduled_at=services.clock.monotonic(self._plan.scheduled_at))
        if services.stop:
            raise _Over
        addresses = await self._resolve()
        await self._connect_to_any(addresses)
        self._is_open = True
        services.open.count += 1
        await self._upgrade()

    async def _resolve(self) -> list[Address]:
        host, port = self._target.host, self._target.port
        addresses = self._services.addresses.get((host, port))
        is_known = addresses is not None
        if addresses is None:
            try:
                lookup = self._loop.getaddrinfo(host, port, type=sockets.SOCK_STREAM)
                found = await self._within(lookup, self._session.deadline)
            except OSError as error:
                self._fail(dial.end_of_dns_error(error))
            except _Woken:
                await self._expired(lambda: False)
            addresses = [(int(family), address) for family, _, _, _, address in found]
            addresses = self._services.addresses.setdefault((host, port), addresses)
        self._session.resolved(perf_counter(), measured=not is_known and not dial.is_literal(host))
        self._go_on()
        return addresses

    async def _connect_to_any(self, addresses: list[Address]) -> None:
        """Connect to the first address that answers; a silent one gets its share of the time left."""
        end = End("unreachable", detail="the name has no address")
        for index, address in enumerate(addresses):
            now = perf_counter()
            left = len(addresses) - index
            until = now + (self._session.deadline - now) / left if left > 1 else math.inf
            try:
                handshake_s = await self._connect_to(address, until)
            except OSError as error:
                end = dial.end_of_os_error(error)
            except (RelayError, EOFError) as error:
                end = End("harness", detail=str(error) or "the relay or proxy closed the connection")
            else:
                if index:
                    addresses.insert(0, addresses.pop(index))
                is_tls = self._target.scheme == "wss"
                self._session.connected(perf_counter(), tls=is_tls, handshake_s=handshake_s)
                self._go_on()
                return
            self._free_socket()
        self._fail(end)

    async def _connect_to(self, address: Address, until: float) -> float | None:
        target, deadline = self._target, self._session.deadline
        via = target.relay or target.proxy
        family, where = address if via is None else (sockets.AF_INET6 if ":" in via[0] else sockets.AF_INET, via)
        sock = self._socket = sockets.socket(family, sockets.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        try:
            await self._within(self._loop.sock_connect(sock, where), min(until, deadline))
            if via is None:
                return None
            host, port = address[1][:2]
            if target.relay is not None:
                request = connect_request(host, port, delay_s=self._plan.delay_s, seed=self._plan.seed)
                await self._within(self._loop.sock_sendall(sock, request), deadline)
                received = b""
                while (reply := read_reply(received)) is None:
                    received += await self._read(sock)
                if reply.errno is not None:
                    raise OSError(reply.errno, reply.detail)
                return reply.rtt_s
            await self._within(self._loop.sock_sendall(sock, dial.proxy_request(target.host, port)), deadline)
            received = b""
            while (status := dial.proxy_status(received)) is None:
                received += await self._read(sock)
            if status != 200:
                self._fail(dial.refused_by_status(status, "the proxy refuses the connection"))
            return None
        except _Woken:
            if perf_counter() < deadline and not self._services.stop:
                raise TimeoutError(None, "no answer; the next address is tried") from None
            await self._expired(lambda: _is_connected(sock))

    async def _read(self, sock: sockets.socket) -> bytes:
        data = await self._within(self._loop.sock_recv(sock, 4096), self._session.deadline)
        if not data:
            raise EOFError
        return data

    async def _upgrade(self) -> None:
        """TLS and the HTTP upgrade, both by the library."""
        session, target = self._session, self._target
        request = dial.upgrade_request(self._plan, target, self._protocol)
        scheme, _, rest = target.url.partition("://")
        is_tls = scheme == "wss"
        dialling = _Connect(
            f"{scheme}://{rest.partition('/')[0]}{request.path}",
            sock=self._socket,
            ssl=tls_context(target.ca_file) if is_tls else None,
            server_hostname=target.host if is_tls else None,
            ssl_handshake_timeout=_NO_LIMIT_S if is_tls else None,
            subprotocols=[Subprotocol(name) for name in request.subprotocols] or None,
            additional_headers=list(request.headers),
            user_agent_header=None,
            compression=None,
            create_connection=cast(Any, self._make),
            # All waits are the session's, and pings are the protocol's own business.
            open_timeout=None,
            ping_interval=None,
            close_timeout=None,
            max_size=None,
        )
        try:
            await self._within(dialling.connect(), session.deadline)
        except _Woken:
            await self._expired(lambda: self.last_data_at >= session.deadline)
        except (OSError, EOFError, InvalidHandshake) as error:
            self._fail(self._end_of_upgrade(error))
        ws = self._ws
        assert ws is not None and ws.response is not None
        headers = ws.response.headers
        end = dial.subprotocol_end(headers.get_all("Sec-WebSocket-Protocol"), request.expected_subprotocol)
        if end is not None:
            self._fail(end)
        session.upgraded(self.responded_at, instance=headers.get(dial.INSTANCE_HEADER))
        self._go_on()

    def _make(self, *args: Any, **kwargs: Any) -> SeenConnection:
        self._ws = SeenConnection(*args, **kwargs)
        self._ws.driver = self
        return self._ws

    def _end_of_upgrade(self, error: Exception) -> End:
        if isinstance(error, InvalidStatus):
            return dial.refused_by_status(error.response.status_code, error.response.reason_phrase)
        if isinstance(self.lost, OSError):
            return dial.end_of_os_error(self.lost)
        if isinstance(error, NegotiationError):
            return End("subprotocol", closed_by="client", detail=str(error))
        if isinstance(error, OSError):
            in_tls = self._session.state is State.TLS and type(error) is ConnectionResetError and error.errno is None
            return dial.TLS_CUT if in_tls else dial.end_of_os_error(error)
        if isinstance(error, EOFError) or (isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError)):
            return dial.NO_RESPONSE
        return End("malformed", closed_by="client", detail=f"the upgrade's response: {type(error).__name__}")

    async def _expired(self, is_answered: Callable[[], bool]) -> NoReturn:
        """While dialling: the run has stopped or the budget has run out."""
        now = perf_counter()
        if self._services.stop:
            self._session.stop(now)
        else:
            self._session.tick(max(now, self._session.deadline), answered=is_answered())
        raise _Over

    def _fail(self, end: End) -> NoReturn:
        self._session.failed(end, perf_counter())
        raise _Over

    def _go_on(self) -> None:
        if self._session.state is State.CLOSED:
            raise _Over

    # -- a session that is upgraded -------------------------------------------------------------------------

    async def _talk(self) -> None:
        session, ws = self._session, self._ws
        assert ws is not None
        try:
            while True:
                self.heard()
                await self._send(ws)
                self._record()
                if session.state is State.CLOSED:
                    return
                try:
                    payload = await self._within(ws.recv(decode=False), session.deadline)
                except _Woken:
                    await self._awake(ws)
                else:
                    self._message(ws, payload, perf_counter())
        except ConnectionClosed:
            lost = self.lost
            end = dial.end_of_os_error(lost) if isinstance(lost, OSError) else dial.LOST
            session.failed(end, perf_counter())
        except OSError as error:
            session.failed(dial.end_of_os_error(error), perf_counter())

    def _message(self, ws: SeenConnection, payload: bytes, now: float) -> None:
        if ws.kinds.popleft() is Opcode.TEXT:
            self._session.frame(payload, now)
        else:
            self._session.binary(payload, now)

    async def _awake(self, ws: SeenConnection) -> None:
        """The deadline, a stop, a storm or a control frame: first take in what is there already."""
        session = self._session
        late_s = perf_counter() - session.deadline
        if late_s >= 0.0:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if late_s > LATE_S:
                await asyncio.sleep(0.001)  # at least one whole turn, wherever this loop polls its sockets
        while ws.kinds:
            self._message(ws, await ws.recv(decode=False), perf_counter())
        now = perf_counter()
        if self._services.stop:
            session.stop(now)
        elif self._services.storm.count != self._storms:
            self._storms = self._services.storm.count
            session.storm(now)
        else:
            session.tick(now)

    async def _linger(self) -> None:
        """Let the server close TCP first, if it closed the WebSocket as it should."""
        if self._ws is None or self._session.result().ended_by != "script" or self._services.stop:
            return
        with contextlib.suppress(_Woken, ConnectionClosed):
            await self._within(self._ws.wait_closed(), perf_counter() + LINGER_S)

    async def _send(self, ws: SeenConnection) -> None:
        outbox = self._session.outbox
        if not outbox:
            return
        for opcode, payload in outbox:
            if opcode == CLOSE:
                if self._closing is None:
                    self._closing = self._loop.create_task(ws.close(int.from_bytes(payload, "big")))
            elif opcode == PING:
                await ws.ping(payload)
            else:
                await ws.send(payload, text=True)
        outbox.clear()

    def _record(self) -> None:
        finished = self._session.finished
        if not finished:
            return
        recorder = self._services.recorder
        if self._facts < 0:
            assert self._session.facts is not None
            self._facts = recorder.connection(self._session.facts)
        for attempt in finished:
            attempt.facts = self._facts
            recorder.write(attempt)
        finished.clear()

    def _free(self) -> None:
        """Free the timer and the socket, without waiting."""
        if self._timer is not None:
            self._timer.cancel()
        if self._closing is not None:
            self._closing.cancel()
        transport = getattr(self._ws, "transport", None)
        if transport is None:
            self._free_socket()
        elif self._ws is not None:
            if self._session.outbox and self._ws.protocol.state is OPEN:
                self._ws.protocol.send_close(GOING_AWAY)
                self._ws.send_data()
            transport.abort()
        self._services.open.count -= self._is_open

    def _free_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _is_connected(sock: sockets.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
