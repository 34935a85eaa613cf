"""The gevent driver over real sockets: dialling, waiting, being late, being stopped and being killed."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from scenarios.clients import client_named, run_connection
from scenarios.errors import ConfigError
from scenarios.plan import Budgets, ConnectionPlan, ConnectionResult, Target
from tests.scenarios.clients.rows import Rows, plan_of, serve, target_of
from tests.scenarios.clients.test_dialling import closed_port
from tests.scenarios.kit.scripted_server import PATIENCE_S, PONG, Peer, ScriptedServer

CLIENTS = ("websocket-client", "websockets-gevent")
ROOT = Path(__file__).parents[4]


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with Rows() as kept:
        gevent.sleep(0.02)  # the lag meter's first tick
        yield kept


def silent(peer: Peer) -> None:
    peer.welcome()
    peer.read_until_close()


def wait_until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        gevent.sleep(0.005)


def started(rows: Rows, plan: ConnectionPlan, target: Target) -> gevent.Greenlet[..., ConnectionResult]:
    running: gevent.Greenlet[..., ConnectionResult] = gevent.Greenlet(run_connection, plan, target, rows.services)
    running.start()
    return running


# -- dialling -----------------------------------------------------------------------------------------------


def test_a_name_is_not_looked_up_for_each_connection(client: str, rows: Rows) -> None:
    with ScriptedServer(serve) as server:
        for _ in range(2):
            run_connection(plan_of(rows, client), target_of(server.port, host="localhost"), rows.services)
    first, second = rows.of("connect")
    assert first.dns_s is not None and second.dns_s is None


def test_no_descriptor_left_is_a_local_matter(client: str, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    client_named(client)
    monkeypatch.setattr("scenarios.clients.on_gevent.racers._Socket", none_left)
    run_connection(plan_of(rows, client), target_of(1), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tcp", "local_resource", errno.EMFILE)


# -- being late ---------------------------------------------------------------------------------------------


def test_a_reply_that_waits_while_our_loop_is_blocked_is_not_the_peers_fault(client: str, rows: Rows) -> None:
    is_blocked, is_answered = threading.Event(), threading.Event()

    def answers_while_the_client_is_blocked(peer: Peer) -> None:
        peer.welcome()
        peer.read_frame()
        is_blocked.wait(PATIENCE_S)
        peer.json(PONG)
        is_answered.set()
        peer.wait_for_end()

    with ScriptedServer(answers_while_the_client_is_blocked) as server:
        plan = plan_of(rows, client, budgets=Budgets(connect_s=20.0, exchange_s=1.0, close_s=0.2))
        running = started(rows, plan, target_of(server.port))
        wait_until(lambda: rows.services.tally.started == 3, "the exchange")  # connect, hold, exchange
        is_blocked.set()
        time.sleep(2.0)  # as a busy client would
        assert is_answered.is_set()
        running.join()
    (row,) = rows.of("exchange")
    assert (row.outcome, row.cause) == ("timeout", "harness")
    assert row.loop_lag_s is not None and row.loop_lag_s > 1.0


def test_a_silent_peer_stays_one_when_our_loop_is_blocked(client: str, rows: Rows) -> None:
    with ScriptedServer(silent) as server:
        plan = plan_of(rows, client, budgets=Budgets(connect_s=20.0, exchange_s=0.5, close_s=0.2))
        running = started(rows, plan, target_of(server.port))
        wait_until(lambda: rows.services.tally.started == 3, "the exchange")
        time.sleep(1.5)
        running.join()
    (row,) = rows.of("exchange")
    assert (row.outcome, row.cause) == ("timeout", "silent_peer")
    assert row.loop_lag_s is not None and row.loop_lag_s > 0.5


def test_a_connect_that_was_answered_while_our_loop_was_blocked_is_the_harness(client: str, rows: Rows) -> None:
    is_blocked = threading.Event()

    def answers_while_the_client_is_blocked(peer: Peer) -> None:
        peer.read_request()
        is_blocked.wait(PATIENCE_S)
        peer.send(peer.response())
        peer.wait_for_end()

    with ScriptedServer(answers_while_the_client_is_blocked) as server:
        plan = plan_of(rows, client, budgets=Budgets(connect_s=1.0))
        running = started(rows, plan, target_of(server.port))
        wait_until(lambda: rows.services.open.count == 1, "the upgrade")
        is_blocked.set()
        time.sleep(1.5)
        running.join()
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase, row.cause) == ("timeout", "upgrade", "harness")


# -- being stopped ------------------------------------------------------------------------------------------


def test_a_stop_aborts_the_exchange_in_flight(client: str, rows: Rows) -> None:
    with ScriptedServer(silent) as server:
        running = started(rows, plan_of(rows, client), target_of(server.port))
        wait_until(lambda: rows.services.tally.started == 3, "the exchange")
        rows.services.stop.give()
        running.join(PATIENCE_S)
    assert running.value is not None and running.value.ended_by == "stop"
    assert [(r.kind, r.outcome) for r in rows.written] == [
        ("connect", "ok"),
        ("exchange", "aborted"),
        ("hold", "aborted"),
    ]
    assert rows.services.tally.balanced and rows.services.open.count == 0


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_stop_aborts_a_connect(client: str, rows: Rows, scheme: str) -> None:
    with ScriptedServer(Peer.wait_for_end) as server:
        running = started(rows, plan_of(rows, client), target_of(server.port, scheme=scheme))
        wait_until(lambda: rows.services.open.count == 1, "the socket")
        rows.services.stop.give()
        running.join(PATIENCE_S)
    (row,) = rows.written
    assert (row.kind, row.outcome, row.phase) == ("connect", "aborted", "upgrade" if scheme == "ws" else "tls")


def test_a_stop_aborts_a_close(client: str, rows: Rows) -> None:
    def never_closes(peer: Peer) -> None:
        peer.welcome()
        peer.read_frame()
        peer.json(PONG)
        peer.read_until_close()
        peer.wait_for_end()

    with ScriptedServer(never_closes) as server:
        running = started(rows, plan_of(rows, client), target_of(server.port))
        wait_until(lambda: rows.services.tally.started == 4, "the close")
        rows.services.stop.give()
        running.join(PATIENCE_S)
    assert [(r.kind, r.outcome) for r in rows.written][-2:] == [("hold", "ok"), ("close", "aborted")]


def test_after_a_stop_nothing_is_dialled(client: str, rows: Rows) -> None:
    rows.services.stop.give()
    run_connection(plan_of(rows, client), target_of(closed_port()), rows.services)
    assert [(r.kind, r.outcome, r.phase) for r in rows.written] == [("connect", "aborted", "dns")]


@pytest.mark.parametrize("what", ["exchange", "close", "upgrade"])
def test_a_killed_greenlet_writes_its_rows_and_frees_its_socket(client: str, rows: Rows, what: str) -> None:
    gone = threading.Event()

    def script(peer: Peer) -> None:
        if what == "upgrade":
            peer.wait_for_end()
        else:
            peer.welcome()
            peer.read_frame()
            if what == "close":
                peer.json(PONG)
                peer.read_until_close()
            peer.wait_for_end()
        gone.set()

    in_flight = {"upgrade": 1, "exchange": 3, "close": 4}[what]
    with ScriptedServer(script) as server:
        running = started(rows, plan_of(rows, client), target_of(server.port))
        wait_until(lambda: rows.services.tally.started == in_flight and rows.services.open.count == 1, what)
        gevent.sleep(0.01)
        running.kill(timeout=PATIENCE_S)
        assert running.dead
        assert gone.wait(PATIENCE_S)
    assert rows.services.tally.balanced and rows.services.open.count == 0
    assert rows.services.tally.aborted >= 1
    assert len(rows.written) == rows.services.tally.started


def test_a_storm_ends_the_session_as_planned(client: str, rows: Rows) -> None:
    with ScriptedServer(serve) as server:
        running = started(rows, plan_of(rows, client, scenario="storm", settings={}), target_of(server.port))
        wait_until(lambda: rows.of("connect"), "the welcome")
        rows.services.storm.give()
        running.join(PATIENCE_S)
    assert running.value is not None and running.value.storm
    assert [(r.kind, r.outcome) for r in rows.written] == [("connect", "ok"), ("hold", "ok"), ("close", "ok")]


def test_a_message_larger_than_the_sockets_buffer_is_sent_whole(client: str, rows: Rows) -> None:
    sizes = []

    def slow_reader(peer: Peer) -> None:
        peer.welcome()
        time.sleep(0.2)
        _, payload = peer.read_frame()
        sizes.append(len(payload))
        peer.json({"type": "system_message", "data": {"status": "acknowledged"}})
        peer.frame(0x8, peer.read_frame()[1])

    with ScriptedServer(slow_reader) as server:
        settings = {"operations": {"chat": 1.0}, "churn_exchanges": 1, "size": 6_000_000}
        run_connection(plan_of(rows, client, settings=settings), target_of(server.port), rows.services)
    assert sizes[0] > 6_000_000
    assert rows.of("exchange")[0].outcome == "ok" and rows.of("exchange")[0].bytes_out == sizes[0]


def test_a_peer_that_stops_reading_does_not_outlast_the_deadline(client: str, rows: Rows) -> None:
    def reads_nothing(peer: Peer) -> None:
        peer.welcome()
        time.sleep(2.0)
        peer.wait_for_end()

    settings = {"operations": {"chat": 1.0}, "churn_exchanges": 1, "size": 20_000_000}
    with ScriptedServer(reads_nothing) as server:
        budgets = Budgets(connect_s=20.0, exchange_s=0.5, close_s=0.5)
        run_connection(plan_of(rows, client, settings=settings, budgets=budgets), target_of(server.port), rows.services)
    (row,) = rows.of("exchange")
    assert (row.outcome, row.cause) == ("timeout", "silent_peer")


def test_a_harness_error_is_loud_and_leaves_its_rows(client: str, rows: Rows) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the screen broke")

    rows.services.on_attempt = broken
    with ScriptedServer(serve) as server, pytest.raises(RuntimeError, match="the screen broke"):
        run_connection(plan_of(rows, client), target_of(server.port), rows.services)
    assert rows.services.open.count == 0


def test_an_unknown_client_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="websocket-client"):
        client_named("websocket")


def test_it_works_in_a_process_that_locust_has_patched() -> None:
    code = (
        "import locust, time\n"
        "from tests.scenarios.kit.scripted_server import ScriptedServer\n"
        "from scenarios.clients import run_connection\n"
        "from tests.scenarios.clients.rows import Rows, plan_of, serve, target_of\n"
        "for client in ('websocket-client', 'websockets-gevent'):\n"
        "    rows = Rows()\n"
        "    with ScriptedServer(serve) as server:\n"
        "        run_connection(plan_of(rows, client), target_of(server.port), rows.services)\n"
        "    print([r.outcome for r in rows.written])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["['ok', 'ok', 'ok', 'ok']"] * len(CLIENTS), done.stderr


def test_a_stop_with_a_hundred_users_ends_them_all(client: str, rows: Rows) -> None:
    def one(peer: Peer) -> None:
        threading.Thread(target=run_one, args=(Peer(peer.socket.dup()),), daemon=True).start()

    def run_one(peer: Peer) -> None:
        with peer.socket, contextlib.suppress(EOFError, OSError):
            serve(peer)

    settings = {"operations": {"ping": 1.0}, "churn_exchanges": 2}
    with ScriptedServer(one) as server:
        target = target_of(server.port)

        def live(user: int) -> None:
            while not rows.services.stop:
                run_connection(plan_of(rows, client, settings=settings), target, rows.services)

        users = [gevent.spawn(live, user) for user in range(100)]
        wait_until(lambda: len(rows.of("close")) > 100, "some churn")
        rows.services.stop.give()
        gevent.joinall(users, timeout=PATIENCE_S, raise_error=True)
    assert all(user.dead for user in users)
    assert rows.services.tally.balanced and rows.services.open.count == 0
    assert len(rows.written) == rows.services.tally.started
