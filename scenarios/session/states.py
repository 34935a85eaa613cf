r"""The life of a session as a table.

`TRANSITIONS[state][event]` is the next state. All that is known about transitions lives here; a missing
key *is* the protocol error: the driver reported what cannot happen there, so the driver is wrong (what
the target does wrong has an event of its own, `FAILED`).

    START -> DNS -> TCP -> TLS -> UPGRADE -> WELCOME -> READY -> CLOSING -> CLOSED
                      \__ ws: ___/              |-> REFUSED (an error frame; its close is awaited) -> CLOSED
                                                \-> CHECKING (no welcome; a pong is awaited) -> CLOSED
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """Where a session is. The values of DNS to WELCOME are the record's `phase`."""

    START = "start"
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    UPGRADE = "upgrade"
    WELCOME = "welcome"
    REFUSED = "refused"
    CHECKING = "checking"
    READY = "ready"
    CLOSING = "closing"
    CLOSED = "closed"


class Event(Enum):
    """What moves a session."""

    BEGIN = "begin"
    RESOLVED = "resolved"
    CONNECTED = "connected"
    CONNECTED_TLS = "connected, TLS next"
    SECURED = "secured"
    UPGRADED = "upgraded"
    WELCOMED = "welcomed"
    REFUSED = "refused"
    FELL_SILENT = "fell silent"
    CHECKED = "checked"
    CLOSE_SENT = "close sent"
    PEER_CLOSED = "peer closed"
    FAILED = "failed"
    EXPIRED = "expired"
    STOPPED = "stopped"


_ENDS: Final = {Event.FAILED: State.CLOSED, Event.EXPIRED: State.CLOSED, Event.STOPPED: State.CLOSED}

TRANSITIONS: Final[dict[State, dict[Event, State]]] = {
    State.START: {Event.BEGIN: State.DNS, Event.STOPPED: State.CLOSED},
    State.DNS: {Event.RESOLVED: State.TCP, **_ENDS},
    State.TCP: {Event.CONNECTED: State.UPGRADE, Event.CONNECTED_TLS: State.TLS, **_ENDS},
    State.TLS: {Event.SECURED: State.UPGRADE, **_ENDS},
    State.UPGRADE: {Event.UPGRADED: State.WELCOME, **_ENDS},
    State.WELCOME: {
        Event.WELCOMED: State.READY,
        Event.REFUSED: State.REFUSED,
        Event.FELL_SILENT: State.CHECKING,
        Event.PEER_CLOSED: State.CLOSED,
        **_ENDS,
    },
    State.REFUSED: {Event.PEER_CLOSED: State.CLOSED, **_ENDS},
    # The connect's outcome is known; only whether the peer is there is still asked.
    State.CHECKING: {Event.CHECKED: State.CLOSED, Event.PEER_CLOSED: State.CLOSED, **_ENDS},
    # An exchange that runs out does not end its session: the next one may be answered.
    State.READY: {
        Event.CLOSE_SENT: State.CLOSING,
        Event.PEER_CLOSED: State.CLOSED,
        Event.FAILED: State.CLOSED,
        Event.STOPPED: State.CLOSED,
    },
    State.CLOSING: {Event.PEER_CLOSED: State.CLOSED, **_ENDS},
    State.CLOSED: {},
}

DIALLING: Final = frozenset({State.DNS, State.TCP, State.TLS, State.UPGRADE})
CONNECTING: Final = DIALLING | {State.WELCOME, State.REFUSED}
