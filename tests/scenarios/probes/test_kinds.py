"""Control probes against real servers: one that works, and ones that do not."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import gevent.event
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from attempts.schema import Attempt, ConnectionFacts, check
from scenarios.clients import Services
from scenarios.clock import Clock
from scenarios.credentials.cache import TokenUnavailable
from scenarios.machine.lag import LagMeter
from scenarios.plan import Header, Target, Token
from scenarios.probes.kinds import HealthProbe, IdleProbe, Prober, TcpProbe
from scenarios.probes.probe import Probe, ProbePlan
from tests.scenarios.kit.certificates import make_certificate
from tests.scenarios.kit.connect_proxy import connect_proxy
from tests.scenarios.kit.scripted_server import Peer, ScriptedServer, frame

DEADLINE_S = 30.0


class Rows:
    """A recorder that keeps rows in memory, checked as the real one checks them."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.facts: list[ConnectionFacts] = []

    def connection(self, facts: ConnectionFacts) -> int:
        self.facts.append(facts)
        return len(self.facts) - 1

    def write(self, attempt: Attempt) -> None:
        check(attempt)
        self.attempts.append(attempt)

    def of(self, operation: str) -> list[Attempt]:
        return [row for row in self.attempts if row.operation == operation]


class Telling:
    """Hands rows on, and tells of the first one of the idle probe."""

    def __init__(self, rows: Rows, is_written: gevent.event.Event) -> None:
        self._rows = rows
        self._is_written = is_written

    def connection(self, facts: ConnectionFacts) -> int:
        return self._rows.connection(facts)

    def write(self, attempt: Attempt) -> None:
        self._rows.write(attempt)
        if attempt.operation == "idle":
            self._is_written.set()


def services() -> tuple[Services, Rows]:
    rows = Rows()
    return Services(recorder=rows, clock=Clock.now(), lag=LagMeter()), rows


def plan(*, every_s: float = 0.05, budget_s: float = DEADLINE_S, health_path: str = "/health") -> ProbePlan:
    numbers = iter(range(10_000))
    return ProbePlan(
        every_s=every_s,
        budget_s=budget_s,
        user=3,
        event_loop="gevent-libev",
        next_connection=lambda: next(numbers),
        health_path=health_path,
        subject="s",
        token=lambda: None,
    )


def at(port: int, *, ca_file: Path | None = None) -> Target:
    scheme, ca = ("ws", None) if ca_file is None else ("wss", str(ca_file))
    return Target(scheme=scheme, host="127.0.0.1", port=port, path="/ws", protocol="echo", ca_file=ca)


