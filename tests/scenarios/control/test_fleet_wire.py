"""Strangers at a real Locust master's port, with raw ZeroMQ sockets. The master has a process: Locust patches."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.control.fleet_key import FleetKey, fleet_key

ROOT = Path(__file__).parents[3]
PATIENCE_MS = 30_000
SECRET = "a-fleet's-secret-of-this-test"
WORKER = "host_0123"
FAILURES = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL

# A master that tells each message that a listener of it sees, and whose own messages it counts; "end" ends it.
MASTER = """
import json, sys
from locust.env import Environment
import gevent, zmq
from scenarios.control import fleet_wire
from scenarios.control.fleet_key import fleet_key
fleet_wire.install(fleet_key({"SOAK_FLEET_KEY": sys.argv[1]}))
environment = Environment()
runner = environment.create_master_runner("127.0.0.1", 0)
fleet_wire.tolerate(runner)
runner.server.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)  # as the master's fleet does: who comes again is heard at once
def tell(environment, msg, **_):
    print(json.dumps([msg.node_id, msg.data["n"]]), flush=True)
    runner.send_message("told", msg.data, client_id=msg.node_id)
runner.register_message("soak_told", tell)
def ready(client_id, **_):
    print(json.dumps(["ready", client_id]), flush=True)
environment.events.worker_connect.add_listener(ready)
print(json.dumps(["port", runner.server.port]), flush=True)
runner.greenlet.join()
"""


class Master:
    """A running master, and what its listeners saw."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self._lines = process.stdout
        _, self.port = self.told()

    def told(self) -> tuple[Any, Any]:
        """The next thing that it tells; an AssertionError with its log if it has ended."""
        line = self._lines.readline()
        assert line, self.process.communicate()[1]
        first, second = json.loads(line)
        return first, second


