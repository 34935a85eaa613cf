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
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from scenarios.clock import Clock
from scenarios.errors import unknown_name
from scenarios.plan import (
    ConnectionPlan,
    ConnectionResult,
    LagSource,
    OnAttempt,
    OpenConnections,
    Recorder,
    Tally,
    Target,
)
from scenarios.signals import Signal

# Imported when first used: a process that serves one arm loads one library.
CLIENTS: Final = {
    "websocket-client": "scenarios.clients.websocket_client",
    "websockets-gevent": "scenarios.clients.websockets_gevent",
    "websockets-asyncio": "scenarios.clients.websockets_asyncio",
}


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
        tally: Running counts, exact also for connections that were killed.
        open: How many connections are open.
        addresses: Of names that were resolved, (family, socket address) each: a name is resolved once.
    """

    recorder: Recorder
    clock: Clock
    lag: LagSource
    cpu: Callable[[], float | None] = lambda: None
    stop: Signal = field(default_factory=Signal)
    storm: Signal = field(default_factory=Signal)
    on_attempt: OnAttempt | None = None
    tally: Tally = field(default_factory=Tally)
    open: OpenConnections = field(default_factory=OpenConnections)
    addresses: dict[tuple[str, int], list[tuple[int, Any]]] = field(default_factory=dict)


RunConnection = Callable[[ConnectionPlan, Target, Services], ConnectionResult]


def client_named(name: str) -> RunConnection:
    """The driver of a client.

    Raises:
        ConfigError: If no client has that name.
    """
    if name not in CLIENTS:
        raise unknown_name("client", name, CLIENTS)
    return cast(RunConnection, importlib.import_module(CLIENTS[name]).run)


def run_connection(plan: ConnectionPlan, target: Target, services: Services) -> ConnectionResult:
    """Run one connection with the client that the plan names; see the module's docstring."""
    return client_named(plan.client)(plan, target, services)
