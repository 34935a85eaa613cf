"""What this end says of a connection that goes through the relay."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from scenarios.clients.own_end import OwnEnd
from scenarios.evidence.endpoint import Snapshot
from scenarios.evidence.sample import NOT_ASKED, TcpSample

TOLD = TcpSample(is_connecting=False, unacknowledged=0, min_rtt_s=0.041)
TOWARDS = (int(socket.AF_INET), ("192.0.2.1", 443))


class Path(NamedTuple):
    """A connection to the relay, and its end there."""

    sock: socket.socket
    at_relay: socket.socket


@pytest.fixture
def path() -> Iterator[Path]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as sock,
        listener.accept()[0] as at_relay,
    ):
        yield Path(sock, at_relay)


def relayed(sock: socket.socket) -> OwnEnd:
    end = OwnEnd(is_direct=False)
    end.dials(sock, TOWARDS)
    return end


def test_behind_the_relay_it_says_what_it_was_told_until_it_is_told_anew(path: Path) -> None:
    end = relayed(path.sock)
    assert end.snapshot() == Snapshot(NOT_ASKED)
    end.told(TOLD)
    assert end.snapshot() == end.snapshot() == Snapshot(TOLD)
    end.told(None)
    assert end.snapshot() == Snapshot(NOT_ASKED)
    assert end.mark() is None


def test_what_waits_for_the_relay_is_the_arms_delay_and_no_loss_of_this_process(path: Path) -> None:
    end = relayed(path.sock)
    end.writes_with(lambda: 7)
    assert end.snapshot().waiting_bytes is None


def test_behind_the_relay_the_port_is_nobodys_and_the_address_the_targets(path: Path) -> None:
    direct = OwnEnd(is_direct=True)
    direct.dials(path.sock, TOWARDS)
    assert direct.ends().local_port == path.sock.getsockname()[1]
    assert relayed(path.sock).ends() == direct.ends()._replace(local_port=None)


def test_a_connection_stays_open_while_the_relay_is_asked_though_its_library_frees_it(path: Path) -> None:
    port = path.sock.getsockname()[1]
    path.at_relay.setblocking(False)
    with relayed(path.sock).kept_open() as found:
        assert found == port
        path.sock.close()
        with pytest.raises(BlockingIOError):
            path.at_relay.recv(1)
    path.at_relay.settimeout(30.0)
    assert path.at_relay.recv(1) == b""


def test_a_socket_that_is_gone_or_never_was_has_no_port(path: Path) -> None:
    end = relayed(path.sock)
    path.sock.close()
    with end.kept_open() as port:
        assert port is None
    with OwnEnd(is_direct=False).kept_open() as port:
        assert port is None
