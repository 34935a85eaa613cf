"""Where a wait was lost behind the relay: the relay is asked, and its silence changes nothing but what is known."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import gevent
import pytest

from attempts.schema import Attempt
from scenarios.clients import connection, run_connection
from scenarios.clients.on_gevent import driver
from scenarios.clients.on_gevent.driver import GeventConnection
from scenarios.plan import Budgets
from scenarios.relay.question import ANSWER_LIMIT_S
from scenarios.session import ledger
from scenarios.session.ledger import LATE_S
from tests.scenarios.clients.rows import Rows, plan_of, serve, target_of
from tests.scenarios.clients.test_rungs import (
    BUDGETS,
    NO_CONNECT,
    NO_PONG,
    behind_the_budget,
    client,
    half_a_frame,
    no_answer,
    no_response,
    no_welcome,
    nothing,
    rows,
    to_the_close,
)
from tests.scenarios.kit.certificates import tls
from tests.scenarios.kit.running_relay import RunningRelay, relay
from tests.scenarios.kit.scripted_server import PONG, Peer, ScriptedServer
from tests.scenarios.kit.sockets import full_backlog

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are the answers of Linux' kernel")

__all__ = ["client", "rows"]  # the fixtures

DELAY_S = 0.04
# What a machine that is busy with other tests may take.
BUSY_S = 10.0
TRIES = 3
SHORT = Budgets(connect_s=20.0, exchange_s=0.4, close_s=0.4, peer_check_s=0.3)


@pytest.fixture
def running() -> Iterator[RunningRelay]:
    with relay() as found:
        yield found


def run(
    client: str,
    rows: Rows,
    relay: RunningRelay,
    port: int,
    budgets: Budgets,
    *,
    delay_s: float = DELAY_S,
    **target: Any,
) -> None:
    plan = plan_of(rows, client, budgets=budgets, delay_s=delay_s)
    run_connection(plan, target_of(port, relay=relay.address, **target), rows.services)


def lost(rows: Rows) -> Attempt:
    return next(row for row in rows.written if row.outcome == "timeout")


def placed(rows: Rows, once: Callable[[], None]) -> Attempt:
    """The row of a wait that was lost; on a busy machine the relay is asked too late: the row says so, and again."""
    for _ in range(TRIES):
        rows.written.clear()
        rows.facts.clear()
        once()
        if lost(rows).lost_at != "unknown":
            break
    return lost(rows)


@pytest.mark.parametrize(
    ("script", "budgets", "rung"),
    [
        (no_response, NO_CONNECT, "silent_process"),
        (no_welcome, Budgets(connect_s=1.0), "silent_application"),
        (no_answer, BUDGETS, "silent_application"),
        (nothing, NO_PONG, "silent_process"),
        pytest.param(half_a_frame, SHORT, "partial", marks=pytest.mark.slow),
        (behind_the_budget, BUDGETS, "late"),
    ],
)
def test_a_silence_behind_the_relay_has_its_rung(
    script: Callable[[Peer], object], budgets: Budgets, rung: str, client: str, rows: Rows, running: RunningRelay
) -> None:
    def once() -> None:
        with ScriptedServer(script) as server:
            run(client, rows, running, server.port, budgets)

    row = placed(rows, once)
    assert (row.cause, row.lost_at) == ("silent_peer", rung)
    assert row.duration_s < row.budget_s + LATE_S
    # The kernel's round trip and the arm's delay, once.
    assert row.tcp_rtt_s is not None and DELAY_S < row.tcp_rtt_s < 2 * DELAY_S
    # A connect begins with the relay's socket; nobody asked when an exchange began.
    assert row.tcp_retransmits == (0 if row.kind == "connect" else None)
    (facts,) = rows.facts
    assert facts.local_port is None


def test_a_syn_without_an_answer_behind_the_relay_is_unacknowledged(
    client: str, rows: Rows, running: RunningRelay
) -> None:
    with full_backlog() as (_, port):
        run(client, rows, running, port, Budgets(connect_s=1.5))
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase, row.lost_at) == ("timeout", "tcp", "unacknowledged")
    assert row.tcp_retransmits is not None and row.tcp_retransmits >= 1


def test_a_tls_handshake_that_nobody_answers_behind_the_relay_is_a_silent_process(
    client: str, rows: Rows, running: RunningRelay
) -> None:
    with ScriptedServer(Peer.wait_for_end) as server:
        run(client, rows, running, server.port, Budgets(connect_s=1.0), scheme="wss")
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase, row.lost_at) == ("timeout", "tls", "silent_process")


def test_tls_behind_the_relay_hides_nothing_that_is_needed(client: str, rows: Rows, running: RunningRelay) -> None:
    secured = tls("good")

    def once() -> None:
        with ScriptedServer(no_answer, tls=secured.context) as server:
            run(client, rows, running, server.port, BUDGETS, scheme="wss", ca_file=secured.ca_file)

    row = placed(rows, once)
    assert (row.kind, row.lost_at) == ("exchange", "silent_application")


def test_the_peers_address_is_the_targets_and_not_the_relays(rows: Rows, running: RunningRelay) -> None:
    with ScriptedServer(nothing, host="127.0.0.2") as server:
        target = target_of(server.port, host="127.0.0.2")
        run_connection(plan_of(rows, "websocket-client", budgets=NO_PONG), target, rows.services)
        run("websocket-client", rows, running, server.port, NO_PONG, host="127.0.0.2")
    direct, relayed = rows.facts
    assert direct.peer_address == relayed.peer_address is not None
    assert direct.local_port is not None


@pytest.mark.slow
@pytest.mark.parametrize(("script", "rung"), [(nothing, "unknown"), (serve, "late")])
def test_a_request_that_the_relay_still_holds_is_no_silence_of_the_peers(
    script: Callable[[Peer], object], rung: str, rows: Rows, running: RunningRelay
) -> None:
    # Half of it is more than the exchange and its peer check: nothing has reached the target by then.
    delay_s = 2.5 * (SHORT.exchange_s + SHORT.peer_check_s)
    budgets = SHORT if script is nothing else BUDGETS
    with ScriptedServer(script) as server:
        run("websocket-client", rows, running, server.port, budgets, delay_s=delay_s)
    assert rows.of("exchange")[0].lost_at == rung


@pytest.mark.slow
def test_a_relay_that_hangs_costs_its_limit_and_no_row(client: str, rows: Rows, running: RunningRelay) -> None:
    def hang(peer: Peer) -> None:
        peer.welcome()
        peer.read_frame()
        running.process.send_signal(signal.SIGSTOP)
        peer.wait_for_end()

    with ScriptedServer(hang) as server:
        started = perf_counter()
        run(client, rows, running, server.port, Budgets(exchange_s=0.4, peer_check_s=0.3, close_s=0.4))
        took_s = perf_counter() - started
        running.process.kill()
    (exchange,), (close,) = rows.of("exchange"), rows.of("close")
    for row in (exchange, close):
        assert (row.outcome, row.cause, row.lost_at) == ("timeout", "silent_peer", "unknown")
        assert row.tcp_retransmits is row.tcp_bytes_in is row.tcp_rtt_s is None
        assert row.duration_s < row.budget_s + LATE_S
    # The exchange, its check and the close: three questions, each within its limit. A relay that was waited for would
    # cost the whole budget of the connect; a busy machine costs seconds.
    waited_s = SHORT.exchange_s + SHORT.peer_check_s + SHORT.close_s + connection.LINGER_S
    assert took_s < waited_s + 3 * ANSWER_LIMIT_S + BUSY_S


def test_a_relay_that_dies_ends_the_session_as_a_peer_does(client: str, rows: Rows, running: RunningRelay) -> None:
    def die(peer: Peer) -> None:
        peer.welcome()
        peer.read_frame()
        running.process.kill()
        peer.wait_for_end()

    with ScriptedServer(die) as server:
        run(client, rows, running, server.port, BUDGETS)
    (exchange,), (hold,) = rows.of("exchange"), rows.of("hold")
    for row in (exchange, hold):
        assert (row.outcome, row.closed_by) == ("failed", "network")


def answered_while_the_relay_is_asked(rows: Rows, patch: pytest.MonkeyPatch, *, late_s: float) -> Attempt:
    """The exchange whose answer comes between the deadline and the relay's answer.

    Args:
        rows: Where it is written.
        patch: Undoes what is replaced.
        late_s: Beyond which the loop counts as late.
    """
    peers: list[Peer] = []

    def serve(peer: Peer) -> None:
        peer.welcome()
        peers.append(peer)
        to_the_close(peer, pongs=True)

    def ask(self: GeventConnection, now: float) -> bool:
        if not self._must_ask(now):
            return False
        if peers:
            peers.pop().json(PONG)
            while not self._stream.has_answer():
                gevent.sleep(0)
        return True

    patch.setattr(GeventConnection, "_ask_relay", ask)
    patch.setattr(connection, "LATE_S", late_s)
    patch.setattr(ledger, "LATE_S", late_s)
    with relay() as running, ScriptedServer(serve) as server:
        plan = plan_of(rows, "websocket-client", budgets=BUDGETS)
        run_connection(plan, target_of(server.port, relay=running.address), rows.services)
    return rows.of("exchange")[0]


def test_what_comes_while_the_relay_is_asked_is_fed_before_the_deadline_is_handled(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = answered_while_the_relay_is_asked(rows, monkeypatch, late_s=30.0)
    assert (row.outcome, row.cause, row.lost_at) == ("timeout", "silent_peer", "late")
    assert row.late_s is not None and row.checked_s is None


def test_a_relay_that_is_slow_to_tell_makes_no_late_answer_the_loops_fault(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = answered_while_the_relay_is_asked(rows, monkeypatch, late_s=0.0)
    assert row.late_s is not None and row.checked_s is not None


def test_a_client_that_goes_straight_to_the_target_asks_nobody(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def way_of(*_: object) -> None:
        raise AssertionError("the relay was asked")

    monkeypatch.setattr(driver, "way_of", way_of)
    with ScriptedServer(nothing) as server:
        run_connection(plan_of(rows, "websocket-client", budgets=NO_PONG), target_of(server.port), rows.services)
    assert lost(rows).lost_at == "silent_process"
