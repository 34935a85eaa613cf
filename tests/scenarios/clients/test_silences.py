"""How silent a session was, as each client sees it on real sockets: pings of the protocol break a silence, too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from tests.scenarios.clients.rows import Rows, plan_of, target_of
from tests.scenarios.kit.scripted_server import Peer, ScriptedServer

SILENCE_S = 0.3


@pytest.fixture
def rows() -> Iterator[Rows]:
    mine = Rows()
    yield mine
    close_children(mine.services)


@pytest.mark.parametrize("client", [name for name in CLIENTS if why_unavailable(name) is None])
def test_a_ping_that_the_library_answers_by_itself_ends_a_silence(client: str, rows: Rows) -> None:
    def ping_and_close(peer: Peer) -> None:
        peer.welcome()
        time.sleep(SILENCE_S)
        peer.frame(0x9, b"still there?")
        peer.read_frame()
        peer.close_frame(1001)
        peer.wait_for_end()

    with ScriptedServer(ping_and_close) as server:
        idle = plan_of(rows, client, scenario="idle", settings={"heartbeat_s": 60.0})
        run_connection(idle, target_of(server.port), rows.services)
    (hold,) = rows.of("hold")
    assert (hold.outcome, hold.close_code) == ("failed", 1001)
    assert hold.idle_s is not None and hold.longest_silence_s is not None
    assert hold.idle_s < hold.longest_silence_s
    # The welcome may have come late, but not by nearly so much.
    assert SILENCE_S / 2 < hold.longest_silence_s <= hold.duration_s


@pytest.mark.parametrize("client", [name for name in CLIENTS if why_unavailable(name) is None])
def test_a_connection_that_is_cut_was_silent_since_its_last_byte(client: str, rows: Rows) -> None:
    def cut(peer: Peer) -> None:
        peer.welcome()
        time.sleep(SILENCE_S)

    with ScriptedServer(cut) as server:
        idle = plan_of(rows, client, scenario="idle", settings={"heartbeat_s": 60.0})
        run_connection(idle, target_of(server.port), rows.services)
    (hold,) = rows.of("hold")
    assert hold.idle_s == hold.longest_silence_s == pytest.approx(hold.duration_s)
