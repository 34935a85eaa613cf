"""The parts of every fault: a dose, a schedule, a seeded draw, and the effects it may ask for.

A fault is pure settings. It decides, from facts that it is given, which effects a connection suffers at
one of the points of its life; it holds no state of its own, so one object serves all connections. What
changes (who opened how many sockets, how many messages were seen) is passed in as facts.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple


class Moment(NamedTuple):
    """When a fault is asked, on three clocks.

    Attributes:
        since_ready_s: Seconds since the server first listened: what schedules count from.
        since_start_s: Seconds since its last start, a restart included.
        wall_s: Seconds since the epoch, for timestamps in frames.
    """

    since_ready_s: float
    since_start_s: float
    wall_s: float


class Facts(NamedTuple):
    """What is known of a connection when a fault is asked.

    Attributes:
        ordinal: 0, 1, 2 ... over the session sockets (/ws, /websocket) of this server.
        subject: The token's `sub`, not verified before authentication; "" when there is none.
        instance: Index of the instance that serves it.
        offered: The subprotocols that the client offered.
        user_accepts: When this subject's earlier sockets were accepted on this instance, as
            `Moment.since_ready_s`, oldest first.
    """

    ordinal: int
    subject: str
    instance: int
    offered: tuple[str, ...] = ()
    user_accepts: Sequence[float] = ()


class MessageFacts(NamedTuple):
    """What is known of one client message: its number on the connection (from 0), type and size."""

    number: int
    type: str
    size_bytes: int


class Silence(NamedTuple):
    """From here on this connection gets no answer; protocol pings are still answered after the upgrade."""


class Reset(NamedTuple):
    """A TCP reset: the socket is closed with linger 0."""


class Refuse(NamedTuple):
    """The upgrade is answered with this HTTP status instead of 101."""

    status: int


class Subprotocol(NamedTuple):
    """The upgrade's answer names this subprotocol."""

    value: str


class Delay(NamedTuple):
    """Nothing more is sent for this long; the connection is still read."""

    seconds: float


class RefuseToken(NamedTuple):
    """The token is refused `after_s` after the accept, with this text, and was not checked."""

    after_s: float
    text: str


class Fail(NamedTuple):
    """An `error_message` frame, then a close at once."""

    error_code: str
    message: str
    close_code: int
    reason: str


class NotStarted(NamedTuple):
    """The set-up went on before start-up was complete, having waited this long."""

    waited_s: float


class Frames(NamedTuple):
    """Frames sent before the welcome."""

    frames: tuple[Mapping[str, Any], ...]


class Drop(NamedTuple):
    """This message gets no reply."""


class Unroutable(NamedTuple):
    """This message gets no reply and counts as a routing error."""


Effect = (
    Silence | Reset | Refuse | Subprotocol | Delay | RefuseToken | Fail | NotStarted | Frames | Drop | Unroutable
)  # fmt: skip
Effects = tuple[Effect, ...]
NOTHING: Effects = ()


