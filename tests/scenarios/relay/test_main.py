"""The relay as a process of its own, over real sockets: what passes, when, and how it ends."""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scenarios.addresses import ATTEMPT_DELAY_S
from scenarios.authority import authority_of
from scenarios.errors import ConfigError
from scenarios.relay.__main__ import main, parse
from scenarios.relay.protocol import RelayError, RelayReply, connect_request, read_reply
from tests.scenarios.kit.certificates import make_certificate
from tests.scenarios.kit.running_relay import DEADLINE_S, RunningRelay, relay
from tests.scenarios.kit.sockets import full_backlog

# Less than the clocks' and epoll's steps: a delay may not come out shorter than this.
STEP_S = 0.002

Handler = Callable[[socket.socket], None]


@contextmanager
def target(handler: Handler) -> Iterator[tuple[str, int]]:
    """A server whose every connection is given to `handler`."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def handle(sock: socket.socket) -> None:
        sock.settimeout(DEADLINE_S)
        with sock:
            handler(sock)

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=handle, args=(sock,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield listener.getsockname()
    finally:
        # Linux wakes the acceptor by the shutdown, Windows refuses it and wakes it by the close.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def echo(sock: socket.socket) -> None:
    while data := sock.recv(65_536):
        sock.sendall(data)


def received_all(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        assert more
        data += more
    return data


def test_bytes_pass_unchanged_in_both_directions() -> None:
    sent = bytes(range(256)) * 20_000  # 5 MB: more than a flow holds, so the sender is slowed and let go again
    with target(echo) as address, relay() as running:
        sock, reply = running.ask(*address, delay_s=0.02)
        assert reply.errno is None
        with sock:
            writer = threading.Thread(target=sock.sendall, args=(sent,))
            writer.start()
            assert received_all(sock, len(sent)) == sent
            writer.join()


@pytest.mark.parametrize("delay_s", [0.08, 0.3])
def test_a_round_trip_takes_the_arms_delay_more(delay_s: float) -> None:
    with target(echo) as address, relay() as running:
        asked_at = time.perf_counter()
        sock, reply = running.ask(*address, delay_s=delay_s)
        handshake_s = time.perf_counter() - asked_at
        with sock:
            assert reply.rtt_s is not None
            assert delay_s <= reply.rtt_s <= handshake_s + STEP_S
            assert handshake_s >= delay_s - STEP_S
            for _ in range(3):
                sent_at = time.perf_counter()
                sock.sendall(b"ping")
                assert received_all(sock, 4) == b"ping"
                assert time.perf_counter() - sent_at >= delay_s - STEP_S


def test_each_connection_has_its_own_arm_on_one_port() -> None:
    with target(echo) as address, relay() as running:
        slow, slow_reply = running.ask(*address, delay_s=0.5)
        fast, fast_reply = running.ask(*address, delay_s=0.0)
        with slow, fast:
            assert slow_reply.rtt_s is not None and fast_reply.rtt_s is not None
            assert fast_reply.rtt_s < 0.5 <= slow_reply.rtt_s
            slow.sendall(b"slow")
            fast.sendall(b"fast")
            assert received_all(fast, 4) == b"fast"
            slow.setblocking(False)
            with pytest.raises(BlockingIOError):
                slow.recv(4)
            slow.settimeout(DEADLINE_S)
            assert received_all(slow, 4) == b"slow"


def test_what_is_sent_with_the_request_reaches_the_target() -> None:
    with (
        target(echo) as address,
        relay() as running,
        socket.create_connection(running.address, timeout=DEADLINE_S) as sock,
    ):
        sock.sendall(connect_request(*address, delay_s=0.05, seed=0) + b"early")
        received = b""
        while not received.endswith(b"early"):
            data = sock.recv(4096)
            assert data
            received += data
        assert read_reply(received) is not None


def test_a_server_that_speaks_first_is_heard() -> None:
    with target(lambda sock: sock.sendall(b"220 hello")) as address, relay() as running:
        sock, reply = running.ask(*address, delay_s=0.05)
        with sock:
            assert reply.rest + received_all(sock, 9 - len(reply.rest)) == b"220 hello"


def test_a_refusal_of_the_target_is_told_with_its_errno_after_the_delay() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with relay() as running:
        asked_at = time.perf_counter()
        sock, reply = running.ask(*address, delay_s=0.1)
        with sock:
            assert time.perf_counter() - asked_at >= 0.1 - STEP_S
            assert reply.errno == errno.ECONNREFUSED
            assert sock.recv(1) == b""
        assert running.report()["failed"] == 1


def test_half_close_passes_and_the_other_half_stays_open() -> None:
    def answer_after_the_end(sock: socket.socket) -> None:
        question = b""
        while data := sock.recv(4096):
            question += data
        sock.sendall(question[::-1])

    with target(answer_after_the_end) as address, relay() as running:
        sock, _ = running.ask(*address, delay_s=0.04)
        with sock:
            sock.sendall(b"desserts")
            sock.shutdown(socket.SHUT_WR)
            assert received_all(sock, 8) == b"stressed"
            assert sock.recv(1) == b""


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0))
    sock.close()


def can_reset() -> bool:
    """Whether a plain socket here can make its peer see RST."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as peer,
    ):
        reset(listener.accept()[0])
        try:
            return bool(peer.recv(1))
        except ConnectionResetError:
            return True


