"""This machine's end of one connection, as the session asks about it: its kernel, its process, its addresses."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from scenarios.clients.dial import Address
from scenarios.evidence.endpoint import Ends, Mark, Snapshot
from scenarios.evidence.kernel import TcpKernel, kernel_of
from scenarios.evidence.sample import NOT_ASKED, TcpSample
from scenarios.machine.fingerprint import salted

_NOBODY: Final = Ends()


class OwnEnd:
    """The `Endpoint` of a connection that a driver moves; it keeps no session, and no driver.

    Args:
        is_direct: Its socket leads to the target (or to a proxy on the way). False = to the relay of this machine: what
            the kernel says of that says nothing of the way.
        is_proactor: Windows' Proactor loop reads it: what was received is never in the kernel's queue.
    """

    def __init__(self, *, is_direct: bool, is_proactor: bool = False) -> None:
        self._is_direct = is_direct
        self._is_proactor = is_proactor
        self._socket: Any = None
        self._kernel: TcpKernel | None = None
        self._ends = _NOBODY
        self._waiting_bytes: Callable[[], int] | None = None
        self._is_mid_message: Callable[[], bool] | None = None
        self._taken_bytes: Callable[[], int | None] | None = None

    def dials(self, sock: Any, address: Address) -> None:
        """This socket is being connected there; None = there was none to be had."""
        if self._is_direct:
            self._socket = sock
            self._kernel = None if sock is None else kernel_of(sock, is_proactor=self._is_proactor)
            self._ends = Ends(_hashed(str(address[1][0])))

    def writes_with(self, waiting_bytes: Callable[[], int]) -> None:
        """How many bytes this process still has to hand over to the kernel is asked here."""
        self._waiting_bytes = waiting_bytes

    def reads_with(
        self, is_mid_message: Callable[[], bool], taken_bytes: Callable[[], int | None] | None = None
    ) -> None:
        """Whether a frame has begun and not ended is asked here.

        Args:
            is_mid_message: See `Snapshot`.
            taken_bytes: How much the loop has given on since the connection began; needed where the kernel's queue says
                nothing, None = TLS hides it.
        """
        self._is_mid_message, self._taken_bytes = is_mid_message, taken_bytes

    def mark(self) -> Mark | None:
        """See `Endpoint.mark`."""
        kernel = self._kernel
        raw = None if kernel is None else kernel.mark()
        return None if kernel is None or raw is None else Mark(kernel.min_rtt_s(raw), raw)

    def marked(self, mark: Mark) -> TcpSample:
        """See `Endpoint.marked`."""
        return NOT_ASKED if self._kernel is None else self._kernel.read(mark.raw)

    def snapshot(self) -> Snapshot:
        """See `Endpoint.snapshot`."""
        sample = None if self._kernel is None else self._kernel.sample()
        if sample is not None and sample.queued_bytes is None and sample.received_bytes is not None:
            taken = None if self._taken_bytes is None else self._taken_bytes()
            if taken is not None:
                sample = sample._replace(queued_bytes=max(0, sample.received_bytes - taken))
        return Snapshot(
            sample or NOT_ASKED,
            None if self._waiting_bytes is None else self._waiting_bytes(),
            None if self._is_mid_message is None else self._is_mid_message(),
        )

    def ends(self) -> Ends:
        """See `Endpoint.ends`."""
        if self._socket is None:
            return self._ends
        try:
            port = self._socket.getsockname()[1]
        except (OSError, IndexError):
            port = None
        return self._ends._replace(local_port=port or None)


@lru_cache(maxsize=1024)
def _hashed(address: str) -> str:
    return salted(f"address/{address}", os.environ)
