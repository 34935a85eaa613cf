"""The clients: one thin driver a library and loop, all with one function.

`run_connection(plan, target, services)` runs one connection from its first socket call to its last row.
It blocks the calling greenlet and returns when the script has ended, the connection has died, or
`services.stop` was given: then attempts in flight become `aborted` within milliseconds. It never raises
for what the target does. A greenlet that is killed in it still writes its rows and frees its socket.

    services = Services(recorder=recorder, clock=Clock.now(), lag=meter)
    result = run_connection(plan, target, services)   # plan.client chooses the driver

A new client is one module with a `run` of this shape, and one line in `CLIENTS`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

import msgspec

from scenarios.addresses import AddressBook, Turns
from scenarios.clients.intake import LoopShare
from scenarios.clients.target_clock import TargetClock
from scenarios.clock import Clock
from scenarios.errors import unknown_name
from scenarios.plan import (
    ConnectionPlan,
    ConnectionResult,
    LagSource,
    OnAttempt,
    OpenConnections,
    RowSink,
    Tally,
    Target,
)
from scenarios.session.ledger import Ledger
from scenarios.signals import Signal


class Arm(NamedTuple):
    """What the name of a client stands for.

    Attributes:
        client: The library, as the record names it.
        event_loop: The loop, as the record names it; None = the worker's own (gevent's).
        module: Where its `run` is; imported when first used: a process that serves one arm loads one
            library.
        compresses: Whether the library has permessage-deflate.
    """

    client: str
    event_loop: str | None
    module: str
    compresses: bool = True


_ASYNCIO: Final = "scenarios.clients.on_asyncio.parent"
CLIENTS: Final = {
    "websocket-client": Arm("websocket-client", None, "scenarios.clients.on_gevent.websocket_client", compresses=False),
    "websockets-gevent": Arm("websockets-gevent", None, "scenarios.clients.on_gevent.websockets"),
    # The loop that `asyncio.run` takes on this platform.
    "websockets-asyncio": Arm(
        "websockets-asyncio", "asyncio-proactor" if sys.platform == "win32" else "asyncio-selector", _ASYNCIO
    ),
    "websockets-selector": Arm("websockets-asyncio", "asyncio-selector", _ASYNCIO),
    "websockets-proactor": Arm("websockets-asyncio", "asyncio-proactor", _ASYNCIO),
    "websockets-uvloop": Arm("websockets-asyncio", "uvloop", _ASYNCIO),
}


_LOOPS: Final = frozenset((arm.client, arm.event_loop) for arm in CLIENTS.values())


@dataclass(kw_only=True)
class Services:
    """What a connection needs from its process. One object for all connections of a worker.

    Attributes:
        recorder: Takes the rows.
        clock: This process's anchor.
        lag: Its event loop's delays.
        cpu: The last sample of this process's CPU use, 1 = one core; None = not measured.
        stop: Given when the run ends.
        storm: Given when everybody shall reconnect.
        on_attempt: Called after each row of kind connect and exchange (for Locust's screens); it must
            not block. None = nobody watches.
        tally: Running counts of the sessions' attempts, exact also for connections that were killed.
        probe_tally: The same of the control probes: they are in no headline number.
        open: How many connections are open.
        child_recorder: Makes the recorder of a child process (argument: its event loop), which is a
            load-generating process of its own; None = its rows go to `recorder` and its vitals nowhere.
        problem: Called with a sentence when a part of wsoak broke: the run is void, and ends.
        loss: Called with a sentence when a part of wsoak broke and is replaced: the run is void, and goes on.
        children: Child processes by event loop; `websockets_asyncio.close_children` ends them.
        addresses: Of the names that were looked up.
        turns: Which of a target's addresses a session tries first.
        secret_variables: Of the environment: what they hold is told to no child.
        target_clock: How far the run's clock is from the target's.
        share: How much of the loop goes into connections whose peers send more than can be taken in.
    """

    recorder: RowSink
    clock: Clock
    lag: LagSource
    cpu: Callable[[], float | None] = lambda: None
    stop: Signal = field(default_factory=Signal)
    storm: Signal = field(default_factory=Signal)
    on_attempt: OnAttempt | None = None
    tally: Tally = field(default_factory=Tally)
    probe_tally: Tally = field(default_factory=Tally)
    open: OpenConnections = field(default_factory=OpenConnections)
    child_recorder: Callable[[str], Any] | None = None
    problem: Callable[[str], None] = lambda sentence: print(sentence, file=sys.stderr)
    loss: Callable[[str], None] = lambda sentence: print(sentence, file=sys.stderr)
    children: dict[str, Any] = field(default_factory=dict)
    addresses: AddressBook = field(default_factory=AddressBook)
    turns: Turns = field(default_factory=Turns)
    secret_variables: frozenset[str] = frozenset()
    target_clock: TargetClock = field(default_factory=TargetClock)
    share: LoopShare = field(default_factory=LoopShare)

    def heard(self, head: bytes, sent: float, received: float) -> None:
        """An answer's head that came, between two moments of this process's timer."""
        self.target_clock.answered(head, self.clock.micros(sent) / 1e6, self.clock.micros(received) / 1e6)

    def ledger(self, tally: Tally, *, token_issued_at: float | None) -> Ledger:
        """The rows of one connection, counted in `tally`."""
        return Ledger(
            clock=self.clock,
            lag=self.lag,
            cpu=self.cpu,
            tally=tally,
            open_connections=self.open,
            token_issued_at=token_issued_at,
        )


RunConnection = Callable[[ConnectionPlan, Target, Services], ConnectionResult]


def why_unavailable(name: str) -> str | None:
    """A sentence where this platform or installation lacks a client's loop; None = it is there."""
    event_loop = CLIENTS[name].event_loop
    if event_loop == "asyncio-proactor" and sys.platform != "win32":
        return f"{name} needs Windows: only there asyncio has the Proactor loop."
    if event_loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
        return f"{name} needs uvloop, which is not installed here (there is none for Windows)."
    return None


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names that mean different clients on this platform; of two that mean the same one, the first.

    asyncio's default loop is the selector loop everywhere but on Windows, so that a plan for several platforms
    has an arm fewer elsewhere, and not the same arm twice.
    """
    found: dict[tuple[str, str | None], str] = {}
    for name in names:
        arm = CLIENTS[name]
        found.setdefault((arm.client, arm.event_loop), name)
    return tuple(found.values())


def prepare(name: str, services: Services) -> None:
    """Start what a client needs before its first connection, which would else start late.

    Raises:
        HarnessError: It cannot be started.
    """
    event_loop = CLIENTS[name].event_loop
    if event_loop is not None:
        importlib.import_module(_ASYNCIO).prepare(event_loop, services)


def client_named(name: str) -> RunConnection:
    """The driver of a client.

    Raises:
        ConfigError: If no client has that name.
    """
    if name not in CLIENTS:
        raise unknown_name("client", name, CLIENTS)
    return cast(RunConnection, importlib.import_module(CLIENTS[name].module).run)


def run_connection(plan: ConnectionPlan, target: Target, services: Services) -> ConnectionResult:
    """Run one connection with the client that the plan names; see the module's docstring.

    The plan either names an arm (`client` is a key of `CLIENTS`) and gets its library and loop for the
    record, or has both already.
    """
    run = client_named(plan.client)
    return run(_in_the_records_words(plan), target, services)


def _in_the_records_words(plan: ConnectionPlan) -> ConnectionPlan:
    client, event_loop = CLIENTS[plan.client][:2]
    if event_loop is None or (plan.client, plan.event_loop) in _LOOPS:
        return plan
    return msgspec.structs.replace(plan, client=client, event_loop=event_loop)
