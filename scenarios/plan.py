"""The plan of one connection, as plain data, and its result.

A `ConnectionPlan` goes over a pipe to an asyncio child as readily as into a function call: it holds no
socket, no clock and no callable. All moments in it are microseconds since the epoch (UTC), so that two
processes with different monotonic clocks mean the same; all lengths of time are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from attempts.schema import Attempt, ConnectionFacts
from scenarios.authority import authority_of
from scenarios.redact import HIDDEN

MEGABYTE: Final = 1_048_576

# Kinds of attempts that Locust's screens count.
SHOWN: Final = frozenset({"connect", "exchange"})

# What a setting of a scenario may be: what JSON and the Locust form can carry.
Setting = str | int | float | bool | list[str] | dict[str, float] | None


class Token(msgspec.Struct, frozen=True):
    """A bearer token. Its `repr` and `str` never show it; `value` goes to the upgrade request only.

    `issued_at` and `expires_at` are epoch seconds (claims iat and exp), None when the token has none.
    """

    value: str
    issued_at: float | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Token({HIDDEN}, issued_at={self.issued_at}, expires_at={self.expires_at})"

    __str__ = __repr__

    @property
    def ttl_s(self) -> float | None:
        """Lifetime in seconds; None unless both ends are known."""
        if self.issued_at is None or self.expires_at is None:
            return None
        return self.expires_at - self.issued_at


class Header(msgspec.Struct, frozen=True):
    """A further header of the upgrade request. Its `repr` never shows a secret."""

    name: str
    value: str
    is_secret: bool = False

    def __repr__(self) -> str:
        return f"Header({self.name}, {HIDDEN if self.is_secret else self.value})"

    __str__ = __repr__


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """The longest waits, in seconds.

    Attributes:
        connect_s: From the first socket call to the welcome, all phases together.
        exchange_s: One request to its reply.
        sequence_s: One request to the last event of its sequence (start_agent).
        close_s: The closing handshake.
        hold_s: The longest a session is planned to stay open where its scenario does not say.
        peer_check_s: How long a pong is waited for when another wait has run out in silence; 0 = none is asked for.
    """

    connect_s: float = 10.0
    exchange_s: float = 5.0
    sequence_s: float = 15.0
    close_s: float = 2.0
    hold_s: float = 86_400.0
    peer_check_s: float = 2.0


class ConnectionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One connection: who, from which arm, with what in hand, and what it does once it is ready.

    Attributes:
        user: Virtual user, within the worker.
        connection: Number of the connection, within the worker.
        scenario: Name in `scenarios.session.scripts.SCENARIOS`.
        settings: The scenario's settings (see there); unknown keys are refused.
        client, event_loop: The arm, in the record's words; `client` is a key of `clients.CLIENTS`.
        delay_s: Round trip that the relay adds to this connection; 0 = none.
        mitigation: One of `scenarios.session.scripts.MITIGATIONS`.
        retry: 0 = first try.
        subject: The token's `sub`.
        token: None = connect without one.
        scheduled_at: When it was meant to start, microseconds since the epoch.
        budgets: Already without the mitigation's effect; `longer_budget` is applied by the session.
        headers: Further headers of the upgrade request.
        subprotocols: What is offered besides the token's.
        token_transport: How the token travels (`scenarios.protocols.transport`).
        seed: Of this connection's own randomness (payloads, jitter); the same plan does the same.
        expect_refusal: The connection must be refused (auth probe): then a refusal is `ok`.
        token_kind: How the token was broken for that, in the record's words; None = it was not.
        trace_id: What the upgrade's `traceparent` header names, 32 hex digits, neither half of them all zero; None =
            the request has no such header.
    """

    user: int
    connection: int
    scenario: str
    scheduled_at: int
    subject: str
    seed: int
    settings: dict[str, Setting] = {}
    client: str = "websocket-client"
    event_loop: str = "gevent-libev"
    delay_s: float = 0.0
    mitigation: str = "none"
    retry: int = 0
    token: Token | None = None
    budgets: Budgets = Budgets()
    headers: tuple[Header, ...] = ()
    subprotocols: tuple[str, ...] = ()
    token_transport: str = "protocol"
    expect_refusal: bool = False
    token_kind: str | None = None
    trace_id: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a peer may repeat, and no row may show."""
        headers = (header.value for header in self.headers if header.is_secret)
        return (*headers, *([self.token.value] if self.token else []))

    def facts(self, **of_the_connection: Any) -> ConnectionFacts:
        """What is true of all its rows; `of_the_connection`: its ends, and what the server says of itself."""
        return ConnectionFacts(
            user=self.user,
            connection=self.connection,
            subject=self.subject,
            scenario=self.scenario,
            client=self.client,
            event_loop=self.event_loop,
            delay_s=self.delay_s,
            mitigation=self.mitigation,
            retry=self.retry,
            token_ttl_s=self.token.ttl_s if self.token else None,
            token_kind=self.token_kind,
            trace_id=self.trace_id,
            **of_the_connection,
        )


class MessageFields(msgspec.Struct, frozen=True, kw_only=True):
    """How a server's JSON messages name what matters, for the protocol `json`.

    Attributes:
        type_field: The field with a message's type.
        id_field: The field with the id of a request, which its reply repeats; "" = replies name none.
        welcome_type: The type of the message with which a session is ready; "" = it is with the upgrade.
        opening: What a session says first, `{token}` in it standing for its token; "" = nothing.
    """

    type_field: str = "type"
    id_field: str = "id"
    welcome_type: str = ""
    opening: str = ""


USUAL_FIELDS: Final = MessageFields()


class TlsFiles(NamedTuple):
    """Paths of what TLS is done with, in PEM.

    Attributes:
        ca: Certificates to trust; None = the system's.
        certificate: The client's own, with its chain; None = it has none.
        key: Its private key; None = it is in the certificate's file.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where every connection of a run goes. Plain data; each process builds its TLS context once from it.

    Attributes:
        scheme: ws or wss.
        host: As in the Host header and the SNI, without brackets.
        port: TCP port.
        path: Of the upgrade request, with a leading slash, with its query if any.
        protocol: The messages: a name in `scenarios.protocols.load.PROTOCOLS`, or `package.module:Class`.
        messages: What `json` must know of them.
        ca_file: Certificates to trust (PEM); None = the system's.
        client_cert, client_key: The client's own certificate and its key (PEM); None = it has none.
        relay: (host, port) of the relay that adds `delay_s`; None = connections go straight.
        proxy: (host, port) of an HTTP proxy that is asked to CONNECT; None = the environment is ignored.
        dns_ttl_s: How long a name's addresses are known before it is looked up again.
        ip_version: Which of the target's addresses are used: any, 4 or 6; a proxy's are all used.
        max_message_bytes: The longest message that a client takes, inflated and all fragments together.
        compression: Whether permessage-deflate (RFC 7692) is offered.
    """

    scheme: str
    host: str
    port: int
    path: str = "/ws"
    protocol: str = "staging"
    messages: MessageFields = USUAL_FIELDS
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    relay: tuple[str, int] | None = None
    proxy: tuple[str, int] | None = None
    dns_ttl_s: float = 30.0
    ip_version: str = "any"
    max_message_bytes: int = 16 * MEGABYTE
    compression: bool = False

    @property
    def tls_files(self) -> TlsFiles:
        """What TLS is done with."""
        return TlsFiles(self.ca_file, self.client_cert, self.client_key)

    @property
    def url(self) -> str:
        """As the client libraries want it; never holds a token."""
        return f"{self.scheme}://{authority_of(self.host, self.port)}{self.path}"


class Tally(msgspec.Struct, gc=False):
    """Running counts of attempts: planned = started + skipped; started = ok + timeout + failed + aborted."""

    planned: int = 0
    skipped: int = 0
    started: int = 0
    ok: int = 0
    timeout: int = 0
    failed: int = 0
    aborted: int = 0

    def skip(self, count: int = 1) -> None:
        """Starts that were planned and did not happen."""
        self.planned += count
        self.skipped += count

    @property
    def balanced(self) -> bool:
        """Whether nothing got lost. True only when no attempt is in flight."""
        outcomes = self.ok + self.timeout + self.failed + self.aborted
        return self.planned == self.started + self.skipped and self.started == outcomes


class ConnectionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one connection, for whoever decides about the next one. The rows are already written.

    Attributes:
        ready: Whether the session became ready.
        ended_by: script (it did all it planned), peer (closed or lost), failure (connect or contract),
            stop (the run ended first).
        outcome, phase, cause: Of the attempt that decided: the connect if it never became ready, else
            the hold.
        storm: It closed because a storm was called: connect again after `pause_s`.
        pause_s: How long its user should wait before the next connection.
        open_s: How long the session was open; None = it never was, or nobody knows.
    """

    ready: bool
    ended_by: str
    outcome: str
    phase: str
    cause: str | None = None
    storm: bool = False
    pause_s: float = 0.0
    open_s: float | None = None


class RowSink(Protocol):
    """Where rows go (`attempts.spool.recorder.Recorder`)."""

    def connection(self, facts: ConnectionFacts) -> int:
        """Register what is true of a connection's rows; the number goes into `Attempt.facts`."""

    def write(self, attempt: Attempt) -> None:
        """Write one row; gives it its `seq`. Neither blocks nor switches greenlets."""


class LagSource(Protocol):
    """The loop's own share of a wait (`scenarios.machine.lag.LagMeter`)."""

    def lag_between(self, start: float, now: float) -> tuple[float | None, float | None]:
        """Largest delay and sum of the long ones in a window of monotonic seconds; None = unknown."""


class OpenConnections:
    """How many connections of this process are open: one count for all its clients."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


OnAttempt = Callable[[ConnectionPlan, Attempt], None]
