"""Dialling on asyncio: names and TCP by hand, so that their phases are known; TLS and upgrade by the library."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, NoReturn, cast

from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from scenarios.clients import dial
from scenarios.clients.connection import Over
from scenarios.clients.dialler import Connect, Dialler, Ended, Read, Resolve, Send, Step
from scenarios.clients.on_asyncio.library import Connecting, Listener, SeenConnection
from scenarios.clients.on_asyncio.waiter import AsyncPatience, Woken
from scenarios.clients.own_end import OwnEnd
from scenarios.clients.tls import tls_context
from scenarios.http_head import EndlessHead, split_head
from scenarios.plan import ConnectionPlan, Target
from scenarios.protocols.shape import TargetProtocol
from scenarios.session.ledger import End
from scenarios.session.session import Session
from scenarios.session.states import State

# asyncio's own limit of a TLS handshake (60 s) must not come before the session's; it takes no "none".
_NO_LIMIT_S: Final = 86_400.0

_READ_BYTES: Final = 4096


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
        try:
            found = split_head(self._head)
        except EndlessHead:
            self._judged(dial.ENDLESS)
        else:
            if found is not None:
                self._judged(self.judge(found[0]))

    def _judged(self, refusal: End | None) -> None:
        received, self._head = self._head or b"", None
        self.refusal = refusal
        if refusal is None:
            super().data_received(received)
        else:  # as the library itself ends its `handshake`
            self.protocol.handshake_exc = InvalidHandshake(refusal.detail)
            self.response_rcvd.set_result(None)


class Mover:
    """Moves what one dialler decides about, up to the upgrade, which is the library's.

    Attributes:
        ws: The library's connection, as soon as there is one.

    Args:
        dialler: It decides.
        plan, target, protocol: What is asked of whom.
        session: Whose connection it is.
        end: Is told of each socket.
        patience: Of the task that waits.
        must_ask: Whether somebody is to be asked before the dialler hears that its wait has ended.
        ask: Asks.
    """

    def __init__(
        self,
        dialler: Dialler,
        plan: ConnectionPlan,
        target: Target,
        *,
        session: Session,
        end: OwnEnd,
        protocol: TargetProtocol,
        patience: AsyncPatience,
        must_ask: Callable[[float], bool],
        ask: Callable[[], Awaitable[None]],
    ) -> None:
        self.ws: JudgedConnection | None = None
        self._dialler = dialler
        self._plan = plan
        self._target = target
        self._session = session
        self._end = end
        self._protocol = protocol
        self._patience = patience
        self._must_ask = must_ask
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._socket: sockets.socket | None = None
        self._buffer = bytearray()

    def free(self) -> None:
        """Free the socket, if it does not belong to the library yet; forget the library's connection.

        It holds its listener, and that holds this: no cycle is left for the collector.
        """
        self.ws = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def connect(self) -> None:
        """Names and TCP; the dialler has begun.

        Raises:
            Over: The session ended on the way.
        """
        dialler = self._dialler
        while isinstance(step := dialler.step, Resolve | Connect | Send | Read):
            try:
                await self._do(step)
            except Woken:
                await self._woken(step)
            except (OSError, EOFError) as error:
                dialler.failed(error, perf_counter())
        if isinstance(step, Ended):
            raise Over

    async def _do(self, step: Step) -> None:
        dialler, loop, within = self._dialler, self._loop, self._patience.within
        if isinstance(step, Resolve):
            found = await within(loop.getaddrinfo(step.host, step.port, type=sockets.SOCK_STREAM), step.until)
            dialler.resolved([(int(family), where) for family, _, _, _, where in found], perf_counter())
        elif isinstance(step, Connect):
            sock = self._new_socket(step.address[0])
            self._end.dials(sock, dialler.towards)
            await within(loop.sock_connect(sock, step.address[1]), step.until)
            dialler.connected(perf_counter())
        elif isinstance(step, Send):
            await within(loop.sock_sendall(self._the_socket, step.data), step.until)
            dialler.sent(perf_counter())
        else:
            # Into a buffer: what came in the turn in which the deadline rings is there, though the wait is cancelled.
            self._buffer = bytearray(_READ_BYTES)
            size = await within(loop.sock_recv_into(self._the_socket, self._buffer), step.until)
            if not size:
                raise EOFError
            self._end.took(size)
            dialler.received(bytes(self._buffer[:size]), perf_counter())

    def _new_socket(self, family: int) -> sockets.socket:
        self.free()
        self._buffer = bytearray()
        sock = self._socket = sockets.socket(family, sockets.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        return sock

    @property
    def _the_socket(self) -> sockets.socket:
        assert self._socket is not None
        return self._socket

    async def _woken(self, step: Step) -> None:
        now, sock = perf_counter(), self._socket
        if isinstance(step, Connect):
            is_answered = sock is not None and _is_connected(sock)
        elif isinstance(step, Send | Read):
            is_answered = any(self._buffer) or (sock is not None and _has_answer(sock))
        else:  # a look-up, or what the library does
            is_answered = self.ws is not None and self.ws.last_data_at >= self._session.deadline
        if self._must_ask(now):
            await self._ask()
        self._dialler.woken(now, answered=is_answered)

    async def upgrade(self, listener: Listener) -> SeenConnection:
        """TLS and the upgrade; the library's connection reports to `listener`.

        Raises:
            Over: The session ended on the way.
        """
        session, target = self._session, self._target
        request = dial.upgrade_request(self._plan, target, self._protocol)

        def judge(head: bytes) -> End | None:
            must_refuse = self._plan.expect_refusal
            return dial.response_end(head, request.expected_subprotocol, self._protocol, must_refuse=must_refuse)

        def make(*args: Any, **kwargs: Any) -> JudgedConnection:
            self.ws = JudgedConnection(*args, **kwargs)
            self.ws.listener = listener
            self.ws.end = self._end
            self.ws.judge = judge
            self._socket = None  # the library's transport has it now
            return self.ws

        scheme, _, rest = target.url.partition("://")
        is_tls = scheme == "wss"
        connecting = Connecting(
            f"{scheme}://{rest.partition('/')[0]}{request.path}",
            sock=self._socket,
            ssl=tls_context(target.tls_files) if is_tls else None,
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
            await self._woken(self._dialler.step)
            raise Over from None
        except (OSError, EOFError, InvalidHandshake) as error:
            is_asked = self.ws is not None and self.ws.is_asked_for_certificate
            self._fail(dial.unanswered(self._end_of_upgrade(error), is_asked_for_certificate=is_asked))
        assert ws.response is not None
        session.upgraded(ws.responded_at, instance=ws.response.headers.get(dial.INSTANCE_HEADER))
        if session.over:
            raise Over
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

    def _fail(self, end: End) -> NoReturn:
        self._dialler.fail(end, perf_counter())
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