@contextmanager
def running_master(secret: str) -> Iterator[Master]:
    process = subprocess.Popen(
        [sys.executable, "-c", MASTER, secret], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    guard = threading.Timer(PATIENCE_MS / 1000 * 3, process.kill)
    guard.start()
    try:
        yield Master(process)
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def closed() -> Iterator[Master]:
    with running_master(SECRET) as master:
        yield master


@pytest.fixture(scope="module")
def opened() -> Iterator[Master]:
    with running_master("") as master:
        yield master


@contextmanager
def client(port: int, *, key: FleetKey | None = None, name: str = WORKER) -> Iterator[zmq.Socket[bytes]]:
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    monitor = dealer.get_monitor_socket(FAILURES | zmq.EVENT_HANDSHAKE_SUCCEEDED)
    dealer.rcvtimeo = monitor.rcvtimeo = PATIENCE_MS
    dealer.setsockopt(zmq.IDENTITY, name.encode())
    if key is not None:
        public, secret = zmq.curve_keypair()
        dealer.setsockopt(zmq.CURVE_SERVERKEY, key.public)
        dealer.setsockopt(zmq.CURVE_PUBLICKEY, public)
        dealer.setsockopt(zmq.CURVE_SECRETKEY, secret)
    dealer.connect(f"tcp://127.0.0.1:{port}")
    try:
        yield dealer
    finally:
        dealer.disable_monitor()
        context.destroy(linger=0)


def packed(kind: object, data: object, name: object = WORKER) -> bytes:
    return bytes(msgpack.dumps((kind, data, name)))


def told(number: int, name: str = WORKER) -> bytes:
    return packed("soak_told", {"n": number}, name)


def is_cut(dealer: zmq.Socket[bytes]) -> bool:
    """Whether the master ended this client's first connection before a handshake was done."""
    event = int.from_bytes(dealer.get_monitor_socket().recv_multipart()[0][:2], sys.byteorder)
    return bool(event & FAILURES)


def test_who_has_the_key_is_heard_and_answered(closed: Master) -> None:
    with client(closed.port, key=fleet_key({"SOAK_FLEET_KEY": SECRET})) as worker:
        worker.send(told(1))
        assert closed.told() == (WORKER, 1)
        assert msgpack.loads(worker.recv())[:2] == ["told", {"n": 1}]


@pytest.mark.parametrize("secret", ["", "another-secret-than-the-fleet's"])
def test_no_message_of_a_stranger_reaches_a_listener_under_whatever_name_it_comes(closed: Master, secret: str) -> None:
    key = fleet_key({"SOAK_FLEET_KEY": SECRET})
    with client(closed.port, key=key) as worker:
        worker.send(told(2))
        assert closed.told() == (WORKER, 2)
        for name in (WORKER, "another_name"):
            with client(closed.port, key=fleet_key({"SOAK_FLEET_KEY": secret}), name=name) as stranger:
                stranger.send(packed("client_ready", "2.47.0", name))
                stranger.send(packed("quit", None, name))
                stranger.send(told(666, name))
                assert is_cut(stranger)
        worker.send(told(3))
        assert closed.told() == (WORKER, 3)


def test_what_was_recorded_on_one_connection_means_nothing_on_another(closed: Master) -> None:
    key = fleet_key({"SOAK_FLEET_KEY": SECRET})
    with recorder(closed.port) as (port, recorded), client(port, key=key) as worker:
        worker.send(told(4))
        assert closed.told() == (WORKER, 4)
        worker.recv()
    with socket.create_connection(("127.0.0.1", closed.port), PATIENCE_MS / 1000) as replay:
        replay.sendall(bytes(recorded))
        answer = b"".join(iter(lambda: received(replay), b""))  # until the master ends it
    assert b"READY" not in answer
    with client(closed.port, key=key) as worker:
        worker.send(told(5))
        assert closed.told() == (WORKER, 5), "and not 4 again"


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


@contextmanager
def recorder(port: int) -> Iterator[tuple[int, bytearray]]:
    """A way to the master, by port, that keeps what a client says."""
    recorded = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def pass_on() -> None:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))

            def back() -> None:
                with suppress(OSError):  # the client has left
                    while data := received(far):
                        near.sendall(data)

            threading.Thread(target=back, daemon=True).start()
            with near, far:
                while data := received(near):
                    recorded.extend(data)
                    far.sendall(data)
                far.shutdown(socket.SHUT_RDWR)  # closing alone would not: the other thread still reads

        threading.Thread(target=pass_on, daemon=True).start()
        yield listening.getsockname()[1], recorded


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
kinds = st.sampled_from(
    [
        *("client_ready", "client_stopped", "exception", "heartbeat", "logs", "quit", "spawning", "spawning_complete"),
        *("stats", "locustfile", "soak_told", "no such kind", "\x1b[2J"),
    ]
)
fields = st.fixed_dictionaries(
    {},
    optional={
        name: junk
        for name in (
            *("state", "current_cpu_usage", "stats", "stats_total", "errors", "user_classes_count", "user_count"),
            *("version", "msg", "traceback", "worker_id", "logs", "n"),
        )
    },
)
frames = st.one_of(
    st.lists(st.binary(max_size=30), min_size=1, max_size=3),
    st.tuples(kinds | junk, fields | junk, st.just(WORKER) | junk).map(lambda parts: [packed(*parts)]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(frames, max_size=20))
def test_no_message_whatever_ends_the_masters_listener(opened: Master, sent: list[list[bytes]]) -> None:
    with client(opened.port) as worker:
        for message in sent:
            worker.send_multipart(message)
        worker.send(told(7))
        while (seen := opened.told()) != (WORKER, 7):
            assert seen[0] in ("ready", WORKER)


def test_a_sender_cannot_speak_in_anothers_name(opened: Master) -> None:
    with client(opened.port, name="another") as stranger:
        stranger.send(told(8, WORKER))
        stranger.send(told(9, "another"))
        assert opened.told() == ("another", 9)


def test_a_name_that_a_terminal_would_obey_is_no_workers(opened: Master) -> None:
    with client(opened.port, name="\x1b]0;owned\x07") as stranger, client(opened.port) as worker:
        stranger.send(packed("client_ready", "2.47.0", "\x1b]0;owned\x07"))
        stranger.send(told(10, "\x1b]0;owned\x07"))
        worker.send(told(11))
        assert opened.told() == (WORKER, 11)


CANARY = """
import inspect
from locust import runners
from locust.rpc import zmqrpc
# What `fleet_wire` does in their place.
assert inspect.getsource(runners).count("rpc.Server(") == 2 and inspect.getsource(runners).count("rpc.Client(") == 2
assert runners.rpc is zmqrpc
assert "BaseSocket.__init__(self, zmq.ROUTER, self.ipv4_only(host, port))" in inspect.getsource(zmqrpc.Server)
assert "BaseSocket.__init__(self, zmq.DEALER, self.ipv4_only(host, port))" in inspect.getsource(zmqrpc.Client)
assert "client_id, msg = self.server.recv_from_client()" in inspect.getsource(runners.MasterRunner.client_listener)
known = set(inspect.getsource(runners.MasterRunner.handle_message).split('case "')[1:])
from scenarios.control.fleet_wire import _FITS
assert {case.split('"')[0] for case in known} == set(_FITS), known
"""


def test_locust_is_still_what_the_guard_knows_of_it() -> None:
    ran = subprocess.run([sys.executable, "-c", CANARY], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


def test_no_other_module_makes_a_socket_of_locusts_own() -> None:
    users = [path for path in (ROOT / "scenarios").rglob("*.py") if "zmqrpc" in path.read_text(encoding="utf-8")]
    assert users == [ROOT / "scenarios" / "control" / "fleet_wire.py"]