def uniform(*key: object) -> float:
    """A number in [0, 1) that depends on the key only: the same on every platform and in every process."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    # 53 bits are what a float holds: with more, the largest digests would round up to 1.
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def setting(
    default: Any,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """A dataclass field that is a parameter on the command line, with the range it must lie in."""
    return dataclasses.field(
        default=default, metadata={"about": about, "low": low, "high": high, "choices": tuple(choices)}
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault with its schedule. Subclasses give `name`, settings, and the effects at the points they act on.

    With `every`, the fault is on for the first `for` seconds of each period, counted from `from`; with
    `for` alone, once; with neither, from `from` until `until`.
    """

    name: ClassVar[str]

    from_s: float = setting(0.0, "on from this second after the start", low=0)
    until_s: float = setting(math.inf, "off from this second on", low=0)
    every_s: float = setting(0.0, "period of repetition, s; 0 = no repetition", low=0)
    for_s: float = setting(0.0, "how long it is on, s, once or in each period; 0 = all the time", low=0)

    def is_on(self, moment: Moment) -> bool:
        """Whether the schedule is on at this moment."""
        since_s = self._clock(moment)
        if not self.from_s <= since_s < self.until_s:
            return False
        into_s = since_s - self.from_s
        if self.every_s:
            into_s %= self.every_s
        return not self.for_s or into_s < self.for_s

    def _clock(self, moment: Moment) -> float:
        return moment.since_ready_s

    def window(self, number: int) -> tuple[float, float] | None:
        """Begin and end of the `number`-th time (from 0) it is on, in schedule seconds; None after the last."""
        if number and not self.every_s:
            return None
        begin_s = self.from_s + number * self.every_s
        if begin_s >= self.until_s:
            return None
        end_s = begin_s + (self.for_s or self.every_s or math.inf)
        return begin_s, min(end_s, self.until_s)

    def problem(self) -> str | None:
        """What is wrong with the settings taken together, as a sentence; None if nothing is."""
        if self.until_s <= self.from_s:
            return f"until={self.until_s:g} must be later than from={self.from_s:g}"
        if self.every_s and not self.for_s:
            return f"every={self.every_s:g} needs for=SECONDS, how long it is on in each period"
        if self.every_s and self.for_s > self.every_s:
            return f"for={self.for_s:g} must not be longer than every={self.every_s:g}"
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConnectionFault(Fault):
    """A fault that hits a share of the connections, drawn by a hash of seed, name, and ordinal or subject."""

    share: float = setting(1.0, "share of the connections (or subjects) that it hits", low=0, high=1)
    by: str = setting(
        "connection", "what is drawn: each connection, or a subject once for all", choices=("connection", "subject")
    )
    seed: int = setting(0, "seed of the draw; by default the server's --seed")

    def hits(self, facts: Facts) -> bool:
        """Whether the draw hits this connection. The schedule is asked later, at each point."""
        return self.draw(facts.ordinal if self.by == "connection" else facts.subject) < self.share

    def draw(self, *key: object) -> float:
        """A number in [0, 1) for this key."""
        return uniform(self.seed, self.name, *key)

    def on_upgrade(self, facts: Facts, moment: Moment) -> Effects:
        """Effects when the upgrade request has arrived, before any answer: Silence, Reset, Refuse."""
        return NOTHING

    def on_accept(self, facts: Facts, moment: Moment) -> Effects:
        """Effects on the 101 answer: Subprotocol."""
        return NOTHING

    def on_check(self, facts: Facts, moment: Moment) -> Effects:
        """Effects before a token of three parts is checked: RefuseToken, Fail, Delay."""
        return NOTHING

    def on_auth(self, facts: Facts, moment: Moment) -> Effects:
        """Effects on a session whose user is known: Fail, Delay."""
        return NOTHING

    def on_welcome(self, facts: Facts, moment: Moment) -> Effects:
        """Effects before the welcome: Delay, NotStarted, Frames, Silence, Reset, Fail."""
        return NOTHING

    def on_message(self, facts: Facts, moment: Moment, message: MessageFacts) -> Effects:
        """Effects on one message of the client: Delay, Drop, Unroutable, Silence, Reset."""
        return NOTHING

    def on_loop_end(self, facts: Facts, moment: Moment) -> Effects:
        """Effects when too many routing errors in a row have ended the message loop, before the close: Silence."""
        return NOTHING

    def idle_limit_s(self) -> float | None:
        """Seconds without a client message after which the connection is cut."""
        return None

    def lifetime_s(self) -> float | None:
        """Seconds after the accept at which the connection is cut."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerFault(Fault):
    """A fault of the whole server, in windows of its schedule: no connection is drawn."""

    def problem(self) -> str | None:
        """A window without an end would be a server that never comes back."""
        if not self.for_s:
            return "for must be above 0: it is how long the server is affected"
        return super().problem()
