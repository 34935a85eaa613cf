"""The asyncio client and its child process: late, stopped, killed, dead and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from attempts.schema import Health
from scenarios.clients import CLIENTS, prepare, run_connection, why_unavailable
from scenarios.clients.on_asyncio.parent import ChildProcess, close_children
from scenarios.clock import Clock
from scenarios.errors import HarnessError
from scenarios.plan import Budgets, ConnectionPlan, ConnectionResult
from tests.scenarios.clients.on_gevent.test_driver import silent, wait_until
from tests.scenarios.clients.rows import Rows, plan_of, serve, target_of
from tests.scenarios.kit.scripted_server import PATIENCE_S, PONG, Peer, ScriptedServer, frame

ROOT = Path(__file__).parents[4]
NAMES = [
    name
    for name, arm in CLIENTS.items()
    if arm.event_loop is not None and name != "websockets-asyncio" and why_unavailable(name) is None
]


class RowsAndHealth(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Health] = []
        self.problems: list[str] = []
        self.services.problem = self.services.loss = self.problems.append
        self.services.child_recorder = lambda event_loop: self

    def health(self, health: Health) -> None:
        self.seen.append(health)


@pytest.fixture(params=NAMES)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows(client: str) -> Iterator[RowsAndHealth]:
    kept = RowsAndHealth()
    prepare(client, kept.services)
    yield kept
    close_children(kept.services)


def child_of(rows: Rows) -> ChildProcess:
    (child,) = rows.services.children.values()
    assert isinstance(child, ChildProcess)
    return child


def started(rows: Rows, plan: ConnectionPlan, port: int) -> gevent.Greenlet[..., ConnectionResult]:
    running: gevent.Greenlet[..., ConnectionResult] = gevent.Greenlet(
        run_connection, plan, target_of(port), rows.services
    )
    running.start()
    return running


def test_the_record_names_library_and_loop(client: str, rows: RowsAndHealth) -> None:
    with ScriptedServer(serve) as server:
        result = run_connection(plan_of(rows, client), target_of(server.port), rows.services)
    assert (result.ready, result.ended_by) == (True, "script")
    assert [r.outcome for r in rows.written] == ["ok"] * 4
    (facts,) = rows.facts
    assert (facts.client, facts.event_loop) == ("websockets-asyncio", CLIENTS[client].event_loop)
    assert all(r.loop_lag_s is not None for r in rows.written)


def test_a_plan_that_names_library_and_loop_keeps_both(client: str, rows: RowsAndHealth) -> None:
    event_loop = CLIENTS[client].event_loop
    with ScriptedServer(serve) as server:
        plan = plan_of(rows, "websockets-asyncio", event_loop=event_loop)
        run_connection(plan, target_of(server.port), rows.services)
    assert rows.facts[0].event_loop == event_loop
    assert list(rows.services.children) == [event_loop]


def test_a_connection_that_has_ended_is_forgotten(client: str, rows: RowsAndHealth) -> None:
    with ScriptedServer(serve) as server:
        for _ in range(3):
            run_connection(plan_of(rows, client), target_of(server.port), rows.services)
    assert (child_of(rows)._jobs, child_of(rows)._facts) == ({}, {})


def test_many_users_whose_child_has_died_share_one_new_child(client: str, rows: RowsAndHealth) -> None:
    dead = child_of(rows)
    os.kill(dead.pid, signal.SIGKILL)
    wait_until(lambda: dead.is_dead, "the child's end")
    found: set[int] = set()

    def come_back() -> None:
        prepare(client, rows.services)
        found.add(child_of(rows).pid)

    gevent.joinall([gevent.spawn(come_back) for _ in range(20)], timeout=PATIENCE_S, raise_error=True)
    assert len(found) == 1
    assert dead.pid not in found


def test_the_childs_own_vitals_arrive(client: str, rows: RowsAndHealth) -> None:
    wait_until(lambda: rows.seen, "a second's vitals")
    assert rows.seen[0].rss_bytes and rows.seen[0].loop_lag_s >= 0.0


def test_a_reply_that_waits_while_the_childs_loop_is_blocked_is_not_the_peers_fault(
    client: str, rows: RowsAndHealth
) -> None:
    is_blocked, is_answered = threading.Event(), threading.Event()

    def answers_while_the_client_is_blocked(peer: Peer) -> None:
        peer.welcome()
        peer.read_frame()
        is_blocked.wait(PATIENCE_S)
        peer.json(PONG)
        is_answered.set()
        peer.wait_for_end()

    with ScriptedServer(answers_while_the_client_is_blocked) as server:
        plan = plan_of(rows, client, budgets=Budgets(connect_s=20.0, exchange_s=1.5, close_s=0.2))
        running = started(rows, plan, server.port)
        wait_until(lambda: rows.of("connect"), "the welcome")
        os.kill(child_of(rows).pid, signal.SIGSTOP)
        is_blocked.set()
        assert is_answered.wait(PATIENCE_S)
        gevent.sleep(2.0)
        os.kill(child_of(rows).pid, signal.SIGCONT)
        running.join(PATIENCE_S)
    (row,) = rows.of("exchange")
    assert (row.outcome, row.cause) == ("timeout", "harness")
    assert row.loop_lag_s is not None and row.loop_lag_s > 1.0


def test_a_silent_peer_stays_one_when_the_childs_loop_is_blocked(client: str, rows: RowsAndHealth) -> None:
    with ScriptedServer(silent) as server:
        plan = plan_of(rows, client, budgets=Budgets(connect_s=20.0, exchange_s=1.0, close_s=0.2))
        running = started(rows, plan, server.port)
        wait_until(lambda: rows.of("connect"), "the welcome")
        os.kill(child_of(rows).pid, signal.SIGSTOP)
        gevent.sleep(1.5)
        os.kill(child_of(rows).pid, signal.SIGCONT)
        running.join(PATIENCE_S)
    (row,) = rows.of("exchange")
    assert (row.outcome, row.cause) == ("timeout", "silent_peer")


@pytest.mark.parametrize("what", ["upgrade", "exchange"])
def test_a_stop_aborts_what_is_in_flight_and_ends_the_child(client: str, rows: RowsAndHealth, what: str) -> None:
    with ScriptedServer(silent if what == "exchange" else Peer.wait_for_end) as server:
        running = [started(rows, plan_of(rows, client), server.port) for _ in range(1 if what == "exchange" else 5)]
        gevent.sleep(0.5)
        child = child_of(rows)
        rows.services.stop.give()
        gevent.joinall(running, timeout=PATIENCE_S, raise_error=True)
        assert all(g.value is not None and g.value.ended_by == "stop" for g in running)
        wait_until(lambda: child.is_dead, "the child's end")
    outcomes = [(r.kind, r.outcome) for r in rows.written]
    if what == "upgrade":
        assert outcomes == [("connect", "aborted")] * 5
    else:
        assert outcomes == [("connect", "ok"), ("exchange", "aborted"), ("hold", "aborted")]
    assert rows.services.tally.balanced and not rows.problems


def test_a_killed_greenlet_aborts_its_connection_only(client: str, rows: RowsAndHealth) -> None:
    with ScriptedServer(silent) as server, ScriptedServer(silent) as other:
        killed = started(rows, plan_of(rows, client), server.port)
        wait_until(lambda: len(rows.of("connect")) == 1, "the first welcome")
        spared = started(rows, plan_of(rows, client), other.port)
        wait_until(lambda: len(rows.of("connect")) == 2, "both welcomes")
        killed.kill(timeout=PATIENCE_S)
        assert killed.dead and not spared.dead
        assert {r.outcome for r in rows.written if r.kind != "connect"} == {"aborted"}
        assert len(rows.of("hold")) == 1
        rows.services.stop.give()
        spared.join(PATIENCE_S)
    assert rows.services.tally.balanced


def test_a_child_that_dies_is_recorded_and_started_again(client: str, rows: RowsAndHealth) -> None:
    with ScriptedServer(silent) as server:
        running = started(rows, plan_of(rows, client), server.port)
        wait_until(lambda: rows.of("connect"), "the welcome")
        gevent.sleep(1.0)  # what is in flight for longer than half a second is known to the worker
        first = child_of(rows)
        os.kill(first.pid, signal.SIGKILL)
        running.join(PATIENCE_S)
    assert running.value is not None and running.value.ended_by == "failure"
    lost = [(r.kind, r.outcome, r.cause) for r in rows.written[1:]]
    assert sorted(lost) == [("exchange", "failed", "harness"), ("hold", "failed", "harness")]
    assert all(r.duration_s > 0.5 for r in rows.written[1:])
    assert rows.problems and "was killed by SIGKILL" in rows.problems[0]
    with ScriptedServer(serve) as server:
        again = run_connection(plan_of(rows, client), target_of(server.port), rows.services)
    assert again.ended_by == "script" and child_of(rows).pid != first.pid
    assert rows.services.tally.balanced


def test_a_connect_that_dies_with_its_child_is_a_failed_connect(client: str, rows: RowsAndHealth) -> None:
    with ScriptedServer(Peer.wait_for_end) as server:
        running = started(rows, plan_of(rows, client), server.port)
        gevent.sleep(0.3)
        os.kill(child_of(rows).pid, signal.SIGKILL)
        running.join(PATIENCE_S)
    (row,) = rows.written
    assert (row.kind, row.outcome, row.cause) == ("connect", "failed", "harness")
    assert rows.facts[0].event_loop == CLIENTS[client].event_loop


def test_a_storm_reaches_the_child(client: str, rows: RowsAndHealth) -> None:
    with ScriptedServer(serve) as server:
        running = started(rows, plan_of(rows, client, scenario="storm", settings={}), server.port)
        wait_until(lambda: rows.of("connect"), "the welcome")
        rows.services.storm.give()
        running.join(PATIENCE_S)
    assert running.value is not None and running.value.storm
    assert [(r.kind, r.outcome) for r in rows.written] == [("connect", "ok"), ("hold", "ok"), ("close", "ok")]


def test_skipped_starts_are_counted_across_the_pipe(client: str, rows: RowsAndHealth) -> None:
    def slow(peer: Peer) -> None:
        peer.welcome()
        for _ in range(2):
            peer.read_frame()
            time.sleep(0.35)
            peer.json(PONG)
        peer.wait_for_end()

    settings: dict[str, Any] = {"operations": {"ping": 1.0}, "pace_s": 0.1}
    with ScriptedServer(slow) as server:
        running = started(rows, plan_of(rows, client, scenario="steady", settings=settings), server.port)
        wait_until(lambda: len(rows.of("exchange")) == 2, "two exchanges")
        rows.services.stop.give()
        running.join(PATIENCE_S)
    assert rows.services.tally.skipped >= 2
    assert rows.services.tally.balanced


def test_a_loop_that_is_not_there_is_a_harness_error() -> None:
    rows = RowsAndHealth()
    with pytest.raises(HarnessError, match="cannot be started"):
        prepared = ChildProcess("no-such-loop", rows.services)
        prepared.start()
        prepared.wait_until_ready()


def test_the_child_imports_neither_gevent_nor_locust() -> None:
    code = (
        "import sys, scenarios.clients.on_asyncio.child as child\n"
        "print(sorted({'gevent', 'locust', 'numpy', 'pandas', 'pyarrow'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_child_ends_when_its_worker_is_gone() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "scenarios.clients.on_asyncio.child", "asyncio-selector", *Clock.now().as_words()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None and child.stdout is not None
    assert child.stdout.read(4)
    child.stdin.close()
    assert child.wait(PATIENCE_S) == 0
    child.stdout.close()


def test_a_peer_that_stops_reading_does_not_outlast_the_deadline(client: str, rows: RowsAndHealth) -> None:
    def reads_nothing(peer: Peer) -> None:
        peer.welcome()
        time.sleep(2.0)
        peer.wait_for_end()

    settings: dict[str, Any] = {"operations": {"chat": 1.0}, "churn_exchanges": 1, "size": 20_000_000}
    with ScriptedServer(reads_nothing) as server:
        budgets = Budgets(connect_s=20.0, exchange_s=0.5, close_s=0.5)
        run_connection(plan_of(rows, client, settings=settings, budgets=budgets), target_of(server.port), rows.services)
    (row,) = rows.of("exchange")
    assert (row.outcome, row.cause) == ("timeout", "silent_peer")


def test_a_close_behind_a_reply_keeps_its_code(client: str, rows: RowsAndHealth) -> None:
    def reply_and_close(peer: Peer) -> None:
        peer.welcome()
        peer.read_frame()
        peer.send(frame(0x1, b'{"type":"pong"}') + frame(0x8, (1012).to_bytes(2, "big")))
        peer.wait_for_end()

    settings: dict[str, Any] = {"operations": {"ping": 1.0}, "pace_s": 0.0}
    with ScriptedServer(reply_and_close) as server:
        plan = plan_of(rows, client, scenario="steady", settings=settings)
        run_connection(plan, target_of(server.port), rows.services)
    first, second = rows.of("exchange")
    assert first.outcome == "ok"
    assert (second.outcome, second.cause, second.close_code) == ("failed", "server_closed", 1012)