@contextmanager
def server(
    *,
    health: int = 200,
    health_path: str = "/health",
    handler: Callable[[ServerConnection], None] | None = None,
    answer: Callable[[ServerConnection, Request], Response | None] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """A WebSocket server with a health page, in threads of its own."""

    def usual(connection: ServerConnection, request: Request) -> Response | None:
        if request.path == health_path:
            return connection.respond(http.HTTPStatus(health), "{}")
        return None

    def stay(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for _ in connection:
                pass

    def forever() -> None:
        # Its end closes the socket that it waits on; Windows calls that an error in the middle of the wait.
        with contextlib.suppress(OSError):
            running.serve_forever()

    with serve(handler or stay, "127.0.0.1", 0, process_request=answer or usual, ssl=tls) as running:
        thread = threading.Thread(target=forever)
        thread.start()
        yield running
    thread.join()


def port_of(running: Server) -> int:
    port: int = running.socket.getsockname()[1]
    return port


@contextmanager
def silent() -> Iterator[int]:
    """A listener that accepts (by its backlog) and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def one_turn(
    kind: type[Probe],
    port: int,
    *,
    budget_s: float = DEADLINE_S,
    ca_file: Path | None = None,
    health_path: str = "/health",
    proxy: tuple[str, int] | None = None,
) -> Attempt:
    mine, rows = services()
    target = msgspec.structs.replace(at(port, ca_file=ca_file), proxy=proxy)
    probe = kind(target, mine, plan(budget_s=budget_s, health_path=health_path))
    probe.run(time.perf_counter(), skipped=0)
    probe.close()
    (row,) = rows.attempts
    assert mine.probe_tally.balanced and mine.probe_tally.started == 1
    return row


def test_an_idle_socket_introduces_itself_where_the_protocol_speaks_first() -> None:
    """A server such as npm's graphql-ws ends a session that does not, and that would be a failing control."""
    said: list[str | bytes] = []

    def introduced(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            connection.send("open")
            said.append(connection.recv())
            for _ in connection:
                pass

    mine, rows = services()
    with server(handler=introduced) as running:
        target = msgspec.structs.replace(at(port_of(running)), protocol="tests.scenarios.kit.events:Introduced")
        probe = IdleProbe(target, mine, dataclasses.replace(plan(), token=lambda: Token("a.b.c")))
        for _ in range(2):
            probe.run(time.perf_counter(), skipped=0)
            probe.wait_until(time.perf_counter() + 0.05)
        probe.close()
    assert said == [b"a.b.c"]
    assert [row.outcome for row in rows.attempts] == ["ok", "ok"]


def test_each_kind_of_probe_is_a_row_of_its_own() -> None:
    mine, rows = services()
    broken: list[BaseException] = []
    with server() as running:
        prober = Prober(at(port_of(running)), mine, plan(), failed=broken.append)
        prober.start()
        with gevent.Timeout(DEADLINE_S):
            while min(len(rows.of(operation)) for operation in ("tcp", "health", "idle")) < 3:
                gevent.sleep(0.01)
        prober.stop()
    assert broken == []
    for operation, phase in (("tcp", "tcp"), ("health", "exchange"), ("idle", "exchange")):
        done = [row for row in rows.of(operation) if row.outcome != "aborted"]
        assert {(row.kind, row.outcome, row.phase) for row in done} == {("probe", "ok", phase)}
    assert {facts.scenario for facts in rows.facts} == {"probe"}
    assert mine.probe_tally.balanced
    tcp, health, idle = (rows.of(operation) for operation in ("tcp", "health", "idle"))
    assert tcp[0].tcp_s is not None and tcp[0].rtt_s is None
    assert health[0].rtt_s == health[0].tcp_s
    # Only the first ping dials; the round trip it knows is the handshake's, later ones know a ping's.
    assert idle[0].upgrade_s is not None and idle[0].rtt_s == idle[0].tcp_s
    assert idle[1].upgrade_s is idle[1].tcp_s is None and idle[1].rtt_s is not None
    assert (idle[1].frames_out, idle[1].frames_in) == (1, 1)
    assert len({row.facts for row in tcp}) == len(tcp) and len({row.facts for row in idle}) == 1


@pytest.mark.parametrize("kind", [TcpProbe, HealthProbe, IdleProbe])
def test_nobody_there_is_refused_in_tcp(kind: type[Probe]) -> None:
    with silent() as port:
        gone = port
    row = one_turn(kind, gone)
    assert (row.outcome, row.phase, row.cause) == ("failed", "tcp", "refused")


@pytest.mark.parametrize(("kind", "phase"), [(HealthProbe, "exchange"), (IdleProbe, "upgrade")])
def test_a_silent_server_is_a_timeout_where_it_is_silent(kind: type[Probe], phase: str) -> None:
    with silent() as port:
        row = one_turn(kind, port, budget_s=0.1)
    assert (row.outcome, row.phase, row.cause) == ("timeout", phase, "silent_peer")
    assert row.duration_s >= 0.1
    assert row.tcp_s is not None


def test_a_bare_connect_does_not_ask_more_of_a_silent_server() -> None:
    with silent() as port:
        assert one_turn(TcpProbe, port).outcome == "ok"


def test_the_health_page_is_asked_with_the_sessions_headers_for_a_gate_may_want_them() -> None:
    asked: list[str] = []

    def answer(connection: ServerConnection, request: Request) -> Response:
        asked.append(request.headers["X-Key"])
        return connection.respond(http.HTTPStatus.OK, "")

    mine, rows = services()
    gated = dataclasses.replace(plan(), headers=(Header("X-Key", "a-key", is_secret=True),))
    with server(answer=answer) as running:
        probe = HealthProbe(at(port_of(running)), mine, gated)
        probe.run(time.perf_counter(), skipped=0)
        probe.close()
    assert (asked, rows.attempts[0].outcome) == (["a-key"], "ok")


def test_the_health_page_is_where_it_was_said_to_be() -> None:
    with server(health_path="/healthz?full=1") as running:
        assert one_turn(HealthProbe, port_of(running), health_path="/healthz?full=1").outcome == "ok"
        assert one_turn(HealthProbe, port_of(running), health_path="/health").http_status == 426


def test_where_there_is_no_health_page_nobody_asks_for_one() -> None:
    mine, rows = services()
    broken: list[BaseException] = []
    with server() as running:
        prober = Prober(at(port_of(running)), mine, plan(health_path=""), failed=broken.append)
        prober.start()
        with gevent.Timeout(DEADLINE_S):
            while min(len(rows.of(operation)) for operation in ("tcp", "idle")) < 3:
                gevent.sleep(0.01)
        prober.stop()
    assert not rows.of("health")
    assert not broken


def test_a_probe_tries_all_addresses_of_the_target_as_a_session_does() -> None:
    mine, rows = services()
    with silent() as port, silent() as gone:
        pass
    with silent() as port:
        target = msgspec.structs.replace(at(port), host="two.addresses.test")
        addresses = [(int(socket.AF_INET), ("127.0.0.1", number)) for number in (gone, port)]
        mine.addresses.learn(target.host, target.port, addresses, time.perf_counter())
        probe = TcpProbe(target, mine, plan())
        for _ in range(4):
            probe.run(time.perf_counter(), skipped=0)
        probe.close()
    assert [row.outcome for row in rows.attempts] == ["ok"] * 4


@pytest.mark.parametrize("kind", [TcpProbe, HealthProbe, IdleProbe])
def test_a_probe_goes_by_the_proxy_that_the_sessions_go_by(kind: type[Probe]) -> None:
    with server() as running, connect_proxy() as proxy:
        port = port_of(running)
        row = one_turn(kind, port, proxy=proxy.address)
    assert row.outcome == "ok"
    assert proxy.asked == [f"127.0.0.1:{port}"]


def test_an_unhealthy_page_is_its_status() -> None:
    with server(health=503) as running:
        row = one_turn(HealthProbe, port_of(running))
    assert (row.outcome, row.phase, row.cause, row.http_status) == ("failed", "exchange", "http_status", 503)


@pytest.mark.parametrize("kind", [HealthProbe, IdleProbe])
def test_over_tls_the_handshake_is_a_phase_and_a_stranger_is_refused_in_it(kind: type[Probe], tmp_path: Path) -> None:
    key, certificate, other = (tmp_path / name for name in ("key", "certificate", "other"))
    make_certificate(tmp_path / "other-key", other)
    make_certificate(key, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with server(tls=context) as running:
        trusted = one_turn(kind, port_of(running), ca_file=certificate)
        stranger = one_turn(kind, port_of(running), ca_file=other)
    assert (trusted.outcome, trusted.phase) == ("ok", "exchange")
    assert trusted.tls_s is not None
    assert (stranger.outcome, stranger.phase, stranger.cause) == ("failed", "tls", "tls")


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(("code", "cause"), [(1008, "auth_rejected"), (4401, "auth_rejected"), (1011, "server_error")])
def test_a_close_that_repeats_the_token_is_the_sessions_cause_and_has_lost_the_token(code: int, cause: str) -> None:
    def refuse(connection: ServerConnection) -> None:
        token = (connection.request.headers["Authorization"] if connection.request else "").removeprefix("Bearer ")
        connection.close(code, f"bad {token[7:40]} and {base64.urlsafe_b64encode(token.encode()).decode()[8:50]}")

    mine, rows = services()
    with server(handler=refuse) as running:
        mine_plan = dataclasses.replace(plan(), token=lambda: Token(TOKEN))
        # The server's library may answer the first ping before its handler closes: then another one is asked.
        while not rows.attempts or rows.attempts[-1].outcome == "ok":
            probe = IdleProbe(at(port_of(running)), mine, mine_plan)
            probe.run(time.perf_counter(), skipped=0)
            probe.close()
    row = rows.attempts[-1]
    assert (row.outcome, row.cause, row.close_code) == ("failed", cause, code)
    assert row.detail == "bad <redacted> and <redacted>"


def test_an_idle_probe_without_a_token_is_a_problem_in_the_sources_own_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine, rows = services()
    said: list[str] = []
    is_said = gevent.event.Event()
    broken: list[BaseException] = []

    def problem(sentence: str) -> None:
        said.append(sentence)
        is_said.set()

    def no_token() -> None:
        raise TokenUnavailable("There is no token today.")

    mine.problem = problem
    with server() as running:
        prober = Prober(at(port_of(running)), mine, dataclasses.replace(plan(), token=no_token), failed=broken.append)
        prober.start()
        assert is_said.wait(DEADLINE_S)
        prober.stop()
    assert (said, broken) == (["There is no token today."], [])
    assert [(row.outcome, row.cause) for row in rows.of("idle")] == [("failed", "harness")]
    assert "Traceback" not in capsys.readouterr().err


def test_an_idle_probe_that_has_to_wait_for_its_token_leaves_its_turns_out_and_counts_them() -> None:
    mine, rows = services()
    left = iter((False, False, True))
    is_written = gevent.event.Event()
    mine.recorder = Telling(rows, is_written)
    mine_plan = dataclasses.replace(plan(every_s=0.01), has_token=lambda: next(left), token=lambda: Token(TOKEN))
    with server() as running:
        prober = Prober(at(port_of(running)), mine, mine_plan, failed=print)
        prober.start()
        assert is_written.wait(DEADLINE_S)
        prober.stop()
    assert rows.of("idle")[0].outcome == "ok"
    assert mine.probe_tally.skipped >= 2


@pytest.mark.parametrize("protocol", ["echo", "staging"])
def test_an_idle_probe_carries_what_the_sessions_carry_and_shows_no_secret_of_it(protocol: str) -> None:
    seen: list[str] = []

    def refuse(connection: ServerConnection) -> None:
        headers = connection.request.headers if connection.request else {}
        seen.extend([headers["X-Key"], headers["Cookie"]])
        connection.close(1008, f"no {headers['X-Key']}; {headers['Cookie'][4:40]}")

    mine, rows = services()
    mine_plan = dataclasses.replace(
        plan(),
        token=lambda: Token(TOKEN),
        token_transport="cookie:sid",
        headers=(Header("X-Key", "a-key-of-somebodys", is_secret=True), Header("Cookie", "a=b")),
    )
    with server(handler=refuse) as running:
        while not rows.attempts or rows.attempts[-1].outcome == "ok":
            target = msgspec.structs.replace(at(port_of(running)), protocol=protocol)
            probe = IdleProbe(target, mine, mine_plan)
            probe.run(time.perf_counter(), skipped=0)
            probe.close()
    assert seen[:2] == ["a-key-of-somebodys", f"sid={TOKEN}; a=b"]
    assert rows.attempts[-1].detail == "no <redacted>; <redacted>"


def test_an_unknown_name_fails_in_dns() -> None:
    mine, rows = services()
    target = Target(scheme="ws", host="nowhere.invalid", port=80)
    probe = TcpProbe(target, mine, plan())
    probe.run(time.perf_counter(), skipped=0)
    probe.close()
    assert [(row.outcome, row.phase, row.cause) for row in rows.attempts] == [("failed", "dns", "dns")]


def test_an_idle_socket_that_the_server_closes_fails_the_next_ping_and_is_dialled_again() -> None:
    may_close, has_closed = threading.Event(), threading.Event()

    def close_the_first(connection: ServerConnection) -> None:
        if not has_closed.is_set():
            may_close.wait(DEADLINE_S)
            has_closed.set()
            connection.close(1012, "restart")
        with contextlib.suppress(ConnectionClosed):
            for _ in connection:
                pass

    mine, rows = services()
    with server(handler=close_the_first) as running:
        probe = IdleProbe(at(port_of(running)), mine, plan())
        probe.run(time.perf_counter(), skipped=0)
        may_close.set()
        deadline = time.monotonic() + DEADLINE_S
        while probe.is_open and time.monotonic() < deadline:
            probe.wait_until(time.perf_counter() + 0.01)
        for _ in range(2):
            probe.run(time.perf_counter(), skipped=0)
        probe.close()
    first, lost, again = rows.attempts
    assert (first.outcome, first.phase) == ("ok", "exchange")
    assert (lost.outcome, lost.phase, lost.cause) == ("failed", "hold", "server_closed")
    assert (lost.close_code, lost.closed_by) == (1012, "server")
    assert (again.outcome, again.upgrade_s is None) == ("ok", False)
    assert len({row.facts for row in (first, lost)}) == 1 != len({row.facts for row in (lost, again)})
    assert mine.probe_tally.balanced


def test_a_probe_that_is_stopped_is_an_aborted_row() -> None:
    mine, rows = services()
    with silent() as port:
        prober = Prober(at(port), mine, plan(every_s=100.0), failed=lambda error: None)
        prober.start()
        with gevent.Timeout(DEADLINE_S):
            while mine.probe_tally.started < 3 or not rows.of("tcp"):
                gevent.sleep(0.01)
        prober.stop()
    assert sorted((row.operation, row.outcome) for row in rows.attempts) == [
        ("health", "aborted"),
        ("idle", "aborted"),
        ("tcp", "ok"),
    ]
    assert mine.probe_tally.balanced


def test_turns_that_a_slow_server_made_impossible_are_counted_as_skipped() -> None:
    mine, rows = services()
    with silent() as port:
        prober = Prober(at(port), mine, plan(every_s=0.02, budget_s=0.2), failed=lambda error: None)
        prober.start()
        with gevent.Timeout(DEADLINE_S):
            while len(rows.of("health")) < 2:
                gevent.sleep(0.01)
        prober.stop()
    assert mine.probe_tally.skipped >= 5
    assert mine.probe_tally.balanced


def test_an_idle_socket_whose_peer_floods_it_is_not_waited_for_beyond_the_budget() -> None:
    flood = frame(0x1, b"noise") * 2_000

    def flooding(peer: Peer) -> None:
        peer.upgrade()
        while True:
            peer.send(flood)

    mine, rows = services()
    with ScriptedServer(flooding) as running:
        probe = IdleProbe(at(running.port), mine, plan(budget_s=0.3))
        probe.run(0.0, skipped=0)
        probe.close()
    (row,) = rows.attempts
    assert (row.outcome, row.phase, row.cause) == ("timeout", "exchange", "silent_peer")
    assert row.duration_s < 5.0, "it never read without end"
    assert row.lost_at not in ("generator", "unread", "partial")


def test_an_idle_socket_takes_no_message_beyond_the_limit() -> None:
    def endless(peer: Peer) -> None:
        peer.upgrade()
        peer.read_frame()
        peer.send(b"\x81\x7f" + (1 << 60).to_bytes(8, "big"))
        assert peer.read_until_close() == 1009

    mine, rows = services()
    with ScriptedServer(endless) as running:
        probe = IdleProbe(at(running.port), mine, plan())
        probe.run(0.0, skipped=0)
        probe.close()
    (row,) = rows.attempts
    assert (row.outcome, row.phase, row.cause, row.close_code) == ("failed", "exchange", "malformed", 1009)
