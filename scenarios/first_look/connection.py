"""One session of the default client whose frames are shown as they go and come."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from attempts.schema import Attempt, ConnectionFacts
from scenarios.clients import Services
from scenarios.clients.dial import UpgradeRequest
from scenarios.clients.on_gevent.driver import GeventConnection
from scenarios.clients.on_gevent.websocket_client import WebSocketClientWire
from scenarios.clients.wire import BROKEN, TOO_BIG, Wire
from scenarios.clock import Clock
from scenarios.first_look.transcript import Frame
from scenarios.machine.lag import LagMeter
from scenarios.plan import Budgets, ConnectionPlan, Header, Target, Token
from scenarios.protocols.load import load_protocol
from scenarios.protocols.reading import messages_in
from scenarios.protocols.transport import PROTOCOL
from scenarios.rfc6455 import BINARY, TEXT
from scenarios.session.ledger import End

PACE_S: Final = 1.0
# With this seed the first request comes late in the first pace: what the server says by itself is seen before it.
SEED: Final = 2

Shown = Callable[[Frame], None]


class SeenWire:
    """A wire that shows what passes it."""

    def __init__(self, wire: Wire, show: Callable[[bool, int, bytes], None]) -> None:
        self._wire = wire
        self._show = show
        self.key = wire.key
        self.request = wire.request
        self.is_mid_message = wire.is_mid_message
        self.data_to_send = wire.data_to_send

    def response(self, head: bytes) -> End | None:
        """See `Wire.response`."""
        return self._wire.response(head)

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """See `Wire.receive`."""
        found = self._wire.receive(data)
        for opcode, payload in found:
            if opcode not in (BROKEN, TOO_BIG):
                self._show(False, opcode, payload)
        return found

    def send(self, opcode: int, payload: bytes) -> None:
        """See `Wire.send`."""
        self._show(True, opcode, payload)
        self._wire.send(opcode, payload)


class _Rows:
    """Where the session's rows go."""

    def __init__(self) -> None:
        self.written: list[Attempt] = []

    def connection(self, facts: ConnectionFacts) -> int:
        """One connection's facts are number 0."""
        return 0

    def write(self, attempt: Attempt) -> None:
        """Keep it."""
        self.written.append(attempt)


def look_at(
    target: Target,
    *,
    token: Token | None,
    headers: tuple[Header, ...] = (),
    token_transport: str = PROTOCOL,
    operations: dict[str, float],
    seconds: float,
    budgets: Budgets,
    show: Shown,
) -> list[Attempt]:
    """Connect once, ask at a pace for so many seconds, close; returns the session's rows.

    Raises:
        ProtocolFault: The protocol class does what it must not.
    """
    protocol = load_protocol(target.protocol, target.messages)
    rows, clock, began = _Rows(), Clock.now(), perf_counter()

    def seen(is_ours: bool, opcode: int, payload: bytes) -> None:
        is_read = not is_ours and opcode in (TEXT, BINARY)
        messages = messages_in(protocol, payload, is_binary=opcode == BINARY) if is_read else ()
        show(Frame(perf_counter() - began, is_ours, opcode, payload, messages))

    def make_wire(where: Target, request: UpgradeRequest) -> Wire:
        return SeenWire(WebSocketClientWire(where, request), seen)

    plan = ConnectionPlan(
        user=0,
        connection=0,
        scenario="steady",
        settings={"operations": operations, "pace_s": PACE_S, "hold_s": seconds},
        scheduled_at=clock.micros(began),
        subject="first-look",
        seed=SEED,
        token=token,
        headers=headers,
        token_transport=token_transport,
        budgets=budgets,
    )
    services = Services(recorder=rows, clock=clock, lag=LagMeter())
    GeventConnection(plan, target, services, make_wire).run()
    return rows.written
