"""Every client writes the same row for the same event, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bench.events import CHURN, EVENTS, Event, Row
from bench.scripted_server import ScriptedServer
from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.websockets_asyncio import close_children
from scenarios.plan import ConnectionPlan, Target, Token
from tests.scenarios.clients.rows import Rows


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[str, Rows]]:
    """One set of services a client: an asyncio child serves all events."""
    rows: dict[str, Rows] = {}
    yield rows
    for one in rows.values():
        close_children(one.services)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
@pytest.mark.parametrize("client", [name for name in CLIENTS if why_unavailable(name) is None])
def test_one_event_is_one_row_in_every_client(client: str, event: Event, kept: dict[str, Rows]) -> None:
    rows = kept.setdefault(client, Rows())
    rows.written.clear()
    with ScriptedServer(event.script) as server:
        plan = ConnectionPlan(
            user=0,
            connection=0,
            scenario="churn",
            settings=CHURN,
            scheduled_at=rows.services.clock.micros(time.perf_counter()),
            subject="u",
            seed=1,
            client=client,
            budgets=event.budgets,
            token=Token("a.b.c"),
            token_transport="subprotocol" if event.by_subprotocol else "header",
        )
        run_connection(plan, Target(scheme="ws", host="127.0.0.1", port=server.port), rows.services)
    expected = {row.kind for row in event.rows}
    found = [Row(*(getattr(a, column) for column in Row._fields)) for a in rows.written if a.kind in expected]
    assert sorted(found, key=str) == sorted(event.rows, key=str)
    assert rows.services.tally.balanced
    assert rows.services.open.count == 0
    assert rows.facts[-1].client == CLIENTS[client].client
