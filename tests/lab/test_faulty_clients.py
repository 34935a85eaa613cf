"""The faults that are planted in clients, each on a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import perf_counter

import pytest

from scenarios.clients.on_asyncio import library
from scenarios.clients.on_gevent import stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import Kind
from tests.lab import faulty_clients


@pytest.fixture(autouse=True)
def own_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drivers are whole again after each test."""
    for name in ("read", "read_now"):
        monkeypatch.setattr(stream.Stream, name, getattr(stream.Stream, name))
    made = library.SeenConnection.connection_made
    monkeypatch.setattr(library.SeenConnection, "connection_made", made)


def test_one_message_now_and_then_takes_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(faulty_clients, "_sleep", slept.append)
    monkeypatch.setattr(faulty_clients, "LOOP_WELL_S", -1.0)
    protocol = faulty_clients.Blocking()
    reply = protocol.request("ping", number=1).payload
    monkeypatch.setattr(faulty_clients, "LOOP_WELL_S", 60.0)
    assert [protocol.read(reply).kind for _ in range(2)] == [Kind.REPLY, Kind.REPLY]
    assert slept == [faulty_clients.FAULT_S]
    assert protocol.read(reply) == Echo().read(reply)


@pytest.fixture
def streams() -> Iterator[tuple[list[stream.Stream], list[socket.socket]]]:
    patience = Patience()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialled, peers = [], []
        for _ in range(faulty_clients.ONE_IN + 1):
            one = stream.Stream(patience)
            assert one.connect((int(socket.AF_INET), listener.getsockname()), perf_counter() + 30.0)
            peers.append(listener.accept()[0])
            dialled.append(one)
        yield dialled, peers
        for one in dialled:
            one.close()
        for peer in peers:
            peer.close()
    patience.close()


def test_some_streams_are_left_unread_for_a_while(
    streams: tuple[list[stream.Stream], list[socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faulty_clients, "WELL_S", 0.0)
    monkeypatch.setattr(faulty_clients, "FAULT_S", 3600.0)
    faulty_clients.Deaf()
    dialled, peers = streams
    for peer in peers:
        peer.sendall(b"x")
    found = [one.read(perf_counter() + 0.2) for one in dialled]
    assert found == [None, *[b"x"] * (faulty_clients.ONE_IN - 1), None]
    assert dialled[0].read_now() is None
