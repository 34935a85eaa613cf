"""Every client writes the same row for the same event, over real sockets."""

from __future__ import annotations

import time

import pytest

from bench.events import CHURN, EVENTS, Event, Row
from bench.scripted_server import ScriptedServer
from scenarios.clients import CLIENTS, run_connection
from scenarios.plan import ConnectionPlan, Target, Token
from tests.scenarios.clients.rows import Rows


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
@pytest.mark.parametrize("client", CLIENTS)
def test_one_event_is_one_row_in_every_client(client: str, event: Event) -> None:
    rows = Rows()
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
    found = tuple(Row(*(getattr(a, column) for column in Row._fields)) for a in rows.written if a.kind in expected)
    assert sorted(found) == sorted(event.rows)
    assert rows.services.tally.balanced
    assert rows.services.open.count == 0
