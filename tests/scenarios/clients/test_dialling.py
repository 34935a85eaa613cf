"""Dialling in every client: names, TCP, relay, proxy, TLS and what the upgrade request says."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest

from scenarios.addresses import ATTEMPT_DELAY_S, LEAST_AGE_S, Address
from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.on_asyncio.child import loop_factory
from scenarios.clients.on_asyncio.driver import AsyncioConnection
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.control.target import parse_target
from scenarios.machine.fingerprint import salted
from scenarios.plan import Budgets, ConnectionPlan, ConnectionResult, Header, Target, Token
from scenarios.relay.protocol import connected_reply, failed_reply, read_request
from tests.scenarios.clients.rows import AsGiven, Rows, plan_of, serve, target_of
from tests.scenarios.kit.connect_proxy import connect_proxy
from tests.scenarios.kit.events import SHORT
from tests.scenarios.kit.running_relay import relay
from tests.scenarios.kit.scripted_server import PATIENCE_S, Peer, ScriptedServer

NAMES = [name for name in CLIENTS if why_unavailable(name) is None and name != "websockets-asyncio"]


@pytest.fixture(params=NAMES)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[str, Rows]]:
    """One set of services a client: an asyncio child serves all tests."""
    rows: dict[str, Rows] = {}
    yield rows
    for one in rows.values():
        close_children(one.services)


@pytest.fixture
def rows(client: str, kept: dict[str, Rows]) -> Rows:
    found = kept.setdefault(client, Rows())
    found.written.clear()
    return found


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that answers no SYN: its accept queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()


def run_here(
    rows: Rows,
    plans: list[ConnectionPlan],
    target: Target,
    *,
    once: Callable[[], bool] = lambda: True,
    block: Callable[[], object] = lambda: None,
) -> None:
    """Run connections at once on one loop of this process, whose services the test has prepared.

    As soon as `once` is true, `block` is called on that loop.
    """
    event_loop = CLIENTS[plans[0].client].event_loop
    if event_loop is None:
        running = [gevent.spawn(run_connection, plan, target, rows.services) for plan in plans]
        while not once():
            gevent.sleep(0.005)
        block()
        gevent.joinall(running, timeout=PATIENCE_S, raise_error=True)
        return

    async def run_all() -> None:
        running: list[Awaitable[ConnectionResult]] = [
            asyncio.ensure_future(AsyncioConnection(plan, target, rows.services).run()) for plan in plans
        ]
        while not once():
            await asyncio.sleep(0.005)
        block()
        await asyncio.gather(*running)

    with asyncio.Runner(loop_factory=loop_factory(event_loop)) as runner:
        runner.run(asyncio.wait_for(run_all(), PATIENCE_S))


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


def test_a_server_that_accepts_no_more_is_a_timeout_in_tcp(client: str, rows: Rows) -> None:
    with silent_port() as port:
        run_connection(plan_of(rows, client, budgets=SHORT), target_of(port), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("timeout", "tcp", "silent_peer")


def at(port: int, host: str = "127.0.0.1") -> Address:
    return int(socket.AF_INET6 if ":" in host else socket.AF_INET), (host, port)


def hashed(address: str) -> str:
    return salted(f"address/{address}", os.environ)


def known_at(rows: Rows, target: Target, *addresses: Address) -> Target:
    """The same target, whose addresses are known, and tried in this order."""
    rows.services.turns = AsGiven()
    rows.services.addresses.learn(target.host, target.port, addresses, time.perf_counter())
    return target


def test_a_silent_address_is_not_waited_for_alone(client: str) -> None:
    rows = Rows()
    with ScriptedServer(serve) as server, silent_port() as nobody:
        target = known_at(rows, target_of(1, host="two.addresses.test"), at(nobody), at(server.port))
        run_here(rows, [plan_of(rows, client)], target)
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase) == ("ok", "welcome")
    assert row.tcp_s is not None and row.rtt_s is not None
    assert ATTEMPT_DELAY_S <= row.tcp_s < 2 * ATTEMPT_DELAY_S
    assert row.rtt_s < ATTEMPT_DELAY_S / 2  # of the one that answered


def test_an_address_that_refuses_is_followed_by_the_next_at_once(client: str) -> None:
    rows = Rows()
    with ScriptedServer(serve) as server:
        target = known_at(rows, target_of(1, host="two.addresses.test"), at(closed_port()), at(server.port))
        run_here(rows, [plan_of(rows, client)], target)
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase) == ("ok", "welcome")
    assert row.tcp_s is not None and row.tcp_s < ATTEMPT_DELAY_S


def test_an_address_that_is_not_needed_is_not_connected(client: str) -> None:
    rows = Rows()
    with ScriptedServer(serve) as server, silent_port() as nobody, socket.create_server(("127.0.0.1", 0)) as third:
        others = at(nobody), at(server.port), at(third.getsockname()[1])
        run_here(rows, [plan_of(rows, client)], known_at(rows, target_of(1, host="three.addresses.test"), *others))
        third.setblocking(False)
        with pytest.raises(BlockingIOError):
            third.accept()
    assert [row.outcome for row in rows.of("connect")] == ["ok"]


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_both_families_are_tried(client: str) -> None:
    rows = Rows()
    with ScriptedServer(serve) as server, socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=0) as v6:
        fillers = [socket.socket(socket.AF_INET6) for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(v6.getsockname())
        target = known_at(rows, target_of(1, host="both.test"), at(v6.getsockname()[1], "::1"), at(server.port))
        run_here(rows, [plan_of(rows, client)], target)
        for filler in fillers:
            filler.close()
    assert [row.outcome for row in rows.of("connect")] == ["ok"]
    assert rows.facts[0].peer_address == hashed("127.0.0.1")


def test_a_target_that_has_moved_is_found_by_the_connection_that_meets_nobody(client: str) -> None:
    rows = Rows()
    with ScriptedServer(serve) as server:
        target = target_of(server.port, host="localhost")
        long_ago = time.perf_counter() - LEAST_AGE_S
        rows.services.addresses.learn(target.host, target.port, [at(closed_port())], long_ago)
        run_here(rows, [plan_of(rows, client)], target)
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase) == ("ok", "welcome")
    assert row.tcp_s is not None and row.rtt_s is not None and row.rtt_s < row.tcp_s
    assert rows.facts[0].peer_address == hashed("127.0.0.1")


def test_all_addresses_get_connections(client: str) -> None:
    rows = Rows()
    target = target_of(1, host="two.addresses.test")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [listener.getsockname()[1] for listener in (one, other)]
        rows.services.addresses.learn(target.host, target.port, map(at, ports), time.perf_counter())
        plans = [plan_of(rows, client, budgets=Budgets(connect_s=0.3)) for _ in range(6)]
        run_here(rows, plans, target)
        for listener in (one, other):
            listener.setblocking(False)
            for _ in range(3):
                listener.accept()[0].close()
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_connections_that_need_a_name_at_the_same_time_share_one_look_up(client: str) -> None:
    rows = Rows()
    begun: list[tuple[str, int]] = []

    class Counted(dict[tuple[str, int], Any]):
        def __setitem__(self, name: tuple[str, int], lookup: Any) -> None:
            begun.append(name)
            super().__setitem__(name, lookup)

    rows.services.addresses.running = Counted()
    port = closed_port()
    run_here(rows, [plan_of(rows, client) for _ in range(3)], target_of(port, host="localhost"))
    assert begun == [("localhost", port)]
    assert not rows.services.addresses.running
    assert [row.dns_s is not None for row in rows.of("connect")] == [True] * 3


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


def test_a_relay_that_resets_is_the_harness(client: str, rows: Rows) -> None:
    def relay(peer: Peer) -> None:
        peer.read_request()
        peer.reset()

    with ScriptedServer(relay) as server:
        run_connection(plan_of(rows, client), target_of(1, relay=("127.0.0.1", server.port)), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tcp", "harness", None)


def test_a_relay_that_is_not_there_is_the_harness(client: str, rows: Rows) -> None:
    run_connection(plan_of(rows, client), target_of(1, relay=("127.0.0.1", closed_port())), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tcp", "harness", None)


def test_a_relay_that_accepts_no_more_is_the_harness(client: str, rows: Rows) -> None:
    with silent_port() as port:
        target = target_of(1, relay=("127.0.0.1", port))
        run_connection(plan_of(rows, client, budgets=SHORT), target, rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tcp", "harness", None)


@pytest.mark.parametrize(("answer", "cause"), [(b"", "silent_peer"), (connected_reply(0.1), "harness")])
def test_a_late_deadline_is_the_loops_fault_if_the_relay_has_answered(client: str, answer: bytes, cause: str) -> None:
    rows = Rows()
    is_asked, is_blocked, is_done = threading.Event(), threading.Event(), threading.Event()

    def relay(peer: Peer) -> None:
        peer.read_request()
        is_asked.set()
        is_blocked.wait(PATIENCE_S)
        peer.send(answer)
        is_done.set()
        peer.wait_for_end()

    def block() -> None:
        is_blocked.set()
        assert is_done.wait(PATIENCE_S)
        time.sleep(1.5)  # as a busy client would, beyond the deadline

    with ScriptedServer(relay) as server:
        plan = plan_of(rows, client, budgets=Budgets(connect_s=1.0))
        target = target_of(1, relay=("127.0.0.1", server.port))
        run_here(rows, [plan], target, once=is_asked.is_set, block=block)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("timeout", "tcp", cause)


def test_a_refusal_stays_one_when_our_loop_is_late(client: str) -> None:
    rows = Rows()
    is_asked, is_blocked, is_done = threading.Event(), threading.Event(), threading.Event()

    def refuse(peer: Peer) -> None:
        peer.read_request()
        is_asked.set()
        is_blocked.wait(PATIENCE_S)
        peer.send(b"HTTP/1.1 503 Busy\r\n\r\nwait")
        is_done.set()
        peer.wait_for_end()

    def block() -> None:
        is_blocked.set()
        assert is_done.wait(PATIENCE_S)
        time.sleep(1.5)

    with ScriptedServer(refuse) as server:
        plan = plan_of(rows, client, budgets=Budgets(connect_s=1.0))
        run_here(rows, [plan], target_of(server.port), once=is_asked.is_set, block=block)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.http_status) == ("failed", "upgrade", "http_status", 503)


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


def test_a_proxy_is_given_the_name_and_nothing_is_looked_up(client: str) -> None:
    rows = Rows()
    with ScriptedServer(serve) as server, connect_proxy({"backend.internal": "127.0.0.1"}) as proxy:
        target = target_of(server.port, host="backend.internal", proxy=proxy.address)
        run_here(rows, [plan_of(rows, client)], target)
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase, row.dns_s) == ("ok", "welcome", None)
    assert proxy.asked == [f"backend.internal:{server.port}"]
    assert rows.facts[0].peer_address == hashed("127.0.0.1")


def test_tls_through_a_proxy_asks_for_the_target(client: str, certificate: Path) -> None:
    rows = Rows()
    with ScriptedServer(over_tls(certificate, serve)) as server, connect_proxy() as proxy:
        target = target_of(server.port, scheme="wss", host="localhost", ca_file=str(certificate), proxy=proxy.address)
        run_here(rows, [plan_of(rows, client)], target)
    assert [row.outcome for row in rows.of("connect")] == ["ok"]


def test_a_proxy_whose_name_does_not_exist_is_named_in_dns(client: str, rows: Rows) -> None:
    target = target_of(1, host="backend.internal", proxy=("no-such-proxy.invalid", 3128))
    run_connection(plan_of(rows, client), target, rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause) == ("failed", "dns", "dns")
    assert row.detail is not None and row.detail.startswith("the proxy's name: ")


@pytest.mark.parametrize(("status", "cause"), [(407, "auth_rejected"), (403, "http_status"), (502, "http_status")])
def test_a_proxy_that_refuses_is_a_status_in_tcp(client: str, rows: Rows, status: int, cause: str) -> None:
    def proxy(peer: Peer) -> None:
        peer.read_request()
        peer.send(f"HTTP/1.1 {status} No\r\n\r\n".encode())

    with ScriptedServer(proxy) as server:
        run_connection(plan_of(rows, client), target_of(1, proxy=("127.0.0.1", server.port)), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.http_status) == ("failed", "tcp", cause, status)


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
    assert rows.facts[-1].server_instance == "instance-3"


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
                headers=(Header("X-Run", "7"),),
            )
            run_connection(plan, target_of(server.port, path="/ws?x=1"), rows.services)
    assert all("X-Run: 7" in head and f"Host: 127.0.0.1:{server.port}" in head for head in heads)
    assert "Authorization: Bearer a.b.c" in heads[0]
    assert heads[1].startswith("GET /ws?x=1&token=a.b.c HTTP/1.1")
    assert "jwt-auth" in heads[2] and "jwt.YS5iLmM" in heads[2]
    assert not any("Origin" in head for head in heads)


def test_a_trace_id_is_on_the_request_and_on_the_rows_in_every_client(client: str, rows: Rows) -> None:
    heads = []

    def listen(peer: Peer) -> None:
        heads.append(peer.read_request().decode())
        peer.send(b"HTTP/1.1 503 Busy\r\n\r\n")

    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with ScriptedServer(listen) as server:
        for given in (trace_id, None):
            run_connection(plan_of(rows, client, trace_id=given), target_of(server.port), rows.services)
    sent = [line for head in heads for line in head.split("\r\n") if line.lower().startswith("traceparent")]
    assert sent == [f"traceparent: 00-{trace_id}-8448eb211c80319c-01"]
    assert [facts.trace_id for facts in rows.facts[-2:]] == [trace_id, None]


def test_headers_and_every_other_way_of_a_token_are_alike_in_all_clients_and_no_row_shows_a_secret(
    client: str, rows: Rows
) -> None:
    heads: list[str] = []

    def repeat(peer: Peer) -> None:
        heads.append(peer.read_request().decode() + "\r\n")
        peer.send(b"HTTP/1.1 503 no a-key-of-the-gates or YS1rZXktb2YtdGhlLWdhdGVz or opaque~token/of=one\r\n\r\n")

    headers = (
        Header("Origin", "https://app.example.com"),
        Header("X-Gate", "a-key-of-the-gates", is_secret=True),
        Header("Cookie", "a=b"),
    )
    ways = ("header:X-Api-Key", "query:access_token", "cookie:sid", "subprotocol:bearer,{token_base64url}", "message")
    with ScriptedServer(repeat) as server:
        for way in ways:
            plan = plan_of(rows, client, token=Token("opaque~token/of=one"), headers=headers, token_transport=way)
            run_connection(plan, target_of(server.port, protocol="echo"), rows.services)
    assert all("Origin: https://app.example.com\r\nX-Gate: a-key-of-the-gates\r\n" in head for head in heads)
    assert "X-Api-Key: opaque~token/of=one\r\n" in heads[0]
    assert "?access_token=opaque~token%2Fof%3Done HTTP/1.1\r\n" in heads[1]
    assert "Cookie: sid=opaque~token/of=one; a=b\r\n" in heads[2] and heads[2].lower().count("cookie") == 1
    assert re.search(r"(?i)^Sec-WebSocket-Protocol: bearer, ?b3BhcXVlfnRva2VuL29mPW9uZQ\r$", heads[3], re.MULTILINE)
    assert not any("opaque" in head or "b3BhcXVl" in head for head in heads[4:])
    connects = rows.of("connect")
    assert {row.detail for row in connects} == {"no <redacted> or <redacted> or <redacted>"}
    assert {row.http_status for row in connects} == {503}


def test_a_target_that_is_not_ascii_is_asked_for_alike(client: str, rows: Rows) -> None:
    heads = []

    def listen(peer: Peer) -> None:
        heads.append(peer.read_request().split(b"\r\n")[0])
        peer.send(b"HTTP/1.1 503 Busy\r\n\r\n")

    with ScriptedServer(listen) as server:
        url = parse_target(f"ws://127.0.0.1:{server.port}/\u00fc b/%C3%A4?room=\u20ac")
        run_connection(plan_of(rows, client), target_of(server.port, path=url.path), rows.services)
    assert heads == [b"GET /%C3%BC%20b/%C3%A4?room=%E2%82%AC HTTP/1.1"]


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


def test_a_silent_address_is_not_waited_for_alone_where_tls_comes_next(client: str, certificate: Path) -> None:
    rows = Rows()
    with ScriptedServer(over_tls(certificate, serve)) as server, silent_port() as nobody:
        target = target_of(1, scheme="wss", host="localhost", ca_file=str(certificate))
        run_here(rows, [plan_of(rows, client)], known_at(rows, target, at(nobody), at(server.port)))
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase) == ("ok", "welcome")
    assert row.tcp_s is not None and row.tcp_s >= ATTEMPT_DELAY_S


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_silent_address_behind_a_real_relay_is_not_waited_for_alone(
    client: str, scheme: str, certificate: Path
) -> None:
    rows = Rows()
    script = serve if scheme == "ws" else over_tls(certificate, serve)
    with ScriptedServer(script) as server, silent_port() as nobody, relay() as running:
        target = target_of(1, scheme=scheme, host="localhost", ca_file=str(certificate), relay=running.address)
        plan = plan_of(rows, client, delay_s=0.04)
        run_here(rows, [plan], known_at(rows, target, at(nobody), at(server.port)))
    (row,) = rows.of("connect")
    assert (row.outcome, row.phase) == ("ok", "welcome")
    assert row.tcp_s is not None and row.rtt_s is not None
    assert 0.04 <= row.rtt_s < ATTEMPT_DELAY_S <= row.tcp_s


def test_a_certificate_that_nobody_vouches_for_fails_in_tls(client: str, rows: Rows, certificate: Path) -> None:
    with ScriptedServer(over_tls(certificate, serve)) as server:
        run_connection(plan_of(rows, client), target_of(server.port, scheme="wss", host="localhost"), rows.services)
    (row,) = rows.written
    assert (row.outcome, row.phase, row.cause, row.errno) == ("failed", "tls", "tls", None)
    assert row.detail is not None
    assert row.detail.startswith("CERTIFICATE_VERIFY_FAILED: ") and "asked for localhost" in row.detail


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
