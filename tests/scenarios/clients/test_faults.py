"""Every client meets every fault of the real stand-in, and writes the rows that the fault must become."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from bench.conformance import Kept
from scenarios.clients import CLIENTS, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from tests.scenarios.kit.faults import FAULTS, Fault, standin


@pytest.fixture(scope="module")
def clients() -> Iterator[list[Kept]]:
    kept = [Kept(name) for name in CLIENTS if why_unavailable(name) is None and name != "websockets-asyncio"]
    yield kept
    for one in kept:
        close_children(one.services)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.spec)
def test_a_fault_is_the_same_rows_in_every_client(fault: Fault, clients: list[Kept]) -> None:
    with standin("--fault", fault.spec) as ready:
        port = int(ready["http_url"].rpartition(":")[2])
        running = {kept.client: gevent.spawn(kept.of_fault, fault, port) for kept in clients}
        gevent.joinall(list(running.values()), raise_error=True)
    assert {name: greenlet.value for name, greenlet in running.items()} == {key: set(fault.rows) for key in running}
    assert all(kept.services.tally.balanced for kept in clients)
