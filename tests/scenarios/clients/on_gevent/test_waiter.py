"""One timer a connection: waits end when they should, and nothing reaches a greenlet that no longer waits."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import gevent
import pytest

from scenarios.clients.on_gevent.waiter import READ, Patience

FAR_S = 60.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_a_socket_that_is_ready_ends_the_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    patience = Patience()
    watcher = patience.watcher(pair[0].fileno(), READ)
    gevent.spawn(pair[1].send, b"x")
    assert patience.wait(watcher, time.perf_counter() + FAR_S)
    watcher.close()
    patience.close()


def test_the_first_of_several_sockets_ends_the_wait_and_the_others_are_not_heard_of(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    patience = Patience()
    watchers = [patience.watcher(end.fileno(), READ) for end in pair]
    for end in pair:  # both are ready in the same turn of the loop
        end.send(b"x")
    assert patience.wait_for_any(watchers, time.perf_counter() + FAR_S)
    for end in pair:
        end.recv(1)
    assert not patience.wait(watchers[0], time.perf_counter() + 0.05)
    assert not patience.wait_for_any(watchers, time.perf_counter() + 0.05)
    patience.wake()
    assert not patience.wait_for_any(watchers, time.perf_counter() + FAR_S)
    for watcher in watchers:
        watcher.close()
    patience.close()


def test_the_moment_ends_the_wait_and_not_earlier(pair: tuple[socket.socket, socket.socket]) -> None:
    patience = Patience()
    watcher = patience.watcher(pair[0].fileno(), READ)
    patience_until = time.perf_counter() + 0.05
    assert not patience.wait(watcher, patience_until)
    assert time.perf_counter() >= patience_until
    watcher.close()
    patience.close()


def test_a_timer_that_was_armed_for_an_earlier_wait_does_not_end_a_later_one(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    patience = Patience()
    watcher = patience.watcher(pair[0].fileno(), READ)
    soon = time.perf_counter() + 0.05
    pair[1].send(b"x")
    assert patience.wait(watcher, soon)
    pair[0].recv(1)
    gevent.spawn_later(0.2, pair[1].send, b"y")
    assert patience.wait(watcher, time.perf_counter() + FAR_S)
    assert time.perf_counter() > soon
    watcher.close()
    patience.close()


def test_a_wake_up_ends_this_wait_or_the_next_one(pair: tuple[socket.socket, socket.socket]) -> None:
    patience = Patience()
    watcher = patience.watcher(pair[0].fileno(), READ)
    gevent.spawn(patience.wake)
    assert not patience.wait(watcher, time.perf_counter() + FAR_S)
    patience.wake()
    patience.wake()
    assert not patience.wait(watcher, time.perf_counter() + FAR_S)
    pair[1].send(b"x")
    assert patience.wait(watcher, time.perf_counter() + FAR_S)
    watcher.close()
    patience.close()


def test_another_greenlet_can_be_waited_for() -> None:
    patience = Patience()
    assert patience.wait_for(gevent.spawn(gevent.sleep, 0.01), time.perf_counter() + FAR_S)
    endless = gevent.spawn(gevent.sleep, FAR_S)
    assert not patience.wait_for(endless, time.perf_counter() + 0.02)
    endless.kill()
    patience.close()
