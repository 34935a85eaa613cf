"""Dialling on asyncio: names and TCP by hand, so that their phases are known; TLS and upgrade by the library."""

from __future__ import annotations

import asyncio
import math
import socket as sockets
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, NoReturn, cast

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, NegotiationError
from websockets.typing import Subprotocol

from scenarios.clients import Services, dial
from scenarios.clients.asyncio_library import Connect, Listener, SeenConnection
from scenarios.clients.asyncio_patience import AsyncPatience, Woken
from scenarios.clients.tls import tls_context
from scenarios.ledger import End
from scenarios.plan import ConnectionPlan, Target
from scenarios.protocol import TargetProtocol
from scenarios.relay_protocol import RelayError, connect_request, read_reply
from scenarios.session import Session
from scenarios.states import State

# asyncio's own limit of a TLS handshake (60 s) must not come before the session's; it takes no "none".
_NO_LIMIT_S: Final = 86_400.0

Address = tuple[int, Any]  # family, socket address


class Over(Exception):
    """The session has ended while dialling; its rows are ready."""


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
        self.ws: SeenConnection | None = None
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
            self.free()
        self._fail(end)

    async def _connect_to(self, address: Address, until: float) -> float | None:
        """Connect, through the relay or proxy if there is one. Returns the round trip if a relay told it."""
        target, deadline = self._target, self._session.deadline
        via = target.relay or target.proxy
        family, where = address if via is None else (sockets.AF_INET6 if ":" in via[0] else sockets.AF_INET, via)
        sock = self._socket = sockets.socket(family, sockets.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        try:
            await self._patience.within(self._loop.sock_connect(sock, where), min(until, deadline))
            if via is None:
                return None
            host, port = address[1][:2]
            if target.relay is not None:
                request = connect_request(host, port, delay_s=self._plan.delay_s, seed=self._plan.seed)
                await self._patience.within(self._loop.sock_sendall(sock, request), deadline)
                received = b""
                while (reply := read_reply(received)) is None:
                    received += await self._read(sock)
                if reply.errno is not None:
                    raise OSError(reply.errno, reply.detail)
                return reply.rtt_s
            request = dial.proxy_request(target.host, port)
            await self._patience.within(self._loop.sock_sendall(sock, request), deadline)
            received = b""
            while (status := dial.proxy_status(received)) is None:
                received += await self._read(sock)
            if status != 200:
                self._fail(dial.refused_by_status(status, "the proxy refuses the connection"))
            return None
        except Woken:
            if perf_counter() < deadline and not self._services.stop:
                raise TimeoutError(None, "no answer; the next address is tried") from None
            self._woken(is_answered=lambda: _is_connected(sock))

    async def _read(self, sock: sockets.socket) -> bytes:
        data = await self._patience.within(self._loop.sock_recv(sock, 4096), self._session.deadline)
        if not data:
            raise EOFError
        return data

    async def _upgrade(self, listener: Listener) -> SeenConnection:
        session, target = self._session, self._target

        def make(*args: Any, **kwargs: Any) -> SeenConnection:
            self.ws = SeenConnection(*args, **kwargs)
            self.ws.listener = listener
            self._socket = None  # the library's transport has it now
            return self.ws

        request = dial.upgrade_request(self._plan, target, self._protocol)
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
            self._woken(is_answered=lambda: self.ws is not None and self.ws.last_data_at >= session.deadline)
        except (OSError, EOFError, InvalidHandshake) as error:
            self._fail(self._end_of_upgrade(error))
        assert ws.response is not None
        headers = ws.response.headers
        end = dial.subprotocol_end(headers.get_all("Sec-WebSocket-Protocol"), request.expected_subprotocol)
        if end is not None:
            self._fail(end)
        session.upgraded(ws.responded_at, instance=headers.get(dial.INSTANCE_HEADER))
        self._go_on()
        return ws

    def _end_of_upgrade(self, error: Exception) -> End:
        lost = None if self.ws is None else self.ws.lost
        if isinstance(error, InvalidStatus):
            return dial.refused_by_status(error.response.status_code, error.response.reason_phrase)
        if isinstance(lost, OSError):
            return dial.end_of_os_error(lost)
        if isinstance(error, NegotiationError):
            return End("subprotocol", closed_by="client", detail=str(error))
        if isinstance(error, OSError):
            is_cut = self._session.state is State.TLS and type(error) is ConnectionResetError and error.errno is None
            return dial.TLS_CUT if is_cut else dial.end_of_os_error(error)
        if isinstance(error, EOFError) or (isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError)):
            return dial.NO_RESPONSE
        return End("malformed", closed_by="client", detail=f"the upgrade's response: {type(error).__name__}")

    def _woken(self, *, is_answered: Callable[[], bool]) -> NoReturn:
        """The run has stopped or the budget has run out."""
        now = perf_counter()
        if self._services.stop:
            self._session.stop(now)
        else:
            self._session.tick(max(now, self._session.deadline), answered=is_answered())
        raise Over

    def _fail(self, end: End) -> NoReturn:
        self._session.failed(end, perf_counter())
        raise Over

    def _go_on(self) -> None:
        if self._session.state is State.CLOSED:
            raise Over


def _is_connected(sock: sockets.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
