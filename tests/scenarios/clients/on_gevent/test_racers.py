"""Sockets that are being connected at the same time: the first outcome is told, and nothing is left open."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator

import gevent
import pytest

from scenarios.addresses import Address
from scenarios.clients.on_gevent.racers import Racers
from scenarios.clients.on_gevent.waiter import Patience
from tests.scenarios.clients.test_dialling import closed_port, silent_port

FAR_S = 30.0


@pytest.fixture
def racers() -> Iterator[Racers]:
    patience = Patience()
    made = Racers(patience)
    yield made
    made.close()
    patience.close()


def at(port: int) -> Address:
    return int(socket.AF_INET), ("127.0.0.1", port)


def soon() -> float:
    return time.perf_counter() + FAR_S


def test_the_one_that_is_connected_wins_and_the_silent_one_is_freed(racers: Racers) -> None:
    with silent_port() as nobody, socket.create_server(("127.0.0.1", 0)) as listener:
        silent = racers.start(at(nobody))
        here = at(listener.getsockname()[1])
        racers.start(here)
        assert racers.first(soon()) == here
        with racers.winner(here) as sock:
            assert sock.getpeername() == listener.getsockname()
        assert racers.addresses == ()
        assert silent.fileno() == -1


def test_one_that_has_failed_is_told_and_the_others_go_on(racers: Racers) -> None:
    with silent_port() as nobody:
        gone = at(closed_port())
        racers.start(at(nobody))
        racers.start(gone)
        assert racers.first(soon()) == gone
        with pytest.raises(ConnectionRefusedError) as refusal:
            racers.winner(gone)
        assert refusal.value.errno == errno.ECONNREFUSED
        assert list(racers.addresses) == [at(nobody), gone]
        racers.drop(gone)
        assert list(racers.addresses) == [at(nobody)]


def test_a_failure_that_was_seen_in_passing_is_not_forgotten(racers: Racers) -> None:
    gone = at(closed_port())
    racers.start(gone)
    with gevent.Timeout(FAR_S):
        while not racers.has_outcome():
            gevent.sleep(0.001)
    assert racers.has_outcome()  # asking takes the error out of the kernel
    assert racers.first(soon()) == gone
    with pytest.raises(ConnectionRefusedError):
        racers.winner(gone)


def test_of_a_failure_and_a_connection_at_once_the_connection_is_told(racers: Racers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone, here = at(closed_port()), at(listener.getsockname()[1])
        racers.start(gone)
        racers.start(here)
        with gevent.Timeout(FAR_S):
            while not racers.has_outcome():
                gevent.sleep(0.001)
        gevent.sleep(0.02)  # both are there by now, in whatever order they came
        assert racers.first(soon()) == here


def test_a_wait_for_silence_ends_at_its_moment(racers: Racers) -> None:
    with silent_port() as nobody:
        racers.start(at(nobody))
        until = time.perf_counter() + 0.05
        assert racers.first(until) is None
        assert time.perf_counter() >= until
        assert not racers.has_outcome()


def test_what_fails_at_once_is_not_among_them(racers: Racers) -> None:
    with pytest.raises(OSError):
        racers.start((int(socket.AF_INET), ("255.255.255.255", 9)))
    assert racers.addresses == ()


def test_all_are_freed_at_the_end(racers: Racers) -> None:
    with silent_port() as nobody:
        sock = racers.start(at(nobody))
        assert racers.socket_to(at(nobody)) is sock
        racers.close()
        assert sock.fileno() == -1
