"""The relay's server: who asks is connected to the target, and the relay keeps books on its own punctuality.

It sees how late it gave chunks on, and by a ticker of its own how late it may have been in reading them. On the same
port it tells its report, and each client what the kernel says of its way to the target (`scenarios.relay.question`).
"""

from __future__ import annotations

import asyncio
import math
import socket
from typing import Final, NamedTuple

from scenarios.addresses import Address, Race
from scenarios.authority import authority_of, split_authority
from scenarios.errors import ConfigError
from scenarios.evidence.kernel import TcpKernel, kernel_of
from scenarios.evidence.sample import TcpSample
from scenarios.http_head import END_OF_HEAD
from scenarios.os_errors import errno_of, is_without_a_way
from scenarios.relay.delay_line import LineQuality
from scenarios.relay.lateness import DelayError
from scenarios.relay.path import Flow, Leg, join
from scenarios.relay.protocol import (
    RelayError,
    RelayRequest,
    connected_reply,
    failed_reply,
    read_request,
    refused_reply,
)
from scenarios.relay.question import answer, as_the_client_sees_it, json_reply, port_asked_about
from scenarios.relay.report import Report

# Far above a millisecond, the step of epoll's timer, and far below the smallest arm that makes sense.
PROMISE_S: Final = 0.005
# A 99th percentile of fewer chunks than this cannot be told.
LEAST_CHUNKS: Final = 100

_TICK_S: Final = 0.010
# A client sends its request at once; one that does not is somebody else.
_REQUEST_TIMEOUT_S: Final = 10.0
_BACKLOG: Final = 1024


class _Handshake(NamedTuple):
    """A socket of which the client would know by now, on a network like its arm's."""

    socket: socket.socket
    due_at: float
    rtt_s: float


class _Won(NamedTuple):
    """The connected socket, and what the client is told of it."""

    socket: socket.socket
    due_at: float
    rtt_s: float
    tcp_s: float
    address: str


class _NoneConnected(Exception):
    """No address could be connected; the last one's error, and which one it was."""

    def __init__(self, reason: OSError, address: str = "") -> None:
        self.reason = reason
        self.address = address


