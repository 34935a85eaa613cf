"""Dialling without I/O: names, addresses, relay or proxy, and one HTTP request, with all their deadlines.

Theory of operation. A `Dialler` says what is to be done next; a driver does it on its own loop and reports what came of
it. `now` is monotonic seconds. Every report returns the next step, which is also in `step`:

    Resolve   look the name up                                             then `resolved`
    Connect   free the socket, if there is one, and connect a new one      then `connected`
    Send      send all of it                                               then `sent`
    Read      read what there is                                           then `received`
    Secure    TCP is there; do the TLS handshake                           then `secured`
    Ready     TCP and TLS are there                                        then `ask`, if the driver upgrades by hand
    Answered  the answer's head and what came behind it                    nothing: what it means is the driver's to say
    Ended     whoever asked has been told how it ended                     nothing: free the socket

Besides, any step may end in one of these ways:

    `failed`  the system's call raised OSError, or EOFError where the peer has closed its side;
    `woken`   the wait ended without a result: at `until`, by a stop, or for nothing. It returns the very same step
              where the wait is to go on;
    `fail`    the driver, or its library, has found out why this connection is of no use.

A driver whose library does TLS and upgrade stops at `Secure` or `Ready`, and reports what comes after it by `woken`
and `fail` only. The relay is ours: its failures are the harness's, those that it tells of are the target's.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Protocol

from scenarios.clients import dial
from scenarios.clients.dial import Address
from scenarios.http_head import EndlessHead, split_head
from scenarios.plan import Target
from scenarios.redact import HIDDEN
from scenarios.relay.protocol import RelayError, connect_request, read_reply
from scenarios.session.ledger import End
from scenarios.signals import Signal

Addresses = dict[tuple[str, int], list[Address]]

_PROXY_CLOSED: Final = End("harness", detail="the proxy closed the connection")
_NO_ADDRESS: Final = End("unreachable", detail="the name has no address")


class Phases(Protocol):
    """Whoever wants the connection (a session, or a probe): it is told of each phase, and of the end.

    Attributes:
        deadline: When dialling must be done; it does not change on the way.
    """

    deadline: float

    @property
    def over(self) -> bool:
        """Whether nothing more is wanted: it has been told of an end, or of a phase that came too late."""

    def resolved(self, now: float, *, measured: bool) -> None:
        """The target's addresses are known; not `measured` = nothing was looked up."""

    def connected(self, now: float, *, tls: bool, handshake_s: float | None) -> None:
        """TCP is there, TLS is next or not. `handshake_s`: the true round trip, where a relay told it."""

    def secured(self, now: float) -> None:
        """TLS is there."""

    def failed(self, end: End, now: float) -> None:
        """It has failed."""

    def tick(self, now: float, *, answered: bool) -> None:
        """The deadline has come; `answered`: what was waited for is there, only late."""


class Resolve(NamedTuple):
    """Look up a name."""

    host: str
    port: int
    until: float


class Connect(NamedTuple):
    """Connect a new socket."""

    address: Address
    until: float


class Send(NamedTuple):
    """Send these bytes; they may hold a token, so the `repr` shows nothing."""

    data: bytes
    until: float

    def __repr__(self) -> str:
        return f"Send({HIDDEN})"


class Read(NamedTuple):
    """Read from the socket."""

    until: float


class Secure(NamedTuple):
    """Do the TLS handshake."""

    until: float


class Ready(NamedTuple):
    """The connection can be used."""

    until: float


class Answered(NamedTuple):
    """The answer to what was asked: its head without the empty line, and the bytes behind it."""

    head: bytes
    rest: bytes
    until: float


class Ended(NamedTuple):
    """Nothing more is to be done."""

    until: float = -math.inf


Step = Resolve | Connect | Send | Read | Secure | Ready | Answered | Ended


