"""Where a wait was lost, as each client's own machine knows it, over real sockets on the real kernel."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from attempts.schema import Attempt
from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.plan import Budgets
from tests.scenarios.clients.rows import Rows, plan_of, target_of
from tests.scenarios.kit.certificates import tls
from tests.scenarios.kit.scripted_server import PONG, Peer, ScriptedServer
from tests.scenarios.kit.sockets import full_backlog

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are the answers of Linux' kernel")

BUDGETS = Budgets(connect_s=20.0, exchange_s=0.4, close_s=5.0, peer_check_s=20.0)
NO_PONG = Budgets(connect_s=20.0, exchange_s=0.4, close_s=0.3, peer_check_s=0.3)
NO_CONNECT = Budgets(connect_s=0.5, peer_check_s=0.3)


def _client(name: str) -> Any:
    """The first client is in `make test`; the others wait for real time as it does."""
    return pytest.param(name, marks=[] if name == "websocket-client" else [pytest.mark.slow])


@pytest.fixture(params=[_client(name) for name in CLIENTS if why_unavailable(name) is None])
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with Rows() as kept:
        yield kept
        close_children(kept.services)


def to_the_close(peer: Peer, *, pongs: bool, pong: bytes | None = None) -> None:
    while True:
        opcode, payload = peer.read_frame()
        if opcode == 0x9 and pongs:
            peer.frame(0xA, payload if pong is None else pong)
        elif opcode == 0x8:
            peer.frame(0x8, payload)
            return


def no_response(peer: Peer) -> None:
    peer.read_request()
    peer.wait_for_end()


def no_welcome(peer: Peer) -> None:
    peer.upgrade()
    to_the_close(peer, pongs=True)


def no_answer(peer: Peer) -> None:
    peer.welcome()
    to_the_close(peer, pongs=True)


def no_answer_and_empty_pongs(peer: Peer) -> None:
    peer.welcome()
    to_the_close(peer, pongs=True, pong=b"")


def nothing(peer: Peer) -> None:
    peer.welcome()
    to_the_close(peer, pongs=False)


def half_a_frame(peer: Peer) -> None:
    peer.welcome()
    peer.read_frame()
    peer.send(b"\x81\x7e\x01")
    peer.wait_for_end()


def half_a_message(peer: Peer) -> None:
    peer.welcome()
    peer.read_frame()
    peer.frame(0x1, b'{"type": ', fin=False)
    peer.wait_for_end()


def something_else(peer: Peer) -> None:
    peer.welcome()
    peer.read_frame()
    peer.json({"type": "what_nobody_knows"})
    to_the_close(peer, pongs=True)


def behind_the_budget(peer: Peer) -> None:
    """The reply is sent when the ping has been answered."""
    peer.welcome()
    peer.read_frame()
    opcode, payload = peer.read_frame()
    assert opcode == 0x9
    peer.frame(0xA, payload)
    peer.json(PONG)
    to_the_close(peer, pongs=True)


def met(script: Callable[[Peer], object], client: str, rows: Rows, budgets: Budgets, **target: Any) -> Attempt:
    with ScriptedServer(script) as server:
        run_connection(plan_of(rows, client, budgets=budgets), target_of(server.port, **target), rows.services)
    return next(row for row in rows.written if row.outcome == "timeout")


@pytest.mark.parametrize(
    ("script", "budgets", "rung"),
    [
        (no_response, NO_CONNECT, "silent_process"),
        (no_welcome, Budgets(connect_s=1.0), "silent_application"),
        (no_answer, BUDGETS, "silent_application"),
        (no_answer_and_empty_pongs, BUDGETS, "silent_application"),
        (nothing, NO_PONG, "silent_process"),
        (half_a_frame, NO_PONG, "partial"),
        (half_a_message, NO_PONG, "partial"),
        (something_else, BUDGETS, "unmatched"),
        (behind_the_budget, BUDGETS, "late"),
    ],
)
def test_a_silence_has_the_rung_that_its_evidence_proves(
    script: Callable[[Peer], object], budgets: Budgets, rung: str, client: str, rows: Rows
) -> None:
    row = met(script, client, rows, budgets)
    assert row.lost_at == rung
    assert row.tcp_retransmits == 0
    assert row.tcp_bytes_in is not None
    if script in (half_a_frame, half_a_message, something_else):
        assert row.tcp_bytes_in > 0


def test_a_syn_without_an_answer_is_unacknowledged(client: str, rows: Rows) -> None:
    with full_backlog() as (_, port):
        patient = Budgets(connect_s=1.5)
        run_connection(plan_of(rows, client, budgets=patient), target_of(port), rows.services)
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase, row.lost_at) == ("timeout", "tcp", "unacknowledged")
    assert row.tcp_retransmits is not None and row.tcp_retransmits >= 1


def test_tls_hides_nothing_that_is_needed(client: str, rows: Rows) -> None:
    secured = tls("good")
    with ScriptedServer(no_answer, tls=secured.context) as server:
        target = target_of(server.port, scheme="wss", ca_file=secured.ca_file)
        run_connection(plan_of(rows, client, budgets=BUDGETS), target, rows.services)
    (row,) = rows.of("exchange")
    assert row.lost_at == "silent_application"
    assert row.tcp_retransmits == 0


def test_a_loop_that_stood_still_is_the_generators(rows: Rows) -> None:
    def slow(peer: Peer) -> None:
        peer.welcome()
        peer.read_frame()
        time.sleep(0.5)  # while the client's loop stands still for longer
        peer.json(PONG)
        to_the_close(peer, pongs=True)

    def stand_still(_: object) -> None:
        time.sleep(1.0)

    with ScriptedServer(slow) as server:
        gevent.spawn_later(0.2, stand_still, None)
        run_connection(plan_of(rows, "websocket-client", budgets=BUDGETS), target_of(server.port), rows.services)
    row = next(row for row in rows.written if row.outcome == "timeout")
    assert (row.cause, row.lost_at) == ("harness", "generator")


def test_the_kernels_round_trip_and_both_ends_are_on_the_rows(client: str, rows: Rows) -> None:
    def serve(peer: Peer) -> None:
        ports.append(peer.socket.getpeername()[1])
        peer.welcome()
        peer.read_frame()
        time.sleep(0.3)  # the server's own time
        peer.json(PONG)
        to_the_close(peer, pongs=True)

    ports: list[int] = []
    with ScriptedServer(serve) as server:
        slow = Budgets(connect_s=20.0, exchange_s=20.0, close_s=5.0)
        run_connection(plan_of(rows, client, budgets=slow), target_of(server.port), rows.services)
    (exchange,) = rows.of("exchange")[:1]
    assert exchange.tcp_rtt_s is not None and exchange.tcp_rtt_s < 0.1 < exchange.duration_s
    assert exchange.rtt_s == exchange.tcp_rtt_s
    assert exchange.tcp_retransmits == 0  # it took long enough to be asked a second time
    assert exchange.lost_at is None
    (facts,) = rows.facts
    assert facts.local_port == ports[0]
    assert facts.peer_address is not None and len(facts.peer_address) == 16 and "127" not in facts.peer_address[:3]
