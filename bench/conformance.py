"""One row an event in every client: `python -m bench.conformance` prints the table and exits 1 where it differs.

Rows are everything that a server can do by raw bytes (`tests.scenarios.kit.events`) and every fault of the stand-in
(`tests.scenarios.kit.faults`); columns are the clients that this platform has.
"""

from __future__ import annotations

import sys

import gevent

from attempts.schema import Attempt, ConnectionFacts
from scenarios.clients import CLIENTS, Services, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.clock import Clock
from scenarios.machine.lag import LagMeter
from scenarios.plan import Target
from tests.scenarios.kit import events, faults
from tests.scenarios.kit.events import EVENTS, Event, Row
from tests.scenarios.kit.faults import FAULTS, Fault, standin


class Kept:
    """One client's services, and its rows."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.rows: list[Attempt] = []
        self.services = Services(recorder=self, clock=Clock.now(), lag=LagMeter())

    def connection(self, facts: ConnectionFacts) -> int:
        return 0

    def write(self, attempt: Attempt) -> None:
        self.rows.append(attempt)

    def of_event(self, event: Event) -> set[Row] | None:
        if event.compression and not CLIENTS[self.client].compresses:
            return None
        return set(events.met(event, self.client, self.services, self.rows))

    def of_fault(self, fault: Fault, port: int) -> set[Row]:
        target = Target(scheme="ws", host="127.0.0.1", port=port)
        return faults.met(fault, self.client, target, self.services, self.rows)


def in_words(rows: set[Row]) -> str:
    """The row that tells most: the worst outcome, the connect before the exchange before the hold."""
    order = {"connect": 0, "exchange": 1, "hold": 2, "close": 3}
    worst = min(rows, key=lambda row: (row.outcome == "ok", order[row.kind]))
    return "ok" if worst.outcome == "ok" else f"{worst.outcome} {worst.phase} {worst.cause}"


def main() -> int:
    clients = [Kept(name) for name in CLIENTS if why_unavailable(name) is None and name != "websockets-asyncio"]
    width = max(len(event.name) for event in EVENTS) + 2
    print("".ljust(width) + "".join(kept.client.ljust(34) for kept in clients))
    different = 0

    def report(name: str, expected: set[Row], found: list[set[Row] | None]) -> None:
        nonlocal different
        different += sum(rows is not None and rows != expected for rows in found)
        cells = ["cannot" if rows is None else in_words(rows) + ("" if rows == expected else " !") for rows in found]
        print(name.ljust(width) + "".join(cell.ljust(34) for cell in cells), flush=True)

    for event in EVENTS:
        report(event.name, set(event.rows), [kept.of_event(event) for kept in clients])
    for fault in FAULTS:
        with standin("--fault", fault.spec) as ready:
            port = int(ready["http_url"].rpartition(":")[2])
            running = [gevent.spawn(kept.of_fault, fault, port) for kept in clients]
            gevent.joinall(running, raise_error=True)
        report(fault.spec, set(fault.rows), [greenlet.value or set() for greenlet in running])
    for kept in clients:
        close_children(kept.services)
    print(f"{different} cells differ from the expected row" if different else "every cell is the expected row")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