class Dialler:
    """Brings one connection from a name to its use; see the module's docstring.

    Attributes:
        step: What is to be done next.
        towards: Where the connection leads that is being tried: the target's address behind the relay, which is ours;
            a proxy's own, which is on the way. None = nowhere yet.
    """

    def __init__(
        self,
        target: Target,
        phases: Phases,
        known: Addresses,
        *,
        stop: Signal | None = None,
        delay_s: float = 0.0,
        seed: int = 0,
        must_refuse: bool = False,
        most_addresses: int | None = None,
    ) -> None:
        """A dialler for one connection.

        Args:
            target: Where to, and through what.
            phases: Is told.
            known: The process's addresses by (host, port): asked for once, the one that worked last comes first.
            stop: Given when the run ends; None = this connection does not ask.
            delay_s: Round trip that the relay is to add.
            seed: Of the relay's randomness on this connection.
            must_refuse: The target must refuse the credentials, so that a proxy's refusal is not what was asked for.
            most_addresses: How many of the target's addresses are tried; None = all.
        """
        self.step: Step = Ended()
        self.towards: Address | None = None
        self._target = target
        self._phases = phases
        self._known = known
        self._stop = stop
        self._delay_s = delay_s
        self._seed = seed
        self._must_refuse = must_refuse
        self._most_addresses = most_addresses
        self._addresses: tuple[Address, ...] = ()
        self._tried = 0
        self._share_until = math.inf
        self._end = _NO_ADDRESS
        self._received = b""
        self._is_there = False  # TCP, all the way to the target
        self._is_upgrade = False
        self._is_asked_for_certificate = False

    # -- what the driver reports ----------------------------------------------------------------------------

    def begin(self, now: float) -> Step:
        """The first step."""
        if self._stop:
            return self._go(Ended())
        target = self._target
        known = self._known.get((target.host, target.port))
        if known is None:
            return self._go(Resolve(target.host, target.port, self._phases.deadline))
        return self._walk(known, now, measured=False)

    def resolved(self, addresses: list[Address], now: float) -> Step:
        """The name's addresses, in the order in which they are to be tried."""
        host = self._target.host
        known = self._known.setdefault((host, self._target.port), addresses)
        return self._walk(known, now, measured=not dial.is_literal(host))

    def connected(self, now: float) -> Step:
        """The socket is connected."""
        target = self._target
        if target.relay is not None:
            host, port = self._addresses[self._tried - 1][1][:2]
            return self._send(connect_request(host, port, delay_s=self._delay_s, seed=self._seed))
        if target.proxy is not None:
            return self._send(dial.proxy_request(target.host, target.port))
        return self._arrived(now, handshake_s=None)

    def sent(self, now: float) -> Step:
        """All bytes are on their way, as far as the system tells."""
        deadline = self._phases.deadline
        is_relays = self._target.relay is not None and not self._is_there
        return self._go(Read(min(self._share_until, deadline) if is_relays else deadline))

    def received(self, data: bytes, now: float) -> Step:
        """Bytes of the peer's; none = nothing that could be decrypted."""
        self._received += data
        if self._is_there:
            return self._answered(now)
        return self._answered_by_proxy(now) if self._target.relay is None else self._answered_by_relay(now)

    def secured(self, now: float, *, is_asked_for_certificate: bool) -> Step:
        """TLS is there; whether the server asked for a client certificate on the way."""
        self._is_asked_for_certificate = is_asked_for_certificate
        self._phases.secured(now)
        return self._go(Ended() if self._phases.over else Ready(self._phases.deadline))

    def ask(self, request: bytes, *, is_upgrade: bool) -> Step:
        """Send an HTTP request, and read its answer's head."""
        self._is_upgrade = is_upgrade
        return self._send(request)

    def failed(self, error: OSError | EOFError, now: float) -> Step:
        """A call of the system's failed, or the peer has closed its side (EOFError)."""
        if isinstance(self.step, Resolve) and isinstance(error, OSError):
            return self.fail(dial.end_of_dns_error(error), now)
        if self._is_there:
            cut = dial.TLS_CUT if isinstance(self.step, Secure) else dial.NO_RESPONSE
            end = cut if isinstance(error, EOFError) else dial.end_of_os_error(error)
            is_asked = self._is_upgrade and self._is_asked_for_certificate
            return self.fail(dial.unanswered(end, is_asked_for_certificate=is_asked), now)
        if self._target.relay is not None:
            return self.fail(dial.end_of_relay_error(error), now)
        self._end = _PROXY_CLOSED if isinstance(error, EOFError) else dial.end_of_os_error(error)
        return self._next_address(now)

    def woken(self, now: float, *, answered: bool) -> Step:
        """The wait has ended; `answered`: what it was for has begun to come."""
        if self._stop:
            return self._go(Ended())
        if now >= self._phases.deadline:
            if isinstance(self.step, Connect) and self._target.relay is not None:
                return self.fail(dial.RELAY_SILENT, now)
            self._phases.tick(now, answered=answered)
            return self._go(Ended())
        if now >= self.step.until:  # a silent address has had its share of the time
            return self._next_address(now)
        return self.step

    def fail(self, end: End, now: float) -> Step:
        """Give up, for this reason."""
        self._phases.failed(end, now)
        return self._go(Ended())

    # -- addresses ------------------------------------------------------------------------------------------

    def _walk(self, known: list[Address], now: float, *, measured: bool) -> Step:
        self._phases.resolved(now, measured=measured)
        if self._phases.over:
            return self._go(Ended())
        self._addresses = tuple(known[: self._most_addresses])  # others move them while this one waits
        return self._next_address(now)

    def _next_address(self, now: float) -> Step:
        """Try the next address; one that is silent gets its share of the time left."""
        left = len(self._addresses) - self._tried
        if not left:
            return self.fail(self._end, now)
        deadline = self._phases.deadline
        self._share_until = now + (deadline - now) / left if left > 1 else math.inf
        address = self._addresses[self._tried]
        self._tried += 1
        target = self._target
        via = target.relay or target.proxy
        self.towards = address
        if via is not None:
            address = (dial.family_of(via[0]), via)
        if target.relay is None:
            self.towards = address
        # The relay's own silence is no address's: it is not left for the next one.
        until = deadline if target.relay is not None else min(self._share_until, deadline)
        return self._go(Connect(address, until))

    def _answered_by_relay(self, now: float) -> Step:
        try:
            reply = read_reply(self._received)
        except RelayError as error:
            return self.fail(dial.end_of_relay_error(error), now)
        if reply is None:
            return self.step
        if reply.errno is None:
            return self._arrived(now, handshake_s=reply.rtt_s)
        self._end = dial.end_of_os_error(OSError(reply.errno, reply.detail))
        return self._next_address(now)

    def _answered_by_proxy(self, now: float) -> Step:
        status = dial.proxy_status(self._received)
        if status is None:
            return self.step
        if status != dial.OK:
            return self.fail(dial.refused_by_proxy(status, must_refuse=self._must_refuse), now)
        return self._arrived(now, handshake_s=None)

    def _arrived(self, now: float, *, handshake_s: float | None) -> Step:
        self._is_there = True
        if self._tried > 1:
            known = self._known[self._target.host, self._target.port]
            dial.prefer(known, self._addresses[self._tried - 1])
        is_tls = self._target.scheme == "wss"
        self._phases.connected(now, tls=is_tls, handshake_s=handshake_s)
        if self._phases.over:
            return self._go(Ended())
        return self._go((Secure if is_tls else Ready)(self._phases.deadline))

    # -- small parts ----------------------------------------------------------------------------------------

    def _answered(self, now: float) -> Step:
        try:
            found = split_head(self._received)
        except EndlessHead:
            return self.fail(dial.ENDLESS, now)
        return self.step if found is None else self._go(Answered(*found, self._phases.deadline))

    def _send(self, data: bytes) -> Step:
        self._received = b""
        return self._go(Send(data, self._phases.deadline))

    def _go(self, step: Step) -> Step:
        self.step = step
        return step