class Relay:
    """The server: paths, and the books on its own punctuality.

    Args:
        targets: The only host:port that paths may lead to; empty = any. Which addresses these have by now is for the
            client to say, which looks their names up again and again.
        quality: Of the delayed arms.
        seed: Mixed with each connection's own.
        promise_s: Largest 99th percentile of the added error.
    """

    def __init__(
        self,
        *,
        targets: frozenset[str] = frozenset(),
        quality: LineQuality | None = None,
        seed: int = 0,
        promise_s: float = PROMISE_S,
    ) -> None:
        self.targets = targets
        self.error = DelayError()
        self.connections = self.open = self.failed = 0
        self._quality = quality or LineQuality()
        self._seed = seed
        self._promise_s = promise_s
        # By the address that a client comes from: it asks from the same machine, so of its own paths only.
        self.clients: dict[tuple[str, int], Client] = {}
        self._allowed: set[str] = set()
        self._late_reads = DelayError()
        self._dials: set[asyncio.Task[None]] = set()

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Resolve the targets, listen, and begin to tick.

        Raises:
            ConfigError: If a target has no address.
        """
        loop = asyncio.get_running_loop()
        for target in self.targets:
            try:
                addresses = await self._resolved(target)
            except OSError as error:
                raise ConfigError(f"--target {target!r} has no address ({error.strerror}).") from None
            self._allowed |= {target, *map(_written, addresses)}
        server = await loop.create_server(lambda: Client(self), host, port, backlog=_BACKLOG)
        self._tick(loop.time())
        return server

    def report(self) -> Report:
        """The books."""
        error_p99_s = self.error.quantile_s(0.99)
        read_p99_s = self._late_reads.quantile_s(0.99)
        is_kept = None
        if self.error.count >= LEAST_CHUNKS and error_p99_s is not None and read_p99_s is not None:
            is_kept = max(error_p99_s, read_p99_s) <= self._promise_s
        return Report(
            connections=self.connections,
            open=self.open,
            failed=self.failed,
            chunks=self.error.count,
            error_p50_s=self.error.quantile_s(0.50),
            error_p99_s=error_p99_s,
            error_max_s=self.error.largest_s,
            read_p99_s=read_p99_s,
            promise_s=self._promise_s,
            is_kept=is_kept,
        )

    def _quality_for(self, delay_s: float) -> LineQuality:
        """The zero arm is the control and gets a perfect line."""
        return self._quality if delay_s > 0.0 else LineQuality()

    def leads_to(self, target: str) -> bool:
        """Whether paths to this host:port are allowed."""
        return not self.targets or target in self._allowed

    def start_dial(self, client: Client, request: RelayRequest) -> asyncio.Task[None]:
        """Connect a client to the target of its request, in a task that the caller may cancel."""
        task = asyncio.get_running_loop().create_task(self._dial(client, request))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)
        return task

    async def _dial(self, client: Client, request: RelayRequest) -> None:
        loop = asyncio.get_running_loop()
        try:
            won = await self._connect(client, request)
        except _NoneConnected as none:
            self.failed += 1
            reason = none.reason.strerror or type(none.reason).__name__
            client.answer(failed_reply(errno_of(none.reason) or 0, reason, address=none.address))
            client.transport.close()
            return
        leg = Leg()
        target: asyncio.Transport | None = None
        try:
            target, _ = await loop.create_connection(lambda: leg, sock=won.socket)
            target.pause_reading()
        except BaseException:
            # The client gave up (or we end): nobody will use this socket.
            won.socket.close() if target is None else target.abort()
            raise
        self.error.add(loop.time() - won.due_at)
        client.answer(connected_reply(won.rtt_s, tcp_s=won.tcp_s, address=won.address))
        up, down = join(
            client.transport,
            target,
            one_way_s=request.delay_s / 2.0,
            quality=self._quality_for(request.delay_s),
            seed=f"{self._seed}/{request.seed}",
            error=self.error,
        )
        leg.into, leg.out = up, down
        client.joined(up, down)
        target.resume_reading()

    async def _connect(self, client: Client, request: RelayRequest) -> _Won:
        """The first of the target's addresses that is connected, tried as a client without a relay tries them.

        Raises:
            _NoneConnected: All have failed.
        """
        loop = asyncio.get_running_loop()
        try:
            addresses = await self._addresses_of(request)
        except OSError as error:
            await asyncio.sleep(request.delay_s)
            raise _NoneConnected(error) from None
        began_at = loop.time()
        race = Race(addresses, began_at)
        running: dict[Address, asyncio.Task[_Handshake]] = {}
        last = none = _NoneConnected(OSError(0, "the target has no address"))
        try:
            while not race.is_lost:
                for address in race.running:
                    if address not in running:
                        running[address] = loop.create_task(_handshake(client, address, request.delay_s))
                left_s = None if race.next_at == math.inf else max(0.0, race.next_at - loop.time())
                await asyncio.wait(running.values(), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                ended = {address: task for address, task in running.items() if task.done()}
                for address, task in ended.items():
                    failure = task.exception()
                    if failure is None:
                        won = running.pop(address).result()
                        client.dials(won.socket)
                        return _Won(won.socket, won.due_at, won.rtt_s, won.due_at - began_at, _written(address))
                    if not isinstance(failure, OSError):
                        raise failure
                    del running[address]
                    # A machine without IPv6 has met nobody there: what another address did says more.
                    if last is none or not is_without_a_way(failure):
                        last = _NoneConnected(failure, _written(address))
                    race.failed(address, loop.time())
                if loop.time() >= race.next_at:
                    race.start(loop.time())
            raise last
        finally:
            for task in running.values():
                task.cancel()
                task.add_done_callback(_free)

    async def _addresses_of(self, request: RelayRequest) -> list[Address]:
        """Those that the client knows, or all that the target has."""
        if request.addresses:
            return [_read(address) for address in request.addresses]
        return await self._resolved(request.target)

    async def _resolved(self, target: str) -> list[Address]:
        """All addresses of a target."""
        host, port = split_authority(target)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(int(family), address[:2]) for family, _, _, _, address in found]

    def _tick(self, due_at: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._late_reads.add(now - due_at)
        loop.call_at(now + _TICK_S, self._tick, now + _TICK_S)


async def _handshake(client: Client, address: Address, delay_s: float) -> _Handshake:
    """Connect to an address; its outcome, a failure as well, travels the slow way."""
    loop = asyncio.get_running_loop()
    family, where = address
    started_at = loop.time()
    try:
        # Named as TCP: asyncio sets TCP_NODELAY only on sockets that say so.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError:
        await asyncio.sleep(delay_s)
        raise
    try:
        sock.setblocking(False)
        client.dials(sock)
        await loop.sock_connect(sock, where)
        handshake_s = loop.time() - started_at
        due_at = loop.time() + delay_s
        await asyncio.sleep(delay_s)
    except OSError:
        sock.close()
        await asyncio.sleep(delay_s)
        raise
    except BaseException:
        sock.close()
        raise
    return _Handshake(sock, due_at, handshake_s + delay_s)


def _free(task: asyncio.Task[_Handshake]) -> None:
    """Close the socket of one that has not won."""
    if not task.cancelled() and task.exception() is None:
        task.result().socket.close()


def _is_authority(text: str) -> bool:
    try:
        split_authority(text)
    except ValueError:
        return False
    return True


def _written(address: Address) -> str:
    return authority_of(*address[1][:2])


def _read(text: str) -> Address:
    host, port = split_authority(text)
    return int(socket.AF_INET6 if ":" in host else socket.AF_INET), (host, port)


class Client(Leg):
    """The client's leg: first it asks, then it is one end of a path."""

    transport: asyncio.Transport

    def __init__(self, relay: Relay) -> None:
        super().__init__()
        self._relay = relay
        self._received = b""
        self._dial: asyncio.Task[None] | None = None
        self._timeout: asyncio.TimerHandle | None = None
        self._from: tuple[str, int] = ("", 0)
        self._delay_s = 0.0
        self._way: TcpKernel | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected; give them some time to ask."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._from = (transport.get_extra_info("peername") or self._from)[:2]  # it may be gone already
        self._timeout = asyncio.get_running_loop().call_later(_REQUEST_TIMEOUT_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """The request, or bytes for the target."""
        if self.out is not None:
            self.out.feed(data)
            return
        self._received += data
        if self._dial is None and not self.transport.is_closing():
            self._read_request()

    def eof_received(self) -> bool:
        """Before the path is there, a client that ends has given up."""
        return super().eof_received() if self.out is not None else False

    def connection_lost(self, error: Exception | None) -> None:
        """Gone: give up what was being dialled for it."""
        self._stop_timeout()
        if self._dial is not None:
            self._relay.open -= 1
            self._dial.cancel()
            if self._relay.clients.get(self._from) is self:  # else the port is another connection's by now
                del self._relay.clients[self._from]
        super().connection_lost(error)

    def answer(self, reply: bytes) -> None:
        """Send a reply of the relay itself."""
        self.transport.write(reply)

    def dials(self, sock: socket.socket) -> None:
        """This socket is being connected to the target for it."""
        self._way = kernel_of(sock)

    def way(self) -> TcpSample | None:
        """What the kernel says of its way to the target; None = there is none, or it is gone."""
        mark = None if self._way is None else self._way.mark()
        if self._way is None or mark is None:
            return None
        holds_bytes = self.out is None or self.out.holds_bytes
        return as_the_client_sees_it(self._way.read(mark), delay_s=self._delay_s, holds_bytes=holds_bytes)

    def joined(self, up: Flow, down: Flow) -> None:
        """The path is there; what came early goes first."""
        self.out, self.into = up, down
        if self._received:
            up.feed(self._received)
            self._received = b""

    def _read_request(self) -> None:
        try:
            if self._received.startswith(b"GET ") and self._received.endswith(END_OF_HEAD):
                self._answer_question()
                return
            request = None if self._received.startswith(b"GET ") else read_request(self._received)
            if request is None:
                return
            if not self._relay.leads_to(request.target):
                raise RelayError(f"This relay leads to {', '.join(sorted(self._relay.targets))} only.")
            if not all(map(_is_authority, (request.target, *request.addresses))):
                raise RelayError("The relay takes a target and addresses as host:port only.")
        except RelayError as refusal:
            self.answer(refused_reply(str(refusal)))
            self.transport.close()
            return
        self._stop_timeout()
        self._received = request.rest
        self._relay.connections += 1
        self._relay.open += 1
        self._relay.clients[self._from] = self
        self._delay_s = request.delay_s
        self._dial = self._relay.start_dial(self, request)

    def _answer_question(self) -> None:
        port = port_asked_about(self._received)
        if port is None:
            self.answer(json_reply(self._relay.report()))
        else:
            asked_about = self._relay.clients.get((self._from[0], port))
            self.answer(answer(None if asked_about is None else asked_about.way()))
        self.transport.close()

    def _stop_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
