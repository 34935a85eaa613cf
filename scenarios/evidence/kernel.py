"""Ask this machine's kernel about one TCP connection; the only module here that makes system calls.

No call waits, and none raises: where the kernel cannot be asked (another system, an older one, a closed socket), the
answer is None.
"""

from __future__ import annotations

import ctypes
import socket
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, Protocol

from scenarios.evidence import linux, macos, windows
from scenarios.evidence.sample import TcpSample

if sys.platform != "win32":
    import fcntl
    import termios

# What a socket that is closed, or not one of TCP, raises: uvloop's stand-in for a socket checks its number first.
REFUSALS = (OSError, ValueError)


class Socket(Protocol):
    """What is needed of a socket: gevent's, asyncio's, uvloop's and TLS' have it, too."""

    def fileno(self) -> int:
        """Its number or handle; -1 once it is closed."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """The raw value of an option."""


class Reader(NamedTuple):
    """How to read one system's raw answers: all of it, and the two numbers that every exchange needs, cheaply."""

    parse: Callable[[bytes], TcpSample]
    min_rtt_s: Callable[[bytes], float | None]
    retransmits: Callable[[bytes], int | None]


LINUX = Reader(linux.parse, linux.min_rtt_s, linux.retransmits)
MACOS = Reader(macos.parse, macos.min_rtt_s, macos.retransmits)
WINDOWS = Reader(windows.parse, windows.min_rtt_s, windows.retransmits)


class TcpKernel:
    """A kernel that tells nothing, and what the others share: a sample is a mark and the receive queue.

    Attributes:
        min_rtt_s: The smallest round trip in a mark, in seconds, at less than a tenth of the price of `read`.
        retransmits: What was sent again, in a mark, likewise.
    """

    def __init__(self, reader: Reader) -> None:
        self._parse = reader.parse
        self.min_rtt_s = reader.min_rtt_s
        self.retransmits = reader.retransmits

    def mark(self) -> bytes | None:
        """The raw answer at this instant; None = not known."""
        return None

    def read(self, mark: bytes) -> TcpSample:
        """What a raw answer says."""
        return self._parse(mark)

    def queued_bytes(self) -> int | None:
        """Bytes that have come and that the process has not read; None = not known."""
        return None

    def sample(self) -> TcpSample | None:
        """The answer at this instant with the receive queue; None = not known."""
        mark = self.mark()
        return None if mark is None else self.read(mark)._replace(queued_bytes=self.queued_bytes())


class OptionKernel(TcpKernel):
    """A kernel that answers as a socket option: Linux, macOS."""

    def __init__(self, sock: Socket, *, option: int, size: int, reader: Reader) -> None:
        super().__init__(reader)
        self._sock = sock
        self._option = option
        self._size = size

    def mark(self) -> bytes | None:
        """The raw answer at this instant, by one getsockopt."""
        try:
            return self._sock.getsockopt(socket.IPPROTO_TCP, self._option, self._size)
        except REFUSALS:
            return None

    def queued_bytes(self) -> int | None:
        """Bytes that have come and that the process has not read, by one ioctl; None = not known."""
        if sys.platform != "win32":
            try:
                answer = fcntl.ioctl(self._sock.fileno(), termios.FIONREAD, bytes(4))
            except REFUSALS:
                return None
            return int.from_bytes(answer, sys.byteorder)
        return None


class IoctlKernel(TcpKernel):
    """A kernel that answers to an ioctl of Winsock: Windows."""

    def __init__(self, sock: Socket, *, winsock: Any, is_proactor: bool) -> None:
        super().__init__(WINDOWS)
        self._sock = sock
        self._winsock = winsock
        self._is_proactor = is_proactor

    def mark(self) -> bytes | None:
        """The raw answer at this instant, by one WSAIoctl."""
        handle = self._handle()
        if handle is None:
            return None
        version, answer, returned = _DWORD(windows.VERSION), ctypes.create_string_buffer(windows.SIZE), _DWORD()
        # The last two arguments would make the call overlapped: without them it is done when it returns.
        failed = self._winsock.WSAIoctl(
            handle,
            _DWORD(windows.SIO_TCP_INFO),
            ctypes.byref(version),
            _DWORD(ctypes.sizeof(version)),
            answer,
            _DWORD(windows.SIZE),
            ctypes.byref(returned),
            None,
            None,
        )
        return None if failed else answer.raw[: returned.value]

    def queued_bytes(self) -> int | None:
        """Bytes that have come and that the process has not read; None = not known, as under the Proactor."""
        handle = self._handle()
        if handle is None or self._is_proactor:
            return None
        queued = _DWORD()
        failed = self._winsock.ioctlsocket(handle, _DWORD(windows.FIONREAD), ctypes.byref(queued))
        return None if failed else queued.value

    def _handle(self) -> ctypes.c_size_t | None:
        try:
            number = self._sock.fileno()
        except REFUSALS:
            return None
        # A SOCKET is as wide as a pointer, which ctypes must be told: a bare number would be cut to 32 bits.
        return None if number < 0 else ctypes.c_size_t(number)


_DWORD = ctypes.c_uint32


def kernel_of(sock: Socket, *, is_proactor: bool = False, system: str = sys.platform) -> TcpKernel:
    """The kernel that holds this connection, as somebody who can be asked about it.

    Args:
        sock: Connected or connecting; its owner may close it at any time, and the answers are None from then on.
        is_proactor: Windows' Proactor reads the socket: its posted receive empties the queue at once.
        system: The kernel's name, as `sys.platform` has it.
    """
    if system == "linux":
        return OptionKernel(sock, option=linux.TCP_INFO, size=linux.SIZE, reader=LINUX)
    if system == "darwin":
        return OptionKernel(sock, option=macos.TCP_CONNECTION_INFO, size=macos.SIZE, reader=MACOS)
    if system == "win32" and (winsock := _winsock()) is not None:
        return IoctlKernel(sock, winsock=winsock, is_proactor=is_proactor)
    return TcpKernel(LINUX)


@cache
def _winsock() -> Any:
    load = getattr(ctypes, "WinDLL", None)
    return None if load is None else load("ws2_32")
