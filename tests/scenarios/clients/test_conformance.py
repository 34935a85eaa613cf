"""Every client writes the same row for the same event, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attempts.schema import Attempt
from scenarios.clients import CLIENTS, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from tests.scenarios.clients.rows import Rows
from tests.scenarios.kit.events import EVENTS, Event, met, ran_out_too_early


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
    if event.compression and not CLIENTS[client].compresses:
        pytest.skip("this library has no permessage-deflate: --compression is refused with it")
    rows = kept.setdefault(client, Rows())
    found = met(event, client, rows.services, rows.written)
    assert sorted(found, key=str) == sorted(event.rows, key=str)
    assert rows.services.tally.balanced
    assert rows.services.open.count == 0
    assert rows.facts[-1].client == CLIENTS[client].client


def _timeout_in(phase: str) -> Attempt:
    return Attempt(
        kind="connect",
        operation="connect",
        scheduled_at=0,
        started_at=0,
        duration_s=0.4,
        budget_s=0.4,
        outcome="timeout",
        phase=phase,
    )


def test_a_budget_that_ran_out_before_the_event_is_told_from_the_events_own() -> None:
    no_welcome = next(event for event in EVENTS if event.name == "no welcome comes")
    all_is_well = EVENTS[0]
    assert ran_out_too_early(no_welcome, [_timeout_in("upgrade")])
    assert not ran_out_too_early(no_welcome, [_timeout_in("welcome")])
    assert not ran_out_too_early(no_welcome, [_timeout_in("hold")]), "a wrong phase behind it is the client's mistake"
    assert not ran_out_too_early(all_is_well, [_timeout_in("upgrade")]), "no budget is meant to run out"
