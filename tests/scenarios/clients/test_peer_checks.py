"""Every client asks a peer that fell silent whether it is there, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from attempts.schema import Attempt
from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.plan import Budgets
from scenarios.session.peer_check import GRACE_S
from tests.scenarios.clients.rows import Rows, plan_of, target_of
from tests.scenarios.kit.scripted_server import PONG, Peer, ScriptedServer

# The waits that run out are short, the check is as long as a slow machine needs.
BUDGETS = Budgets(connect_s=20.0, exchange_s=0.3, close_s=5.0, peer_check_s=20.0)
NO_WELCOME = Budgets(connect_s=1.0, peer_check_s=20.0)
NO_PONG = Budgets(connect_s=20.0, exchange_s=0.3, close_s=5.0, peer_check_s=0.3)


@pytest.fixture(params=[name for name in CLIENTS if why_unavailable(name) is None])
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with Rows() as kept:
        yield kept
        close_children(kept.services)


def _pongs_only(peer: Peer) -> None:
    """Answer pings and the close, and no message."""
    while True:
        opcode, payload = peer.read_frame()
        if opcode == 0x9:
            peer.frame(0xA, payload)
        elif opcode == 0x8:
            peer.frame(0x8, payload)
            return


def deaf(peer: Peer) -> None:
    peer.welcome()
    _pongs_only(peer)


def without_welcome(peer: Peer) -> None:
    peer.upgrade()
    _pongs_only(peer)


def late(peer: Peer) -> None:
    """The reply is sent when the ping has come, and before its pong."""
    peer.welcome()
    peer.read_frame()
    opcode, payload = peer.read_frame()
    assert opcode == 0x9, "the ping comes when the budget has run out"
    peer.json(PONG)
    peer.frame(0xA, payload)
    _pongs_only(peer)


def dead(peer: Peer) -> None:
    peer.welcome()
    while peer.read_frame()[0] != 0x8:
        pass
    peer.close_frame(1000)


def met(script: Callable[[Peer], object], kind: str, client: str, rows: Rows, budgets: Budgets) -> Attempt:
    with ScriptedServer(script) as server:
        run_connection(plan_of(rows, client, budgets=budgets), target_of(server.port), rows.services)
    (row,) = rows.of(kind)
    assert (row.outcome, row.cause) == ("timeout", "silent_peer")
    return row


def test_a_deaf_server_pongs(client: str, rows: Rows) -> None:
    row = met(deaf, "exchange", client, rows, BUDGETS)
    assert row.pong_s is not None and row.checked_s is not None
    assert row.checked_s - row.pong_s >= GRACE_S  # a late answer would still be seen
    assert row.late_s is None


def test_a_server_that_sends_no_welcome_pongs(client: str, rows: Rows) -> None:
    row = met(without_welcome, "connect", client, rows, NO_WELCOME)
    assert (row.phase, row.pong_s is not None, row.late_s) == ("welcome", True, None)


def test_a_late_reply_comes_before_the_pong(client: str, rows: Rows) -> None:
    row = met(late, "exchange", client, rows, BUDGETS)
    assert row.late_s is not None and row.pong_s is not None
    assert row.late_s <= row.pong_s + 0.05  # from the budget's end, which is a moment before the ping


def test_a_dead_server_does_not_pong(client: str, rows: Rows) -> None:
    row = met(dead, "exchange", client, rows, NO_PONG)
    assert row.checked_s is not None and row.checked_s >= 0.3
    assert (row.pong_s, row.late_s) == (None, None)
