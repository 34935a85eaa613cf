"""The gevent driver over real sockets: dialling, waiting, being late, being stopped and being killed."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from bench.events import CHURN, LONG, SHORT
from bench.scripted_server import PATIENCE_S, PONG, Peer, ScriptedServer
from scenarios.clients import client_named, run_connection
from scenarios.errors import ConfigError
from scenarios.plan import Budgets, ConnectionPlan, ConnectionResult, Target, Token
from scenarios.relay_protocol import connected_reply, failed_reply, read_request
from tests.scenarios.clients.rows import Rows

CLIENTS = ("websocket-client", "websockets-gevent")
ROOT = Path(__file__).parents[3]


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with Rows() as kept:
        gevent.sleep(0.02)  # the lag meter's first tick
        yield kept


def plan_of(rows: Rows, client: str, **values: Any) -> ConnectionPlan:
    given: dict[str, Any] = {"scenario": "churn", "settings": CHURN, "budgets": LONG, **values}
    return ConnectionPlan(
        user=0,
        connection=0,
        scheduled_at=rows.services.clock.micros(time.perf_counter()),
        subject="u",
        seed=1,
        client=client,
        token_transport="header",
        **given,
    )


def target_of(port: int, **values: Any) -> Target:
    return Target(**{"scheme": "ws", "host": "127.0.0.1", "port": port, **values})


def serve(peer: Peer) -> None:
    """A good server: a pong to everything, an answer to the close."""
    peer.welcome()
    while True:
        opcode, payload = peer.read_frame()
        if opcode == 0x8:
            peer.frame(0x8, payload)
            return
        if opcode == 0x1:
            peer.json(PONG)


def silent(peer: Peer) -> None:
    peer.welcome()
    peer.read_until_close()


def wait_until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        gevent.sleep(0.005)


def started(rows: Rows, plan: ConnectionPlan, target: Target) -> gevent.Greenlet[[], ConnectionResult]:
    return gevent.spawn(run_connection, plan, target, rows.services)


# -- dialling -----------------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_closed_port_is_refused_in_tcp(client: str, rows: Rows) -> None:
    result = run_connection(plan_of(rows, client), target_of(closed_port()), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tcp", "refused", errno.ECONNREFUSED)
    assert (result.ready, result.ended_by, result.cause) == (False, "failure", "refused")


def test_a_name_that_does_not_exist_fails_in_dns(client: str, rows: Rows) -> None:
    run_connection(plan_of(rows, client), target_of(1, host="no-such-host.invalid"), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("failed", "dns", "dns")
    assert row.errno is not None and row.tcp_s is None


def test_a_name_is_resolved_once(client: str, rows: Rows) -> None:
    with ScriptedServer(serve) as server:
        for _ in range(2):
            run_connection(plan_of(rows, client), target_of(server.port, host="localhost"), rows.services)
    first, second = rows.of("connect")
    assert first.dns_s is not None and second.dns_s is None


def test_the_next_address_is_tried_and_remembered(client: str, rows: Rows) -> None:
    with ScriptedServer(serve) as server:
        target = target_of(server.port, host="two.addresses.test")
        nobody = (int(socket.AF_INET), ("127.0.0.1", closed_port()))
        somebody = (int(socket.AF_INET), ("127.0.0.1", server.port))
        rows.services.addresses[target.host, target.port] = [nobody, somebody]
        run_connection(plan_of(rows, client), target, rows.services)
        assert rows.services.addresses[target.host, target.port] == [somebody, nobody]
    assert rows.of("connect")[0].outcome == "ok"


def test_a_server_that_accepts_no_more_is_a_timeout_in_tcp(client: str, rows: Rows) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(8):  # a full accept queue drops the SYN
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        run_connection(plan_of(rows, client, budgets=SHORT), target_of(port), rows.services)
        for filler in fillers:
            filler.close()
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("timeout", "tcp", "silent_peer")


def test_no_descriptor_left_is_a_local_matter(client: str, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    client_named(client)
    monkeypatch.setattr("scenarios.clients.gevent_stream._Socket", none_left)
    run_connection(plan_of(rows, client), target_of(1), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tcp", "local_resource", errno.EMFILE)


def test_a_relay_says_what_the_round_trip_was(client: str, rows: Rows) -> None:
    asked: list[tuple[str, float, int]] = []

    def relay(peer: Peer) -> None:
        request = read_request(peer.read_request() + b"\r\n\r\n")
        assert request is not None
        asked.append((request.target, request.delay_s, request.seed))
        peer.send(connected_reply(0.161))
        serve(peer)

    with ScriptedServer(relay) as server:
        target = target_of(4711, relay=("127.0.0.1", server.port))
        run_connection(plan_of(rows, client, delay_s=0.16), target, rows.services)
    assert asked == [("127.0.0.1:4711", 0.16, 1)]
    row = rows.of("connect")[0]
    assert (row.outcome, row.tcp_s, row.rtt_s) == ("ok", 0.161, 0.161)


def test_a_refusal_behind_the_relay_is_the_targets(client: str, rows: Rows) -> None:
    def relay(peer: Peer) -> None:
        peer.read_request()
        peer.send(failed_reply(errno.ECONNREFUSED, "Connection refused"))

    with ScriptedServer(relay) as server:
        run_connection(plan_of(rows, client), target_of(1, relay=("127.0.0.1", server.port)), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tcp", "refused", errno.ECONNREFUSED)


def test_a_relay_that_breaks_is_the_harness(client: str, rows: Rows) -> None:
    with ScriptedServer(Peer.read_request) as server:
        run_connection(plan_of(rows, client), target_of(1, relay=("127.0.0.1", server.port)), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("failed", "tcp", "harness")


def test_a_proxy_is_asked_for_the_target(client: str, rows: Rows) -> None:
    asked = []

    def proxy(peer: Peer) -> None:
        asked.append(peer.read_request().split(b"\r\n")[0])
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        serve(peer)

    with ScriptedServer(proxy) as server:
        run_connection(plan_of(rows, client), target_of(99, proxy=("127.0.0.1", server.port)), rows.services)
    assert asked == [b"CONNECT 127.0.0.1:99 HTTP/1.1"]
    assert rows.of("connect")[0].outcome == "ok"


def test_a_proxy_that_refuses_is_a_status_in_tcp(client: str, rows: Rows) -> None:
    def proxy(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    with ScriptedServer(proxy) as server:
        run_connection(plan_of(rows, client), target_of(1, proxy=("127.0.0.1", server.port)), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.http_status) == ("failed", "tcp", "http_status", 407)


def test_the_environments_proxy_is_ignored(client: str, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ws_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with ScriptedServer(serve) as server:
        run_connection(plan_of(rows, client), target_of(server.port), rows.services)
    assert rows.of("connect")[0].outcome == "ok"


def test_the_instance_is_named_by_the_upgrade(client: str, rows: Rows) -> None:
    def named(peer: Peer) -> None:
        peer.upgrade("X-Server-Instance: instance-3")
        peer.wait_for_end()

    with ScriptedServer(named) as server:
        run_connection(plan_of(rows, client, budgets=SHORT), target_of(server.port), rows.services)
    assert rows.facts[0].server_instance == "instance-3"


def test_the_request_carries_the_token_the_headers_and_the_query(client: str, rows: Rows) -> None:
    heads = []

    def listen(peer: Peer) -> None:
        heads.append(peer.read_request().decode())
        peer.send(b"HTTP/1.1 503 Busy\r\n\r\n")

    with ScriptedServer(listen) as server:
        for transport in ("header", "query", "subprotocol"):
            plan = ConnectionPlan(
                user=0,
                connection=0,
                scenario="churn",
                scheduled_at=0,
                subject="u",
                seed=1,
                client=client,
                token=Token("a.b.c"),
                token_transport=transport,
                headers=(("X-Run", "7"),),
            )
            run_connection(plan, target_of(server.port, path="/ws?x=1"), rows.services)
    assert all("X-Run: 7" in head and f"Host: 127.0.0.1:{server.port}" in head for head in heads)
    assert "Authorization: Bearer a.b.c" in heads[0]
    assert heads[1].startswith("GET /ws?x=1&token=a.b.c HTTP/1.1")
    assert "jwt-auth" in heads[2] and "jwt.YS5iLmM" in heads[2]
    assert not any("Origin" in head for head in heads)


# -- TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    path = folder / "localhost.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", str(folder / "c")],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (folder / "c").read_text())
    return path


def over_tls(certificate: Path, script: Any) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrapped(peer: Peer) -> None:
        try:
            peer.socket = context.wrap_socket(peer.socket, server_side=True)
        except ssl.SSLError:
            return
        with peer.socket:
            script(peer)

    return wrapped


def test_tls_is_a_phase_of_its_own(client: str, rows: Rows, certificate: Path) -> None:
    with ScriptedServer(over_tls(certificate, serve)) as server:
        target = target_of(server.port, scheme="wss", host="localhost", ca_file=str(certificate))
        run_connection(plan_of(rows, client), target, rows.services)
    assert [(r.kind, r.outcome) for r in rows.written] == [
        ("connect", "ok"),
        ("exchange", "ok"),
        ("hold", "ok"),
        ("close", "ok"),
    ]
    assert rows.written[0].tls_s is not None and rows.written[0].tls_s > 0


def test_a_certificate_that_nobody_vouches_for_fails_in_tls(client: str, rows: Rows, certificate: Path) -> None:
    with ScriptedServer(over_tls(certificate, serve)) as server:
        run_connection(plan_of(rows, client), target_of(server.port, scheme="wss", host="localhost"), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tls", "tls", None)
    assert row.detail == "CERTIFICATE_VERIFY_FAILED"


def test_a_server_without_tls_fails_in_tls(client: str, rows: Rows) -> None:
    def plain(peer: Peer) -> None:
        peer.take(10)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.wait_for_end()

    with ScriptedServer(plain) as server:
        run_connection(plan_of(rows, client), target_of(server.port, scheme="wss", host="localhost"), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("failed", "tls", "tls")


def test_a_silent_tls_server_is_a_timeout_in_tls(client: str, rows: Rows) -> None:
    with ScriptedServer(Peer.wait_for_end) as server:
        target = target_of(server.port, scheme="wss", host="localhost")
        run_connection(plan_of(rows, client, budgets=SHORT), target, rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("timeout", "tls", "silent_peer")


def test_a_server_that_leaves_during_the_tls_handshake_is_a_reset_in_tls(client: str, rows: Rows) -> None:
    with ScriptedServer(lambda peer: peer.take(10)) as server:
        run_connection(plan_of(rows, client), target_of(server.port, scheme="wss", host="localhost"), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("failed", "tls", "reset")


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
        "from bench.scripted_server import ScriptedServer\n"
        "from scenarios.clients import run_connection\n"
        "from tests.scenarios.clients.rows import Rows\n"
        "from tests.scenarios.clients.test_gevent_driver import CLIENTS, plan_of, serve, target_of\n"
        "for client in CLIENTS:\n"
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
