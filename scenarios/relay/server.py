"""The relay's server: who asks is connected to the target, and the relay keeps books on its own punctuality.

It sees how late it gave chunks on, and by a ticker of its own how late it may have been in reading them. On the same
port it tells its report, and each client what the kernel says of its way to the target (`scenarios.relay.question`).
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from scenarios.authority import authority_of, split_authority
from scenarios.errors import ConfigError
from scenarios.evidence.kernel import TcpKernel, kernel_of
from scenarios.evidence.sample import TcpSample
from scenarios.http_head import END_OF_HEAD
from scenarios.os_errors import errno_of
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

_Address = tuple[int, tuple[str, int]]


class Relay:
    """The server: paths, and the books on its own punctuality.

    Args:
        targets: The only host:port that paths may lead to; empty = any.
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
        self._addresses: dict[str, list[_Address]] = {}
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
            # A client that has resolved the name itself asks for an address.
            self._allowed |= {target, *(authority_of(*address) for _, address in addresses)}
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
            sock, handshake_s = await self._connect(client, request.target)
        except OSError as error:
            self.failed += 1
            # A refusal travels the slow way, too.
            await asyncio.sleep(request.delay_s)
            client.answer(failed_reply(errno_of(error) or 0, error.strerror or type(error).__name__))
            client.transport.close()
            return
        due_at = loop.time() + request.delay_s
        leg = Leg()
        target: asyncio.Transport | None = None
        try:
            target, _ = await loop.create_connection(lambda: leg, sock=sock)
            target.pause_reading()
            await asyncio.sleep(due_at - loop.time())
        except BaseException:
            # The client gave up (or we end): nobody will use this socket.
            sock.close() if target is None else target.abort()
            raise
        self.error.add(loop.time() - due_at)
        client.answer(connected_reply(handshake_s + request.delay_s))
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

    async def _connect(self, client: Client, target: str) -> tuple[socket.socket, float]:
        """A connected socket and how long its handshake took; the last address's error if none works."""
        loop = asyncio.get_running_loop()
        refusal: OSError = OSError(0, "the target has no address")
        for family, address in await self._resolved(target):
            # Named as TCP: asyncio sets TCP_NODELAY only on sockets that say so.
            sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            sock.setblocking(False)
            client.dials(sock)
            started_at = loop.time()
            try:
                await loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                refusal = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock, loop.time() - started_at
        raise refusal

    async def _resolved(self, target: str) -> list[_Address]:
        """Addresses of a target, asked for once: a resolver's bad day is not the arm's."""
        known = self._addresses.get(target)
        if known is None:
            host, port = split_authority(target)
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            known = self._addresses[target] = [
                (family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found
            ]
        return known

    def _tick(self, due_at: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._late_reads.add(now - due_at)
        loop.call_at(now + _TICK_S, self._tick, now + _TICK_S)


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
