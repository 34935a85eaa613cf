"""What this end says of a connection: cheaply for every exchange, and what it was told behind the relay."""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from scenarios.clients.own_end import MARKED_EVERY, OwnEnd
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


def test_the_relay_may_say_that_another_address_answered(path: Path) -> None:
    end = relayed(path.sock)
    before = end.ends()
    end.leads((int(socket.AF_INET), ("192.0.2.2", 443)))
    assert end.ends().peer_address not in (None, before.peer_address)
    after = end.ends()
    end.leads(None)
    assert end.ends() == after


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


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux' kernel")


@on_linux
def test_a_few_exchanges_share_one_answer_of_the_kernels(path: Path) -> None:
    end = OwnEnd(is_direct=True)
    end.dials(path.sock, TOWARDS)
    marks = [end.mark() for _ in range(2 * MARKED_EVERY + 1)]
    assert all(marks)
    assert [mark.is_own for mark in marks if mark] == [n % MARKED_EVERY == 0 for n in range(2 * MARKED_EVERY + 1)]
    raws = [mark.raw for mark in marks if mark]
    assert all(raw is raws[n - n % MARKED_EVERY] for n, raw in enumerate(raws))


@on_linux
def test_a_line_that_loses_is_asked_each_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = itertools.count()
    end = OwnEnd(is_direct=True)
    end.dials(path.sock, TOWARDS)
    kernel = end._kernel
    assert kernel is not None
    monkeypatch.setattr(kernel, "retransmits", lambda raw: next(lost))
    marks = [end.mark() for _ in range(MARKED_EVERY + 4)]
    assert [mark.is_own for mark in marks if mark][MARKED_EVERY:] == [True] * 4


@on_linux
def test_a_loss_is_remembered_until_a_byte_comes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end = OwnEnd(is_direct=True)
    end.dials(path.sock, TOWARDS)
    kernel = end._kernel
    assert kernel is not None
    read, retransmits = kernel.read, 0
    monkeypatch.setattr(kernel, "read", lambda mark: read(mark)._replace(retransmits=retransmits))
    monkeypatch.setattr(kernel, "retransmits", lambda mark: retransmits)
    end.mark()
    assert not end.snapshot().is_unheard_since_loss
    retransmits = 2
    for _ in range(MARKED_EVERY):
        end.mark()
    assert end.snapshot().is_unheard_since_loss
    path.at_relay.sendall(b"x")
    assert path.sock.recv(1, socket.MSG_PEEK) == b"x"
    assert not end.snapshot().is_unheard_since_loss


def test_behind_the_relay_a_loss_is_remembered_as_it_was_told(path: Path) -> None:
    end = relayed(path.sock)
    end.told(TOLD._replace(retransmits=1, received_bytes=9))
    assert end.snapshot().is_unheard_since_loss
    end.told(TOLD._replace(retransmits=1, received_bytes=10))
    assert not end.snapshot().is_unheard_since_loss


@on_linux
def test_the_next_socket_shares_nothing_with_the_one_before(path: Path) -> None:
    end = OwnEnd(is_direct=True)
    end.dials(path.sock, TOWARDS)
    first = end.mark()
    end.took(9)
    end.dials(path.at_relay, TOWARDS)
    second = end.mark()
    assert first is not None and second is not None
    assert second.is_own
    assert end.taken_bytes == 0


def test_bytes_that_tls_hides_are_not_counted() -> None:
    end = OwnEnd(is_direct=True)
    end.took(3)
    assert end.taken_bytes == 3
    end.taken_bytes = None
    end.took(4)
    assert end.taken_bytes is None