needs_reset = pytest.mark.skipif(not can_reset(), reason="Wine sends no RST, whatever SO_LINGER says")


@needs_reset
def test_a_reset_by_the_target_is_a_reset_at_the_client() -> None:
    def read_and_reset(sock: socket.socket) -> None:
        sock.recv(1)
        reset(sock)

    with target(read_and_reset) as address, relay() as running:
        sock, _ = running.ask(*address, delay_s=0.04)
        with sock:
            sock.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                sock.recv(1)


@needs_reset
def test_a_reset_by_the_client_is_a_reset_at_the_target() -> None:
    ends: list[object] = []
    done = threading.Event()

    def note_end(sock: socket.socket) -> None:
        try:
            ends.append(sock.recv(1))
            ends.append(sock.recv(1))
        except OSError as error:
            ends.append(type(error))
        done.set()

    with target(note_end) as address, relay() as running:
        sock, _ = running.ask(*address, delay_s=0.04)
        sock.sendall(b"x")
        deadline = time.monotonic() + DEADLINE_S
        while not ends and time.monotonic() < deadline:
            time.sleep(0.01)
        reset(sock)
        assert done.wait(DEADLINE_S)
    assert ends == [b"x", ConnectionResetError]


def test_both_ends_close_and_nothing_is_left_open() -> None:
    with target(echo) as address, relay() as running:
        for _ in range(20):
            sock, _ = running.ask(*address)
            sock.close()
        deadline = time.monotonic() + DEADLINE_S
        while running.report()["open"] and time.monotonic() < deadline:
            time.sleep(0.01)
        report = running.report()
        assert (report["connections"], report["open"], report["failed"]) == (20, 0, 0)


def test_a_client_that_gives_up_while_the_target_is_dialled_leaves_nothing_behind() -> None:
    with target(echo) as address, relay() as running:
        for _ in range(10):
            with socket.create_connection(running.address, timeout=DEADLINE_S) as sock:
                sock.sendall(connect_request(*address, delay_s=5.0, seed=0))
        deadline = time.monotonic() + DEADLINE_S
        while (running.report()["connections"] < 10 or running.report()["open"]) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert running.report()["open"] == 0


