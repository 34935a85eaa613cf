"""Linux' kernel, asked for real about loopback sockets and links that lose; Windows' and macOS', asked as fakes."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scenarios.evidence import macos, windows
from scenarios.evidence.kernel import MACOS, IoctlKernel, OptionKernel, kernel_of
from scenarios.evidence.sample import TcpSample
from tests.hosts import Host, hosts

PATIENCE_S = 30.0
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")


class Pair(NamedTuple):
    """Both ends of a connection."""

    client: socket.socket
    server: socket.socket


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ExitStack() as open_:
        listener = open_.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = open_.enter_context(socket.create_connection(listener.getsockname()))
        yield Pair(client, open_.enter_context(listener.accept()[0]))


def sampled(sock: Any, *, until: Callable[[TcpSample], bool]) -> TcpSample:
    """Ask again and again until the answer is as wanted."""
    kernel = kernel_of(sock)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        sample = kernel.sample()
        assert sample is not None
        if until(sample):
            return sample
        assert time.monotonic() < deadline, sample
        time.sleep(0.005)


@on_linux
def test_a_peer_that_never_reads_has_acknowledged_all_and_sent_nothing(pair: Pair) -> None:
    pair.client.sendall(bytes(500))
    sample = sampled(pair.client, until=lambda sample: sample.acknowledged_bytes == 500)
    assert (sample.unacknowledged, sample.unsent_bytes, sample.backoffs, sample.retransmits) == (0, 0, 0, 0)
    assert (sample.received_bytes, sample.queued_bytes) == (0, 0)
    assert sample.is_connecting is False


@on_linux
def test_data_that_lies_unread_was_received_and_is_in_the_queue_until_it_is_read(pair: Pair) -> None:
    pair.server.sendall(bytes(50))
    sample = sampled(pair.client, until=lambda sample: sample.received_bytes == 50)
    assert sample.queued_bytes == 50
    pair.client.recv(20)
    sample = sampled(pair.client, until=lambda sample: True)
    assert (sample.received_bytes, sample.queued_bytes) == (50, 30)


@on_linux
def test_a_peer_whose_window_is_full_leaves_bytes_unsent_that_are_its_own_fault(pair: Pair) -> None:
    pair.client.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            pair.client.send(bytes(1 << 20))
    sample = sampled(pair.client, until=lambda sample: sample.unacknowledged == 0)
    segment = pair.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    assert sample.unsent_bytes is not None and sample.unsent_bytes > 0
    assert sample.peer_window_bytes is not None and sample.peer_window_bytes < segment


@on_linux
def test_round_trips_on_loopback_are_measured_and_the_smallest_is_not_above_the_smoothed(pair: Pair) -> None:
    pair.client.sendall(b"?")
    sample = sampled(pair.client, until=lambda sample: sample.acknowledged_bytes == 1)
    assert sample.min_rtt_s is not None and sample.rtt_s is not None
    assert 0 < sample.min_rtt_s <= sample.rtt_s < 1


@on_linux
def test_a_mark_is_small_and_read_later_says_what_it_said_when_it_was_taken(pair: Pair) -> None:
    kernel = kernel_of(pair.client)
    mark = kernel.mark()
    assert mark is not None and len(mark) <= 256
    pair.server.sendall(bytes(50))
    sampled(pair.client, until=lambda sample: sample.received_bytes == 50)
    assert kernel.read(mark).received_bytes == 0
    assert (kernel.min_rtt_s(mark), kernel.retransmits(mark)) == (kernel.read(mark).min_rtt_s, 0)


@on_linux
def test_a_socket_that_was_reset_does_not_say_that_all_was_acknowledged(pair: Pair) -> None:
    pair.client.sendall(b"?")
    pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    pair.server.close()
    sampled(pair.client, until=lambda sample: sample.unacknowledged is None)


def test_a_socket_that_is_closed_or_not_one_of_tcp_is_not_known(pair: Pair) -> None:
    kernel = kernel_of(pair.client)
    pair.client.close()
    assert kernel.mark() is kernel.sample() is kernel.queued_bytes() is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert kernel_of(datagrams).mark() is None


def test_a_system_that_is_not_one_of_the_three_is_not_asked(pair: Pair) -> None:
    kernel = kernel_of(pair.client, system="freebsd14")
    assert kernel.mark() is kernel.sample() is None


@on_linux
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_event_loops_socket_is_asked_and_not_known_once_its_transport_is_closed(loop: str) -> None:
    new_loop = asyncio.new_event_loop if loop == "asyncio" else pytest.importorskip("uvloop").new_event_loop

    async def push(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(50))
        await reader.read()
        writer.close()
        await writer.wait_closed()
        is_over.set()

    async def converse() -> None:
        async with await asyncio.start_server(push, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.readexactly(50)
            kernel = kernel_of(writer.get_extra_info("socket"))
            sample = kernel.sample()
            writer.close()
            await writer.wait_closed()
            await is_over.wait()
        assert sample is not None
        assert (sample.received_bytes, sample.queued_bytes) == (50, 0)
        assert kernel.mark() is kernel.sample() is kernel.queued_bytes() is None

    is_over = asyncio.Event()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(converse())


@on_linux
def test_a_gevent_socket_is_asked_and_not_known_once_it_is_closed(pair: Pair) -> None:
    gevent_socket = pytest.importorskip("gevent.socket")
    sock = gevent_socket.socket(fileno=os.dup(pair.client.fileno()))
    kernel = kernel_of(sock)
    pair.server.sendall(bytes(50))
    assert sampled(sock, until=lambda sample: sample.received_bytes == 50).queued_bytes == 50
    sock.close()
    assert kernel.mark() is kernel.sample() is kernel.queued_bytes() is None


# What a link that loses shows. The drop is on the other machine: the sender's own kernel would notice it.


@pytest.fixture(scope="module")
def link() -> Iterator[tuple[Host, Host]]:
    if shutil.which("nft") is None:
        pytest.skip("needs nft to drop packets (Debian: apt-get install nftables)")
    with hosts(2) as (near, far):
        yield near, far


def drop_all_that_comes_to(host: Host) -> None:
    rules = "add table inet t; add chain inet t c { type filter hook input priority 0; policy drop; }"
    done = subprocess.run(host.command("nft", rules), capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no nft rules here: {done.stderr.strip()}")


def let_all_come_to(host: Host) -> None:
    subprocess.run(host.command("nft", "flush", "ruleset"), capture_output=True, check=True)


def socket_on(host: Host) -> socket.socket:
    """A socket of that host: made by a thread that has moved there, and of use to all."""

    def move_and_make() -> socket.socket:
        with Path("/run/netns", host.name).open() as namespace:
            assert ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
        return socket.socket()

    with ThreadPoolExecutor(1) as mover:
        return mover.submit(move_and_make).result()


@on_linux
def test_a_request_that_the_link_drops_is_unacknowledged_and_sent_again_and_again(link: tuple[Host, Host]) -> None:
    near, far = link
    with socket_on(far) as listener, socket_on(near) as client:
        listener.bind((far.address, 0))
        listener.listen()
        client.connect(listener.getsockname())
        drop_all_that_comes_to(far)
        try:
            client.sendall(bytes(50))
            first = sampled(client, until=lambda sample: bool(sample.unacknowledged))
            assert (first.unacknowledged, first.backoffs, first.acknowledged_bytes, first.unsent_bytes) == (1, 0, 0, 0)
            once = sampled(client, until=lambda sample: bool(sample.backoffs))
            again = sampled(client, until=lambda sample: (sample.backoffs or 0) > (once.backoffs or 0))
            assert (again.unacknowledged, again.acknowledged_bytes, again.received_bytes) == (1, 0, 0)
            assert again.retransmits is not None and again.retransmits >= (again.backoffs or 0)
        finally:
            let_all_come_to(far)
        # The link is whole again: nothing is open any more, and the count of what was sent again stays.
        healed = sampled(client, until=lambda sample: sample.unacknowledged == 0)
        assert (healed.backoffs, healed.acknowledged_bytes) == (0, 50)
        assert healed.retransmits is not None and healed.retransmits >= again.retransmits


@on_linux
def test_a_syn_without_an_answer_is_connecting_and_is_sent_again(link: tuple[Host, Host]) -> None:
    near, far = link
    drop_all_that_comes_to(far)
    try:
        with socket_on(near) as client:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.connect((far.address, 9))
            first = sampled(client, until=lambda sample: True)
            assert (first.is_connecting, first.unacknowledged, first.retransmits) == (True, 1, 0)
            again = sampled(client, until=lambda sample: bool(sample.retransmits))
            assert (again.is_connecting, again.unacknowledged, again.backoffs) == (True, 1, 1)
            assert again.rtt_s is again.min_rtt_s is again.peer_window_bytes is None
    finally:
        let_all_come_to(far)


# The other systems' calls, as they reach a library or a socket.


class FakeSocket:
    """A socket with a number, and an option that is told whatever is asked."""

    def __init__(self, number: int, told: bytes = b"") -> None:
        self.number = number
        self.told = told
        self.asked: list[tuple[int, int, int]] = []

    def fileno(self) -> int:
        return self.number

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        self.asked.append((level, optname, buflen))
        return self.told


class FakeWinsock:
    """Winsock that answers as Windows does, or refuses as one that does not know the code."""

    def __init__(self, *, answer: bytes | None, queued: int) -> None:
        self.answer = answer
        self.queued = queued
        self.asked: list[tuple[int, int, int]] = []

    def WSAIoctl(self, *arguments: Any) -> int:
        handle, code, version, version_size, out, out_size, returned, *overlapped = arguments
        self.asked.append((handle.value, code.value, _dword_at(version).value))
        assert (version_size.value, overlapped) == (4, [None, None])
        if self.answer is None:
            return -1
        assert len(self.answer) <= out_size.value
        ctypes.memmove(out, self.answer, len(self.answer))
        _dword_at(returned).value = len(self.answer)
        return 0

    def ioctlsocket(self, handle: Any, code: Any, queued: Any) -> int:
        assert code.value == windows.FIONREAD
        _dword_at(queued).value = self.queued
        return 0 if self.answer is not None else -1


def _dword_at(reference: Any) -> ctypes.c_uint32:
    return ctypes.cast(reference, ctypes.POINTER(ctypes.c_uint32)).contents


def test_windows_is_asked_for_version_0_by_the_whole_handle_and_answers_with_its_queue() -> None:
    winsock = FakeWinsock(answer=b"\4" + bytes(87), queued=7)
    kernel = IoctlKernel(FakeSocket(0x1_0000_0004), winsock=winsock, is_proactor=False)
    sample = kernel.sample()
    assert winsock.asked == [(0x1_0000_0004, windows.SIO_TCP_INFO, 0)]
    assert sample is not None
    assert (sample.is_connecting, sample.queued_bytes) == (False, 7)


def test_a_windows_that_writes_less_than_the_header_has_is_read_as_far_as_it_wrote() -> None:
    winsock = FakeWinsock(answer=b"\4" + bytes(63), queued=0)
    sample = IoctlKernel(FakeSocket(4), winsock=winsock, is_proactor=False).sample()
    assert sample is not None
    assert (sample.received_bytes, sample.retransmits) == (0, None)


def test_the_proactors_queue_which_is_always_empty_is_not_known() -> None:
    winsock = FakeWinsock(answer=b"\4" + bytes(87), queued=0)
    sample = IoctlKernel(FakeSocket(4), winsock=winsock, is_proactor=True).sample()
    assert sample is not None and sample.queued_bytes is None


def test_a_windows_that_does_not_know_the_question_or_the_socket_does_not_answer() -> None:
    refusing = IoctlKernel(FakeSocket(4), winsock=FakeWinsock(answer=None, queued=0), is_proactor=False)
    assert refusing.mark() is refusing.sample() is refusing.queued_bytes() is None
    closed = IoctlKernel(FakeSocket(-1), winsock=FakeWinsock(answer=bytes(88), queued=0), is_proactor=False)
    assert closed.mark() is closed.sample() is closed.queued_bytes() is None


def test_macos_is_asked_for_its_own_option() -> None:
    sock = FakeSocket(-1, told=b"\4" + bytes(111))
    kernel = kernel_of(sock, system="darwin")
    sample = kernel.sample()
    assert sock.asked == [(socket.IPPROTO_TCP, 0x106, macos.SIZE)]
    assert sample is not None
    assert (sample.is_connecting, sample.queued_bytes) == (False, None)
    assert isinstance(kernel, OptionKernel)
    assert kernel.retransmits is MACOS.retransmits
