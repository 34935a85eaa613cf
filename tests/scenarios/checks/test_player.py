"""Checks on real sockets: on the stand-in, and before servers that do wrong."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from attempts.schema import Attempt
from scenarios.checks.player import run_check
from scenarios.checks.steps import Context, Hear, Script, SuiteCheck, Upgrade
from scenarios.checks.suites import SUITES
from scenarios.plan import Budgets, ConnectionPlan, Header, Target, Token
from tests.scenarios.clients.rows import Rows
from tests.scenarios.kit.faults import standin, token_for
from tests.scenarios.kit.hostile_server import HostileServer
from tests.scenarios.kit.scripted_server import Peer

# The stand-in needs 0.2 s for a session; a busy machine takes ten times as long.
PATIENT = Budgets(connect_s=20.0, exchange_s=20.0, close_s=20.0)
SHORT = Budgets(connect_s=0.5, exchange_s=0.5, close_s=0.5)
SECRET = Token("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with standin() as ready:
        yield int(ready["http_url"].rpartition(":")[2])


def the(number: int, suite: str = "p1") -> SuiteCheck:
    return next(check for check in SUITES[suite] if check.number == number)


def run(
    check: SuiteCheck,
    port: int,
    *,
    token: Token | None = None,
    budgets: Budgets = PATIENT,
    budget_s: float = 60.0,
    **plan: Any,
) -> Attempt:
    """The row of a check; nothing of its token may be in it."""
    rows = Rows()
    token = token or token_for("checks")
    given = ConnectionPlan(
        user=3,
        connection=7,
        scenario="p1",
        scheduled_at=rows.services.clock.micros(time.perf_counter()),
        subject="checks",
        seed=1,
        client="websockets-gevent",
        token=token,
        budgets=budgets,
        **plan,
    )
    target = Target(scheme="ws", host="127.0.0.1", port=port)
    run_check(check, given, target, rows.services, health_path="/health", budget_s=budget_s)
    (row,) = rows.written
    assert token.value not in repr(rows.written) + repr(rows.facts)
    assert (row.kind, row.operation) == ("check", check.name)
    assert (rows.facts[0].user, rows.facts[0].connection, rows.facts[0].scenario) == (3, 7, "p1")
    assert rows.services.tally.balanced and rows.services.tally.started == 1
    return row


@pytest.mark.parametrize(
    "number", [1, 2, 3, 4, 11, pytest.param(18, marks=pytest.mark.slow), 23, pytest.param(25, marks=pytest.mark.slow)]
)
def test_the_stand_in_passes_each_check(port: int, number: int) -> None:
    row = run(the(number), port)
    assert (row.outcome, row.cause, row.detail) == ("ok", None, None)


@pytest.mark.parametrize("number", [1, 2])
def test_the_naive_checks_fail_on_it_by_their_own_mistakes(port: int, number: int) -> None:
    row = run(the(number, "p1_naive"), port)
    assert (row.outcome, row.cause, row.closed_by, row.lost_at) == ("failed", "test_mistake", "client", None)
    assert row.detail is not None and "for the welcome: a handshake_validation" in row.detail


@pytest.mark.parametrize("number", [3, 4])
def test_or_pass_by_them(port: int, number: int) -> None:
    row = run(the(number, "p1_naive"), port)
    assert row.outcome == "ok"
    assert row.detail is not None and row.detail.startswith("took for ")


@pytest.mark.slow
def test_the_naive_check_hangs_in_the_event_stream_until_its_harness_ends_it(port: int) -> None:
    row = run(the(23, "p1_naive"), port, budget_s=7.0)
    assert (row.outcome, row.phase, row.cause, row.lost_at) == ("timeout", "exchange", "test_mistake", None)
    assert row.budget_s == 7.0 <= row.duration_s < 20.0


def test_a_wrong_token_is_refused_and_in_no_row(port: int) -> None:
    row = run(the(3), port, token=SECRET)
    assert (row.outcome, row.phase, row.cause) == ("failed", "welcome", "auth_rejected")


def test_headers_go_with_pages_and_upgrades_alike() -> None:
    heads: list[bytes] = []

    def kept(peer: Peer) -> None:
        heads.append(peer.read_request())
        if b"Upgrade" in peer.head:
            peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with HostileServer([kept]) as server:
        run(the(1), server.port, headers=(Header("X-Of-Mine", "1"),))
    assert len(heads) == 3 and all(b"X-Of-Mine: 1" in head for head in heads)


def silent(peer: Peer) -> None:
    peer.read_request()
    peer.wait_for_end()


def upgraded_and_silent(peer: Peer) -> None:
    peer.upgrade()
    peer.wait_for_end()


def upgraded_and_gone(peer: Peer) -> None:
    peer.upgrade()


def upgraded_and_closed(peer: Peer) -> None:
    peer.upgrade()
    peer.close_frame(1011, "Internal error")
    peer.wait_for_end()


def upgraded_and_wrong(peer: Peer) -> None:
    peer.upgrade()
    peer.send(b"\xff\xff\xff\xff")
    peer.wait_for_end()


def binary(peer: Peer) -> None:
    peer.upgrade()
    peer.frame(0x2, b"\x00")
    peer.wait_for_end()


def no_json(peer: Peer) -> None:
    peer.upgrade()
    peer.frame(0x1, b"hello")
    peer.wait_for_end()


def flood(peer: Peer) -> None:
    peer.upgrade()
    while True:
        peer.frame(0x1, b'{"type":"noise"}')
        time.sleep(0.001)  # it runs in this process: as fast as it can it would starve the client, which would say so


@pytest.mark.scripted
@pytest.mark.parametrize(
    ("script", "found"),
    [
        (silent, ("timeout", "upgrade", "silent_peer")),
        (upgraded_and_silent, ("timeout", "welcome", "silent_peer")),
        (upgraded_and_gone, ("failed", "welcome", "server_closed")),
        (upgraded_and_closed, ("failed", "welcome", "server_error")),
        (upgraded_and_wrong, ("failed", "welcome", "malformed")),
        (binary, ("failed", "welcome", "malformed")),
        (no_json, ("failed", "welcome", "malformed")),
        (flood, ("timeout", "welcome", "silent_peer")),
    ],
)
def test_what_a_server_does_wrong_is_the_row_of_its_check(
    script: Callable[[Peer], object], found: tuple[str, str, str]
) -> None:
    with HostileServer([script]) as server:
        row = run(the(3), server.port, budgets=SHORT)
    assert (row.outcome, row.phase, row.cause) == found
    if row.outcome == "timeout":
        assert row.budget_s == pytest.approx(0.5, abs=0.2) and row.duration_s < 5.0


def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    row = run(the(11), free)
    assert (row.outcome, row.phase, row.cause) == ("failed", "tcp", "refused")


@pytest.mark.scripted
def test_a_stop_ends_a_check_wherever_it_waits_and_its_row_is_aborted() -> None:
    rows = Rows()
    plan = ConnectionPlan(
        user=0, connection=0, scenario="p1", scheduled_at=0, subject="s", seed=1, token=SECRET, budgets=PATIENT
    )
    asked: list[Peer] = []

    def noted(peer: Peer) -> None:
        peer.read_request()
        asked.append(peer)
        peer.wait_for_end()

    with HostileServer([noted]) as server:
        target = Target(scheme="ws", host="127.0.0.1", port=server.port)
        running = gevent.spawn(run_check, the(4), plan, target, rows.services, health_path="/health", budget_s=60.0)
        with gevent.Timeout(30):
            while len(asked) < 5:
                gevent.sleep(0.01)
        rows.services.stop.give()
        running.get(timeout=30)
    (row,) = rows.written
    assert (row.outcome, row.cause) == ("aborted", None)
    assert rows.services.tally.balanced


def test_after_a_stop_no_check_begins() -> None:
    rows = Rows()
    rows.services.stop.give()
    plan = ConnectionPlan(user=0, connection=0, scenario="p1", scheduled_at=0, subject="s", seed=1)
    target = Target(scheme="ws", host="127.0.0.1", port=9)
    run_check(the(4), plan, target, rows.services, health_path="/health", budget_s=60.0)
    assert rows.written == [] and rows.services.tally.balanced


def test_a_bug_of_ours_is_raised_and_its_row_says_harness(port: int) -> None:
    def broken(c: Context) -> Script:
        yield Upgrade(0, 20.0)
        raise RuntimeError("a bug")

    rows: list[Attempt] = []
    with pytest.raises(RuntimeError, match="a bug"):
        rows.append(run(SuiteCheck(3, broken), port))


def test_no_wait_outlasts_the_check(port: int) -> None:
    def endless(c: Context) -> Script:
        told = yield Upgrade(0, 20.0)
        while True:
            told = yield Hear(0, told.now + 3600.0)

    row = run(SuiteCheck(3, endless), port, budget_s=1.0)
    assert (row.outcome, row.budget_s) == ("timeout", 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "number", "found"),
    [
        ("slow_welcome:share=1,delay=60", 3, ("timeout", "welcome", "silent_peer")),
        ("drop_type:types=chat_message", 3, ("timeout", "exchange", "silent_peer")),
        ("refuse_503:share=1", 4, ("failed", "upgrade", "http_status")),
        ("cold_start:for=600", 11, ("failed", "exchange", "http_status")),
    ],
)
def test_a_fault_of_the_stand_in_fails_the_check_that_meets_it_and_is_no_mistake_of_the_test(
    fault: str, number: int, found: tuple[str, str, str]
) -> None:
    waits = Budgets(connect_s=3.0, exchange_s=3.0, close_s=3.0)
    with standin("--fault", fault) as ready:
        port = int(ready["http_url"].rpartition(":")[2])
        row = run(the(number), port, budgets=waits)
        naive = run(the(number, "p1_naive"), port, budgets=waits)
    assert (row.outcome, row.phase, row.cause) == found
    assert naive.cause != "test_mistake"
