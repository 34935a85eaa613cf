"""This machine's end of one connection, as the session asks about it: its kernel, its process, its addresses.

Behind the relay the kernel is asked by the relay, about a socket of its own. That takes a question and an answer, so
the driver asks before the session does, and tells it here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

from scenarios.addresses import Address
from scenarios.evidence.endpoint import Ends, Mark, Snapshot
from scenarios.evidence.kernel import TcpKernel, kernel_of
from scenarios.evidence.losses import Losses
from scenarios.evidence.sample import NOT_ASKED, TcpSample
from scenarios.machine.fingerprint import salted

_NOBODY: Final = Ends()
# The kernel's answer costs 2.5 us of an exchange's 55: each sixteenth exchange asks, the others share its answer.
MARKED_EVERY: Final = 16


class OwnEnd:
    """The `Endpoint` of a connection that a driver moves; it keeps no session, and no driver.

    Args:
        is_direct: Its socket leads to the target (or to a proxy on the way). False = to the relay of this machine: what
            the kernel says of that says nothing of the way, and what waits to be taken by the relay is the arm's delay.
        is_proactor: Windows' Proactor loop reads it: what was received is never in the kernel's queue.

    Attributes:
        taken_bytes: See `Endpoint`; whoever reads where TLS hides the bytes sets it to None.
        is_flooded: The peer sends more than this process takes in: what lies unread is the peer's doing, and says
            nothing of the loop.
    """

    def __init__(self, *, is_direct: bool, is_proactor: bool = False) -> None:
        self._is_direct = is_direct
        self._is_proactor = is_proactor
        self._socket: Any = None
        self._kernel: TcpKernel | None = None
        self._told = NOT_ASKED
        self._ends = _NOBODY
        self._waiting_bytes: Callable[[], int] | None = None
        self._is_mid_message: Callable[[], bool] | None = None
        self.taken_bytes: int | None = 0
        self.is_flooded = False
        self._marks: tuple[Mark, Mark] | None = None  # as for its own wait, and as for the next ones
        self._unmarked = 0
        self._losses = Losses()

    def dials(self, sock: Any, towards: Address | None) -> None:
        """This socket is being connected, there or to the relay in its place; None = there was none to be had."""
        self._socket, self._marks, self._unmarked = sock, None, 0
        self._losses = Losses()
        self.is_flooded = False
        if self.taken_bytes is not None:
            self.taken_bytes = 0
        self.leads(towards)
        if self._is_direct:
            self._kernel = None if sock is None else kernel_of(sock, is_proactor=self._is_proactor)

    def leads(self, towards: Address | None) -> None:
        """The connection leads there: the relay has said which of the target's addresses it is."""
        if towards is not None:
            self._ends = Ends(_hashed(str(towards[1][0])))

    @contextmanager
    def kept_open(self) -> Iterator[int | None]:
        """The port from which the connection comes to the relay, which stays open meanwhile; None = there is none.

        A library that was told to give up frees its socket at the next opportunity, and the relay what belongs to it.
        """
        try:
            kept = None if self._socket is None else self._socket.dup()
        except (OSError, ValueError):
            kept = None
        if kept is None:
            yield None
            return
        with kept:
            port = None
            with suppress(OSError):
                port = kept.getsockname()[1]
            yield port

    def told(self, sample: TcpSample | None) -> None:
        """What the relay says of the way at this instant, until it is told anew; None = nothing."""
        self._told = sample or NOT_ASKED

    def writes_with(self, waiting_bytes: Callable[[], int]) -> None:
        """How many bytes this process still has to hand over to the kernel is asked here."""
        self._waiting_bytes = waiting_bytes

    def reads_with(self, is_mid_message: Callable[[], bool]) -> None:
        """Whether a frame has begun and not ended is asked here."""
        self._is_mid_message = is_mid_message

    def took(self, size: int) -> None:
        """So many bytes were read from the kernel."""
        if self.taken_bytes is not None:
            self.taken_bytes += size

    def mark(self) -> Mark | None:
        """See `Endpoint.mark`."""
        kernel, marks = self._kernel, self._marks
        if kernel is None:
            return None
        if marks is not None and self._unmarked < MARKED_EVERY - 1:
            self._unmarked += 1
            return marks[1]
        raw = kernel.mark()
        if raw is None:
            self._marks = None
            return None
        # A line that has just lost something is looked at each time.
        is_losing = (kernel.retransmits(raw) or 0) > self._losses.retransmits
        if is_losing:
            self._losses.seen(kernel.read(raw))
        self._unmarked = MARKED_EVERY if is_losing else 0
        min_rtt_s = kernel.min_rtt_s(raw)
        mark = Mark(min_rtt_s, raw)
        self._marks = mark, Mark(min_rtt_s, raw, is_own=False)
        return mark

    def marked(self, mark: Mark) -> TcpSample:
        """See `Endpoint.marked`."""
        return NOT_ASKED if self._kernel is None else self._kernel.read(mark.raw)

    def snapshot(self) -> Snapshot:
        """See `Endpoint.snapshot`."""
        # What a peer that floods has begun is no answer of which the rest is lost.
        asked = None if self.is_flooded else self._is_mid_message
        is_mid_message = None if asked is None else asked()
        if not self._is_direct:
            self._losses.seen(self._told)
            is_unheard = self._losses.is_unheard_since(self._told)
            return Snapshot(self._told, None, is_mid_message, is_unheard)
        sample = None if self._kernel is None else self._kernel.sample()
        if sample is not None and sample.queued_bytes is None and sample.received_bytes is not None:
            taken = self.taken_bytes
            if taken is not None:
                sample = sample._replace(queued_bytes=max(0, sample.received_bytes - taken))
        sample = sample or NOT_ASKED
        if self.is_flooded:
            sample = sample._replace(queued_bytes=None)
        self._losses.seen(sample)
        return Snapshot(
            sample,
            None if self._waiting_bytes is None else self._waiting_bytes(),
            is_mid_message,
            self._losses.is_unheard_since(sample),
        )

    def ends(self) -> Ends:
        """See `Endpoint.ends`."""
        if self._socket is None or not self._is_direct:  # the target sees the relay's port
            return self._ends
        try:
            port = self._socket.getsockname()[1]
        except (OSError, IndexError):
            port = None
        return self._ends._replace(local_port=port or None)


@lru_cache(maxsize=1024)
def _hashed(address: str) -> str:
    return salted(f"address/{address}", os.environ)
