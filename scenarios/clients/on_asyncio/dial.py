"""Dialling on asyncio: names and TCP by hand, so that their phases are known; TLS and upgrade by the library."""

from __future__ import annotations

import asyncio
import math
import socket as sockets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, NoReturn, TypeVar, cast

from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from scenarios.clients import Services, dial
from scenarios.clients.dial import Address
from scenarios.clients.on_asyncio.library import Connect, Listener, SeenConnection
from scenarios.clients.on_asyncio.waiter import AsyncPatience, Woken
from scenarios.clients.tls import tls_context
from scenarios.plan import ConnectionPlan, Target
from scenarios.protocols.shape import TargetProtocol
from scenarios.relay.protocol import RelayError, connect_request, read_reply
from scenarios.session.ledger import End
from scenarios.session.session import Session
from scenarios.session.states import State

# asyncio's own limit of a TLS handshake (60 s) must not come before the session's; it takes no "none".
_NO_LIMIT_S: Final = 86_400.0

_READ_BYTES: Final = 4096

_T = TypeVar("_T")


class Over(Exception):
    """The session has ended while dialling; its rows are ready."""


class JudgedConnection(SeenConnection):
    """Judges the head of the response before the library does, by the same words as the other clients.

    The library reads the whole body of a refusal before it says a word, and takes no HTTP but its own.

    Attributes:
        judge: What a head means (None = the library is to judge it); set by whoever makes it.
        refusal: What the head says; None = nothing yet, or the library is to judge it.
    """

    judge: Callable[[bytes], End | None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refusal: End | None = None
        self._head: bytes | None = b""  # None = judged

    def data_received(self, data: bytes) -> None:
        """Bytes came; until the head is whole they are kept, behind a refusal they are nobody's."""
        if self._head is None:
            if self.refusal is None:
                super().data_received(data)
            return
        self.last_data_at = perf_counter()
        self._head += data
        head, end_of_head, _ = self._head.partition(b"\r\n\r\n")
        if end_of_head:
            self._judged(self.judge(head))
        elif len(self._head) > dial.MAX_HEAD_BYTES:
            self._judged(dial.ENDLESS)

    def _judged(self, refusal: End | None) -> None:
        received, self._head = self._head or b"", None
        self.refusal = refusal
        if refusal is None:
            super().data_received(received)
        else:  # as the library itself ends its `handshake`
            self.protocol.handshake_exc = InvalidHandshake(refusal.detail)
            self.response_rcvd.set_result(None)


class Dialler:
    """Brings one session from its first socket call to its upgrade.

    Attributes:
        is_open: Whether TCP was connected.
        ws: The library's connection, as soon as there is one.
    """

    def __init__(
        self,
        plan: ConnectionPlan,
        target: Target,
        services: Services,
        *,
        session: Session,
        protocol: TargetProtocol,
        patience: AsyncPatience,
    ) -> None:
        self.is_open = False
        self.ws: JudgedConnection | None = None
        self._plan = plan
        self._target = target
        self._services = services
        self._session = session
        self._protocol = protocol
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._socket: sockets.socket | None = None

    async def dial(self, listener: Listener) -> SeenConnection:
        """All phases up to the upgrade; the library's connection reports to `listener`.

        Raises:
            Over: The session ended on the way.
        """
        session, services = self._session, self._services
        now = perf_counter()
        session.begin(now, scheduled_at=services.clock.monotonic(self._plan.scheduled_at))
        if services.stop:
            raise Over
        await self._connect_to_any(await self._resolve())
        self.is_open = True
        services.open.count += 1
        return await self._upgrade(listener)

    def free(self) -> None:
        """Free the socket, if it does not belong to the library yet; forget the library's connection.

        It holds its listener, and that holds this: no cycle is left for the collector.
        """
        self.ws = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _resolve(self) -> list[Address]:
        """Where the target is, the address that worked last first. Asked once a process."""
        host, port = self._target.host, self._target.port
        addresses = self._services.addresses.get((host, port))
        is_known = addresses is not None
        if addresses is None:
            try:
                lookup = self._loop.getaddrinfo(host, port, type=sockets.SOCK_STREAM)
                found = await self._patience.within(lookup, self._session.deadline)
            except OSError as error:
                self._fail(dial.end_of_dns_error(error))
            except Woken:
                self._woken(is_answered=lambda: False)
            addresses = [(int(family), address) for family, _, _, _, address in found]
            addresses = self._services.addresses.setdefault((host, port), addresses)
        self._session.resolved(perf_counter(), measured=not is_known and not dial.is_literal(host))
        self._go_on()
        return addresses

    async def _connect_to_any(self, addresses: list[Address]) -> None:
        """Connect to the first address that answers; a silent one gets its share of the time left."""
        end = End("unreachable", detail="the name has no address")
        for index, address in enumerate(tuple(addresses)):  # others move them while this one waits
            now = perf_counter()
            left = len(addresses) - index
            until = now + (self._session.deadline - now) / left if left > 1 else math.inf
            try:
                handshake_s = await self._connect_to(address, until)
            except dial.SilentAddress:
                pass
            except OSError as error:
                end = dial.end_of_os_error(error)
            except EOFError:
                end = End("harness", detail="the proxy closed the connection")
            else:
                if index:
                    dial.prefer(addresses, address)
                is_tls = self._target.scheme == "wss"
                self._session.connected(perf_counter(), tls=is_tls, handshake_s=handshake_s)
                self._go_on()
                return
            self.free()
        self._fail(end)

    async def _connect_to(self, address: Address, until: float) -> float | None:
        """Connect, through the relay or proxy if there is one. Returns the round trip if a relay told it."""
        target = self._target
        if target.relay is not None:
            return await self._through_relay(target.relay, address, until)
        if target.proxy is not None:
            await self._through_proxy(target.proxy, until)
        else:
            await self._reach(address, until)
        return None

    async def _reach(self, address: Address, until: float, *, silence: End | None = None) -> sockets.socket:
        """The TCP connection itself; see `_woken`."""
        family, where = address
        sock = self._socket = sockets.socket(family, sockets.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        connecting = self._loop.sock_connect(sock, where)
        await self._within(connecting, until, is_answered=lambda: _is_connected(sock), silence=silence)
        return sock

    async def _through_relay(self, relay: tuple[str, int], address: Address, until: float) -> float | None:
        """Ask the relay for a path. What it tells of the target is the target's; its own failure is ours."""
        host, port = address[1][:2]
        received = b""
        try:
            sock = await self._reach((dial.family_of(relay[0]), relay), math.inf, silence=dial.RELAY_SILENT)
            await self._send(sock, connect_request(host, port, delay_s=self._plan.delay_s, seed=self._plan.seed))
            while (reply := read_reply(received)) is None:
                received += await self._read(sock, until)
        except (OSError, EOFError, RelayError) as error:
            self._fail(dial.end_of_relay_error(error))
        if reply.errno is not None:
            raise OSError(reply.errno, reply.detail)
        return reply.rtt_s

    async def _through_proxy(self, proxy: tuple[str, int], until: float) -> None:
        sock = await self._reach((dial.family_of(proxy[0]), proxy), until)
        await self._send(sock, dial.proxy_request(self._target.host, self._target.port))
        received = b""
        while (status := dial.proxy_status(received)) is None:
            received += await self._read(sock)
        if status != 200:
            self._fail(dial.refused_by_proxy(status, self._plan))

    async def _send(self, sock: sockets.socket, data: bytes) -> None:
        await self._within(self._loop.sock_sendall(sock, data), math.inf, is_answered=lambda: _has_answer(sock))

    async def _read(self, sock: sockets.socket, until: float = math.inf) -> bytes:
        # Into a buffer: what came in the turn in which the deadline rings is there, though the wait is cancelled.
        buffer = bytearray(_READ_BYTES)
        reading = self._loop.sock_recv_into(sock, buffer)
        size = await self._within(reading, until, is_answered=lambda: any(buffer) or _has_answer(sock))
        if not size:
            raise EOFError
        return bytes(buffer[:size])

    async def _within(
        self,
        awaitable: Awaitable[_T],
        until: float,
        *,
        is_answered: Callable[[], bool],
        silence: End | None = None,
    ) -> _T:
        """Await a socket call.

        Raises:
            SilentAddress: `until` has come, and the session still has time.
            Over: See `_woken`.
        """
        deadline = self._session.deadline
        try:
            return await self._patience.within(awaitable, min(until, deadline))
        except Woken:
            if perf_counter() < deadline and not self._services.stop:
                raise dial.SilentAddress from None
            self._woken(is_answered=is_answered, silence=silence)

    async def _upgrade(self, listener: Listener) -> SeenConnection:
        session, target = self._session, self._target

        request = dial.upgrade_request(self._plan, target, self._protocol)

        def judge(head: bytes) -> End | None:
            must_refuse = self._plan.expect_refusal
            return dial.response_end(head, request.expected_subprotocol, self._protocol, must_refuse=must_refuse)

        def make(*args: Any, **kwargs: Any) -> JudgedConnection:
            self.ws = JudgedConnection(*args, **kwargs)
            self.ws.listener = listener
            self.ws.judge = judge
            self._socket = None  # the library's transport has it now
            return self.ws

        scheme, _, rest = target.url.partition("://")
        is_tls = scheme == "wss"
        connecting = Connect(
            f"{scheme}://{rest.partition('/')[0]}{request.path}",
            sock=self._socket,
            ssl=tls_context(target.ca_file) if is_tls else None,
            server_hostname=target.host if is_tls else None,
            ssl_handshake_timeout=_NO_LIMIT_S if is_tls else None,
            subprotocols=[Subprotocol(name) for name in request.subprotocols] or None,
            additional_headers=list(request.headers),
            user_agent_header=None,
            compression=None,
            create_connection=cast(Any, make),
            # All waits are the session's, and pings are the protocol's own business.
            open_timeout=None,
            ping_interval=None,
            close_timeout=None,
            max_size=None,
        )
        try:
            ws = cast(SeenConnection, await self._patience.within(connecting.connect(), session.deadline))
        except Woken:
            if self.ws is not None and self.ws.refusal is not None:  # it came in the same turn
                self._fail(self.ws.refusal)
            self._woken(is_answered=lambda: self.ws is not None and self.ws.last_data_at >= session.deadline)
        except (OSError, EOFError, InvalidHandshake) as error:
            is_asked = self.ws is not None and self.ws.is_asked_for_certificate
            self._fail(dial.unanswered(self._end_of_upgrade(error), is_asked_for_certificate=is_asked))
        assert ws.response is not None
        session.upgraded(ws.responded_at, instance=ws.response.headers.get(dial.INSTANCE_HEADER))
        self._go_on()
        return ws

    def _end_of_upgrade(self, error: Exception) -> End:
        if self.ws is not None and self.ws.refusal is not None:
            return self.ws.refusal
        lost = None if self.ws is None else self.ws.lost
        if isinstance(lost, OSError):
            return dial.end_of_os_error(lost)
        if isinstance(error, OSError):
            is_cut = self._session.state is State.TLS and type(error) is ConnectionResetError and error.errno is None
            return dial.TLS_CUT if is_cut else dial.end_of_os_error(error)
        if isinstance(error, EOFError) or (isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError)):
            return dial.NO_RESPONSE
        return End("malformed", closed_by="client", detail=f"the upgrade's response: {type(error).__name__}")

    def _woken(self, *, is_answered: Callable[[], bool], silence: End | None = None) -> NoReturn:
        """The run has stopped or the budget has run out.

        `silence` is the end if it is not the target that was silent.
        """
        now = perf_counter()
        if self._services.stop:
            self._session.stop(now)
        elif silence is not None:
            self._fail(silence)
        else:
            self._session.tick(max(now, self._session.deadline), answered=is_answered())
        raise Over

    def _fail(self, end: End) -> NoReturn:
        self._session.failed(end, perf_counter())
        raise Over

    def _go_on(self) -> None:
        if self._session.state is State.CLOSED:
            raise Over


def _has_answer(sock: sockets.socket) -> bool:
    """Whether bytes or an end wait in the socket, without taking them."""
    try:
        sock.recv(1, sockets.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _is_connected(sock: sockets.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