def test_tls_passes_with_the_targets_name(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make_certificate(key, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def tls_echo(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.sendall(secure.recv(100))

    with target(tls_echo) as address, relay() as running:
        sock, _ = running.ask(*address, delay_s=0.03)
        trust = ssl.create_default_context(cafile=certificate)
        with trust.wrap_socket(sock, server_hostname="soak.test") as secure:
            secure.sendall(b"secret")
            assert secure.recv(100) == b"secret"


def test_a_relay_with_a_target_leads_nowhere_else() -> None:
    with target(echo) as address, target(echo) as other, relay("--target", f"localhost:{address[1]}") as running:
        sock, reply = running.ask(*address)  # by an address of the name
        sock.close()
        assert reply.errno is None
        with pytest.raises(RelayError, match="leads to localhost:.* only"):
            running.ask(*other)


def asked_for(
    running: RunningRelay, *addresses: tuple[str, int], delay_s: float = 0.0, name: str = "soak.test"
) -> RelayReply:
    """The answer to a client that knows the target's addresses."""
    _, port = addresses[0]
    written = [authority_of(*address) for address in addresses]
    with socket.create_connection(running.address, timeout=DEADLINE_S) as sock:
        sock.sendall(connect_request(name, port, delay_s=delay_s, seed=0, addresses=written))
        received = b""
        while (reply := read_reply(received)) is None:
            data = sock.recv(4096)
            assert data
            received += data
    return reply


def test_the_addresses_that_the_client_knows_are_tried_in_its_order() -> None:
    with target(echo) as here, relay("--target", f"localhost:{here[1]}") as running:
        # The name is allowed; where it leads by now, the client knows better than the relay.
        reply = asked_for(running, ("127.0.0.1", here[1]), name="localhost")
        assert (reply.errno, reply.address) == (None, f"127.0.0.1:{here[1]}")


def test_a_silent_address_is_not_waited_for_alone_and_the_answer_says_which_it_was() -> None:
    with target(echo) as here, full_backlog() as nobody, relay() as running:
        reply = asked_for(running, nobody, here, delay_s=0.05)
    assert reply.errno is None and reply.address == authority_of(*here)
    assert reply.rtt_s is not None and reply.tcp_s is not None
    assert 0.05 <= reply.rtt_s < ATTEMPT_DELAY_S
    assert ATTEMPT_DELAY_S + reply.rtt_s - STEP_S <= reply.tcp_s


def test_a_slow_line_makes_the_second_address_join_in_and_the_first_still_wins() -> None:
    with target(echo) as first, target(echo) as second, relay() as running:
        reply = asked_for(running, first, second, delay_s=0.4)
    assert reply.address == authority_of(*first)
    assert reply.rtt_s is not None and reply.tcp_s is not None
    assert 0.4 <= reply.rtt_s <= reply.tcp_s < 0.4 + ATTEMPT_DELAY_S


def test_an_address_that_refuses_is_followed_by_the_next_when_the_refusal_would_be_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        refusing = gone.getsockname()
    with target(echo) as here, relay() as running:
        reply = asked_for(running, refusing, here, delay_s=0.1)
    assert reply.address == authority_of(*here)
    assert reply.tcp_s is not None and reply.tcp_s >= 0.2 - 2 * STEP_S


def test_what_is_no_address_is_refused() -> None:
    with relay() as running, socket.create_connection(running.address, timeout=DEADLINE_S) as sock:
        sock.sendall(connect_request("soak.test", 80, delay_s=0.0, seed=0, addresses=["127.0.0.1"]))
        received = b""
        while data := sock.recv(4096):
            received += data
        with pytest.raises(RelayError, match="host:port only"):
            read_reply(received)


def test_a_name_that_nobody_knows_is_told_with_the_resolvers_number() -> None:
    with relay() as running:
        sock, reply = running.ask("no-such-host.invalid", 80)
        sock.close()
    assert reply.errno == socket.EAI_NONAME


def test_when_all_refuse_the_last_one_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        addresses = one.getsockname(), other.getsockname()
    with relay() as running:
        reply = asked_for(running, *addresses)
    assert (reply.errno, reply.address) == (errno.ECONNREFUSED, authority_of(*addresses[1]))


def read_to_the_end(sock: socket.socket) -> None:
    while sock.recv(4096):
        pass


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="these are the answers of Linux' kernel")


@needs_linux
def test_it_tells_what_its_kernel_says_of_a_way_with_the_arms_delay() -> None:
    with target(echo) as address, relay() as running:
        sock, _ = running.ask(*address, delay_s=0.04)
        with sock:
            sock.sendall(b"12345")
            received_all(sock, 5)
            way = running.way_of(sock.getsockname()[1])
    assert way is not None
    assert (way.is_connecting, way.unacknowledged, way.retransmits) == (False, 0, 0)
    assert (way.acknowledged_bytes, way.received_bytes, way.queued_bytes) == (5, 5, None)
    assert way.min_rtt_s is not None and 0.04 < way.min_rtt_s < 0.08


@needs_linux
def test_what_it_holds_itself_proves_no_acknowledgement_until_it_has_given_it_on() -> None:
    with target(read_to_the_end) as address, relay() as running:
        sock, _ = running.ask(*address, delay_s=1.0)
        with sock:
            port = sock.getsockname()[1]
            sock.sendall(b"x")
            until(lambda: (way := running.way_of(port)) is not None and way.unacknowledged is None)
            until(lambda: (way := running.way_of(port)) is not None and way.acknowledged_bytes == 1)
            until(lambda: (way := running.way_of(port)) is not None and way.unacknowledged == 0)


@needs_linux
def test_it_tells_of_a_syn_that_is_not_answered() -> None:
    with full_backlog() as address, relay() as running:
        with socket.create_connection(running.address, timeout=DEADLINE_S) as sock:
            sock.sendall(connect_request(*address, delay_s=0.04, seed=0))
            port = sock.getsockname()[1]
            until(lambda: running.way_of(port) is not None)
            way = running.way_of(port)
            assert way is not None
            assert (way.is_connecting, way.unacknowledged) == (True, 1)
        until(lambda: running.way_of(port) is None)


def test_of_a_connection_that_it_does_not_have_it_tells_nothing() -> None:
    with target(echo) as address, relay() as running:
        assert running.way_of(1) is None
        sock, _ = running.ask(*address)
        port = sock.getsockname()[1]
        sock.close()
        until(lambda: running.way_of(port) is None)


def test_it_reports_its_error_and_says_it_last() -> None:
    with target(echo) as address, relay("--promise-ms", "10000") as running:
        sock, _ = running.ask(*address, delay_s=0.01)
        with sock:
            for _ in range(100):
                sock.sendall(b"ping")
                received_all(sock, 4)
        live = running.report()
        assert live["chunks"] >= 200 and live["is_kept"] is True
        status, last, _ = running.end()
    assert status == 0
    assert last["event"] == "report" and last["chunks"] >= live["chunks"]
    assert 0.0 <= last["error_p50_s"] <= last["error_p99_s"] <= last["error_max_s"]


def test_a_broken_promise_is_a_sentence_and_makes_the_run_void() -> None:
    # No machine gives chunks on within a microsecond of when they are due.
    with target(echo) as address, relay("--promise-ms", "0.000001") as running:
        sock, _ = running.ask(*address, delay_s=0.01)
        with sock:
            for _ in range(60):
                sock.sendall(b"ping")
                received_all(sock, 4)
        status, last, errors = running.end()
    assert status == 3
    assert last["is_kept"] is False
    assert "above its promise" in errors and len(errors.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM that a process can answer")
def test_sigterm_ends_it_cleanly() -> None:
    with target(echo) as address, relay() as running:
        sock, _ = running.ask(*address, delay_s=0.05)
        with sock:
            running.process.send_signal(signal.SIGTERM)
            out, errors = running.process.communicate(timeout=DEADLINE_S)
            assert running.process.returncode == 0, errors
            assert json.loads(out.splitlines()[-1])["event"] == "report"
            assert errors == ""


def test_it_loads_neither_gevent_nor_locust() -> None:
    program = "import sys, scenarios.relay.__main__; print(sorted({'gevent', 'locust', 'numpy'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--target", "nowhere"], "--target is 'nowhere', but it must be host:port"),
        (["--target", "a:0"], "--target is 'a:0'"),
        (["--jitter-ms", "-1"], "--jitter-ms is -1, but it must be 0 or more"),
        (["--stall-ratio", "2"], "--stall-ratio is 2, but it must be from 0 to 1"),
        (["--promise-ms", "0"], "--promise-ms is 0, but it must be above 0"),
        (["--jitter-ms", "inf"], "--jitter-ms is inf"),
        (["--port", "70000"], "--port is 70000"),
        (["--port", "many"], "invalid int value: 'many'"),
        (["--bandwidth-kbit", "nan"], "--bandwidth-kbit is nan"),
    ],
)
def test_a_bad_option_is_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse(arguments)


def test_a_port_that_is_taken_is_one_sentence_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 2
    said = capsys.readouterr().err
    assert "cannot be listened on" in said and len(said.splitlines()) == 1
