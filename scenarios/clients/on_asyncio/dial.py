"""Dialling on asyncio: names and TCP by hand, so that their phases are known; TLS and upgrade by the library."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, NoReturn, cast

from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from scenarios.addresses import Address, AddressBook
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
        book: The addresses that the process knows, and who looks up which of them.
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
        book: AddressBook,
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
        self._book = book
        self._session = session
        self._end = end
        self._protocol = protocol
        self._patience = patience
        self._must_ask = must_ask
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._socket: sockets.socket | None = None
        self._racers: dict[Address, _Racer] = {}  # the newest last
        self._shown: sockets.socket | None = None
        self._buffer = bytearray()

    def free(self) -> None:
        """Free the sockets, but not the one that is the library's by now; forget the library's connection.

        It holds its listener, and that holds this: no cycle is left for the collector.
        """
        self.ws = None
        for address in list(self._racers):
            self._racers.pop(address).drop()
        self._free_socket()

    def _free_socket(self) -> None:
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
            found = await within(asyncio.shield(self._look_up(step)), step.until)
            if isinstance(found, OSError):
                raise found
            dialler.resolved(found, perf_counter())
        elif isinstance(step, Connect):
            await self._connect(step)
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

    def _look_up(self, step: Resolve) -> asyncio.Future[list[Address] | OSError]:
        """The look-up of this name that is going on, or a new one."""
        running, name = self._book.running, (step.host, step.port)
        if name not in running:
            running[name] = self._loop.create_task(_look_up(self._book, *name))
        lookup: asyncio.Future[list[Address] | OSError] = running[name]
        return lookup

    async def _connect(self, step: Connect) -> None:
        racers = self._racers
        for address in [address for address in racers if address not in step.addresses]:
            racers.pop(address).drop()
        for address in step.addresses:
            if address not in racers:
                try:
                    racers[address] = _Racer(self._loop, address)
                except OSError as error:
                    self._show(None, address)
                    self._dialler.failed(error, perf_counter(), address)
                    return
        self._show(racers[step.addresses[-1]].socket, step.addresses[-1])
        waits = [racer.task for racer in racers.values()]
        await self._patience.within(asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED), step.until)
        ended = {address: racer.task.exception() for address, racer in racers.items() if racer.task.done()}
        first = next((address for address, failure in ended.items() if failure is None), next(iter(ended)))
        failure = ended[first]
        if isinstance(failure, OSError):
            self._dialler.failed(failure, perf_counter(), first)
            return
        if failure is not None:
            raise failure
        self._free_socket()
        self._socket = sock = racers.pop(first).socket
        for address in list(racers):
            racers.pop(address).drop()
        self._show(sock, first)
        self._buffer = bytearray()
        self._dialler.connected(first, perf_counter())

    def _show(self, sock: sockets.socket | None, address: Address) -> None:
        """Tell the end which socket is its own for now, unless it knows."""
        if sock is None or sock is not self._shown:
            self._shown = sock
            self._end.dials(sock, address if self._target.relay is None else self._dialler.towards)

    @property
    def _the_socket(self) -> sockets.socket:
        assert self._socket is not None
        return self._socket

    async def _woken(self, step: Step) -> None:
        now, sock = perf_counter(), self._socket
        if isinstance(step, Connect):
            is_answered = any(_is_connected(racer.socket) for racer in self._racers.values())
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


class _Racer:
    """A socket that is being connected."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: Address) -> None:
        family, where = address
        self.socket = sockets.socket(family, sockets.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        # Of nothing but the socket: a failure holds its frames, and so there is no cycle for the collector.
        self.task = loop.create_task(_connect(loop, self.socket, where))

    def drop(self) -> None:
        """Free it; not before the loop has let go of its descriptor, which the next socket may get."""
        self.task.cancel()
        self.task.add_done_callback(self._close)

    def _close(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # nobody else asks, and asyncio would complain
        self.socket.close()


async def _connect(loop: asyncio.AbstractEventLoop, sock: sockets.socket, where: Any) -> None:
    await loop.sock_connect(sock, where)


async def _look_up(book: AddressBook, host: str, port: int) -> list[Address] | OSError:
    """Every address of a name. In a task of its own, for all who wait: a failure is a value."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=sockets.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError:  # of a name that no resolver would be asked for
        return sockets.gaierror(sockets.EAI_NONAME, "no name of a host")
    finally:
        book.running.pop((host, port), None)
    return [(int(family), where) for family, _, _, _, where in found]


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
