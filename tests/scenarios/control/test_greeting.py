from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import zmq

from scenarios.control.fleet_key import VARIABLE, fleet_key
from scenarios.control.greeting import mechanism_of, refusal

HOST = "127.0.0.1"


@contextmanager
def master(secret: str) -> Iterator[int]:
    key = fleet_key({VARIABLE: secret})
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    if key is not None:
        router.setsockopt(zmq.CURVE_SERVER, 1)
        router.setsockopt(zmq.CURVE_SECRETKEY, key.secret)
    try:
        yield router.bind_to_random_port(f"tcp://{HOST}")
    finally:
        context.destroy(linger=0)


@contextmanager
def other(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port at which something answers once, and ends the connection."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            with server.accept()[0] as line:
                answer(line)

        serving = threading.Thread(target=serve)
        serving.start()
        yield server.getsockname()[1]
        serving.join()


@pytest.mark.parametrize(("secret", "mechanism"), [("", "NULL"), ("a-secret-of-this-test", "CURVE")])
def test_a_master_names_how_it_proves_who_it_is(secret: str, mechanism: str) -> None:
    with master(secret) as port:
        assert mechanism_of(HOST, port) == mechanism


@pytest.mark.parametrize(
    "answer",
    [
        lambda line: None,  # a forwarder whose master is not there
        lambda line: line.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        lambda line: line.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\n" + bytes(100)),
        lambda line: line.sendall(b"\xff" + bytes(8) + b"\x7f\x03"),
    ],
)
def test_what_speaks_no_zeromq_names_nothing(answer: Callable[[socket.socket], object]) -> None:
    with other(answer) as port:
        assert mechanism_of(HOST, port) is None


def test_where_nobody_listens_nothing_is_named() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        assert mechanism_of(HOST, taken.getsockname()[1]) is None


@pytest.mark.parametrize(
    ("mechanism", "has_key", "sentence"),
    [
        (
            "CURVE",
            False,
            f"The master at m:5557 asks for {VARIABLE}, and this worker has none: give both the same secret.",
        ),
        (
            "CURVE",
            True,
            f"The master at m:5557 asks for {VARIABLE}, and its key is another: give both the same secret.",
        ),
        ("NULL", True, f"This worker has {VARIABLE}, and the master at m:5557 has none: give it the same."),
        ("NULL", False, None),
    ],
)
def test_a_worker_is_refused_for_what_its_master_has(mechanism: str, has_key: bool, sentence: str | None) -> None:
    assert refusal("m:5557", mechanism, has_key=has_key) == sentence
