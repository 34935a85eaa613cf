"""Dialling without I/O: names, addresses, relay or proxy, and one HTTP request, with all their deadlines.

Theory of operation. A `Dialler` says what is to be done next; a driver does it on its own loop and reports what came of
it. `now` is monotonic seconds. Every report returns the next step, which is also in `step`:

    Resolve   look the name up                                             then `resolved`
    Connect   connect to these addresses, all at the same time             then `connected` with the first that is there
    Send      send all of it                                               then `sent`
    Read      read what there is                                           then `received`
    Secure    TCP is there; do the TLS handshake                           then `secured`
    Ready     TCP and TLS are there                                        then `ask`, if the driver upgrades by hand
    Answered  the answer's head and what came behind it                    nothing: what it means is the driver's to say
    Ended     whoever asked has been told how it ended                     nothing: free the socket

Besides, any step may end in one of these ways:

    `failed`  the system's call raised OSError, or EOFError where the peer has closed its side; of a connect: with its
              address, and the others go on;
    `woken`   the wait ended without a result: at `until`, by a stop, or for nothing. It returns the very same step
              where the wait is to go on;
    `fail`    the driver, or its library, has found out why this connection is of no use.

`Connect` names all addresses that are to be on the way: a driver begins with those that are new to it, goes on with
those that it has begun, and frees the sockets of all others; also those that have not won.

A driver whose library does TLS and upgrade stops at `Secure` or `Ready`, and reports what comes after it by `woken`
and `fail` only. The relay is ours: its failures are the harness's, those that it tells of are the target's. It races
the target's addresses itself, as a driver does (`scenarios.addresses.Race`), since it alone has sockets to them.

A proxy is given the target's name, and resolves it: only its own name is looked up here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from scenarios.addresses import Address, AddressBook, Race, Turns
from scenarios.authority import authority_of
from scenarios.clients import dial
from scenarios.http_head import EndlessHead, split_head
from scenarios.os_errors import is_without_a_way
from scenarios.plan import Target
from scenarios.redact import HIDDEN
from scenarios.relay.protocol import MOST_ADDRESSES, RelayError, RelayReply, connect_request, read_reply
from scenarios.session.ledger import End
from scenarios.signals import Signal

_PROXY_CLOSED: Final = End("harness", detail="the proxy closed the connection")
_NO_ADDRESS: Final = {
    "any": End("unreachable", detail="the name has no address"),
    "4": End("unreachable", detail="the name has no IPv4 address"),
    "6": End("unreachable", detail="the name has no IPv6 address"),
}


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
        """The addresses are known; not `measured` = nothing was looked up."""

    def connected(self, now: float, *, tls: bool, handshake_s: float | None, tcp_s: float | None) -> None:
        """TCP is there, TLS is next or not.

        Args:
            now: As ever.
            tls: Whether TLS is next.
            handshake_s: The round trip: of the address that has won; None = it is all of the phase.
            tcp_s: How long the phase took, where a relay told it; None = since the phase before it.
        """

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
    """Connect to these addresses, a socket each; the newest is the last."""

    addresses: tuple[Address, ...]
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
        towards: Where the connection leads: the target's address behind the relay, which is ours; a proxy's own, which
            is on the way. While several are tried: the newest. None = nowhere yet.
    """

    def __init__(
        self,
        target: Target,
        phases: Phases,
        book: AddressBook,
        turns: Turns,
        *,
        stop: Signal | None = None,
        delay_s: float = 0.0,
        seed: int = 0,
        must_refuse: bool = False,
        leads: Callable[[Address | None], object] = lambda _: None,
    ) -> None:
        """A dialler for one connection.

        Args:
            target: Where to, and through what.
            phases: Is told.
            book: The addresses that the process knows.
            turns: Of the connections of this kind: which address is tried first.
            stop: Given when the run ends; None = this connection does not ask.
            delay_s: Round trip that the relay is to add.
            seed: Of the randomness on this connection.
            must_refuse: The target must refuse the credentials, so that a proxy's refusal is not what was asked for.
            leads: Is told where the connection leads when the relay says which of the addresses it is.
        """
        self.step: Step = Ended()
        self.towards: Address | None = None
        self._target = target
        self._phases = phases
        self._book = book
        self._turns = turns
        self._stop = stop
        self._delay_s = delay_s
        self._seed = seed
        self._must_refuse = must_refuse
        self._leads = leads
        self._name = (target.host, target.port) if target.proxy is None else target.proxy
        self._is_literal = dial.is_literal(self._name[0])
        self._race: Race | None = None
        self._tried: list[Address] = []
        self._latest: Sequence[Address] = ()  # of the tried ones: what is tried now
        self._handshake_s: float | None = None
        self._is_looked_up_here = False
        self._has_looked_again = False
        self._end = self._none = _NO_ADDRESS[target.ip_version]
        self._received = b""
        self._is_there = False  # TCP, all the way to the target
        self._is_upgrade = False
        self._is_asked_for_certificate = False

    # -- what the driver reports ----------------------------------------------------------------------------

    def begin(self, now: float) -> Step:
        """The first step."""
        if self._stop:
            return self._go(Ended())
        known = self._known(now)
        return self._look_up() if known is None else self._walk(known, now, measured=False)

    def resolved(self, addresses: Sequence[Address], now: float) -> Step:
        """The name's addresses, in the order in which the resolver has them."""
        known = self._book.learn(*self._name, filter(self._is_wanted, addresses), now)
        if self._has_looked_again:
            return self._try_new(known, now)
        return self._walk(known, now, measured=not self._is_literal)

    def connected(self, address: Address, now: float) -> Step:
        """A socket is connected to this address: all others are to be freed."""
        target = self._target
        if target.relay is not None:
            request = connect_request(
                *self._name,
                delay_s=self._delay_s,
                seed=self._seed,
                addresses=[authority_of(*where[:2]) for _, where in self._latest],
            )
            return self._send(request)
        self.towards = address
        if target.proxy is not None:
            return self._send(dial.proxy_request(target.host, target.port))
        assert self._race is not None
        if len(self._tried) > 1:
            self._handshake_s = now - self._race.running[address]
        return self._arrived(now)

    def sent(self, now: float) -> Step:
        """All bytes are on their way, as far as the system tells."""
        return self._go(Read(self._phases.deadline))

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

    def failed(self, error: OSError | EOFError, now: float, address: Address | None = None) -> Step:
        """A call of the system's failed, or the peer has closed its side (EOFError); `address`: of a connect."""
        if isinstance(self.step, Resolve) and isinstance(error, OSError):
            if self._has_looked_again:  # those that were known have failed, and that is what the row says
                return self.fail(self._end, now)
            return self.fail(dial.end_of_dns_error(error, of_proxy=self._target.proxy is not None), now)
        if self._is_there:
            cut = dial.TLS_CUT if isinstance(self.step, Secure) else dial.NO_RESPONSE
            end = cut if isinstance(error, EOFError) else dial.end_of_os_error(error)
            is_asked = self._is_upgrade and self._is_asked_for_certificate
            return self.fail(dial.unanswered(end, is_asked_for_certificate=is_asked), now)
        if self._target.relay is not None:
            return self.fail(dial.end_of_relay_error(error), now)
        end = _PROXY_CLOSED if isinstance(error, EOFError) else dial.end_of_os_error(error)
        if address is None or self._race is None:  # the proxy had taken the connection
            return self.fail(end, now)
        # A machine without IPv6 has met nobody there: what another address did says more.
        if self._end is self._none or not (isinstance(error, OSError) and is_without_a_way(error)):
            self._end = end
        self._race.failed(address, now)
        return self._look_again(now) if self._race.is_lost else self._racing()

    def woken(self, now: float, *, answered: bool) -> Step:
        """The wait has ended; `answered`: what it was for has begun to come."""
        if self._stop:
            return self._go(Ended())
        if now >= self._phases.deadline:
            if isinstance(self.step, Connect) and self._target.relay is not None:
                return self.fail(dial.RELAY_SILENT, now)
            if not (self._is_there or answered):  # all are silent: whoever comes next asks where the target is now
                self._doubt()
            self._phases.tick(now, answered=answered)
            return self._go(Ended())
        if now >= self.step.until and self._race is not None:  # a silent address is not waited for alone
            self._race.start(now)
            return self._racing()
        return self.step

    def fail(self, end: End, now: float) -> Step:
        """Give up, for this reason."""
        self._phases.failed(end, now)
        return self._go(Ended())

    # -- addresses ------------------------------------------------------------------------------------------

    def _known(self, now: float) -> tuple[Address, ...] | None:
        return self._book.find(*self._name, now, ttl_s=math.inf if self._is_literal else self._target.dns_ttl_s)

    def _is_wanted(self, address: Address) -> bool:
        version = self._target.ip_version
        return version == "any" or self._target.proxy is not None or (":" in address[1][0]) == (version == "6")

    def _look_up(self) -> Step:
        self._is_looked_up_here = True
        return self._go(Resolve(*self._name, self._phases.deadline))

    def _walk(self, known: Sequence[Address], now: float, *, measured: bool) -> Step:
        self._phases.resolved(now, measured=measured)
        if self._phases.over:
            return self._go(Ended())
        return self._try(self._turns.order(known, seed=self._seed), now)

    def _try(self, addresses: Sequence[Address], now: float) -> Step:
        """Try these addresses, in this order; a relay does it itself."""
        if not addresses:
            return self.fail(self._end, now)
        relay = self._target.relay
        self._latest = addresses[:MOST_ADDRESSES] if relay is not None else addresses
        self._tried += self._latest
        if relay is not None:
            self.towards = self._latest[0]
            return self._go(Connect(((dial.family_of(relay[0]), relay),), self._phases.deadline))
        self._race = Race(self._latest, now)
        return self._racing()

    def _racing(self) -> Step:
        assert self._race is not None
        running = tuple(self._race.running)
        self.towards = running[-1]
        return self._go(Connect(running, min(self._race.next_at, self._phases.deadline)))

    def _look_again(self, now: float) -> Step:
        """All have failed. If they were known from before, the target may have moved meanwhile."""
        if self._is_literal or self._is_looked_up_here or self._has_looked_again:
            return self.fail(self._end, now)
        self._has_looked_again = True
        self._doubt()
        known = self._known(now)
        return self._look_up() if known is None else self._try_new(known, now)

    def _doubt(self) -> None:
        if not self._is_literal:
            self._book.doubt(*self._name, self._tried)

    def _try_new(self, known: Sequence[Address], now: float) -> Step:
        new = [address for address in known if address not in self._tried]
        return self._try(self._turns.order(new, seed=self._seed), now)

    def _answered_by_relay(self, now: float) -> Step:
        try:
            reply = read_reply(self._received)
        except RelayError as error:
            return self.fail(dial.end_of_relay_error(error), now)
        if reply is None:
            return self.step
        self.towards = self._named_by(reply)
        self._leads(self.towards)
        if reply.errno is None:
            self._handshake_s = reply.rtt_s
            return self._arrived(now, tcp_s=reply.tcp_s)
        self._end = dial.end_of_os_error(OSError(reply.errno, reply.detail))
        return self._look_again(now)

    def _named_by(self, reply: RelayReply) -> Address | None:
        """The target's address of which a relay's answer tells."""
        asked = {authority_of(*address[1][:2]): address for address in self._latest}
        return self.towards if reply.address is None else asked.get(reply.address, self.towards)

    def _answered_by_proxy(self, now: float) -> Step:
        status = dial.proxy_status(self._received)
        if status is None:
            return self.step
        if status != dial.OK:
            return self.fail(dial.refused_by_proxy(status, must_refuse=self._must_refuse), now)
        return self._arrived(now)

    def _arrived(self, now: float, *, tcp_s: float | None = None) -> Step:
        self._is_there = True
        self._race = None
        is_tls = self._target.scheme == "wss"
        self._phases.connected(now, tls=is_tls, handshake_s=self._handshake_s, tcp_s=tcp_s)
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
