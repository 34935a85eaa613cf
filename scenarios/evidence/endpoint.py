"""What one end of a connection knows of it: its kernel, and the process on top of it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from scenarios.evidence.sample import NOT_ASKED, TcpSample


class Snapshot(NamedTuple):
    """One end of a connection at one instant; None = not known.

    Attributes:
        tcp: What the kernel says of the way to the target.
        waiting_bytes: Bytes that the session sent and this process has not handed to the kernel.
        is_mid_message: The peer's bytes were read, and a whole frame has not come of the last of them.
        is_unheard_since_loss: The way has lost something, and nothing has come from the peer since (`losses.Losses`).
    """

    tcp: TcpSample = NOT_ASKED
    waiting_bytes: int | None = None
    is_mid_message: bool | None = None
    is_unheard_since_loss: bool = False


class Mark(NamedTuple):
    """A cheap look at the kernel; None = not known. The numbers are `TcpSample`'s.

    Attributes:
        min_rtt_s: The smallest round trip so far.
        raw: The kernel's answer, to be read if the wait runs out.
        is_own: It was asked for this wait; False = for one a little before.
    """

    min_rtt_s: float | None
    raw: Any
    is_own: bool = True


class Ends(NamedTuple):
    """The two ends of a connection; None = not known.

    Attributes:
        peer_address: The address that it goes to, as a salted hash.
        local_port: This end's port, as the target sees it.
    """

    peer_address: str | None = None
    local_port: int | None = None


class Endpoint(Protocol):
    """Answers a session's questions about its own end of the connection, without waiting.

    Attributes:
        taken_bytes: How much this process has read from the kernel since the connection began; None = TLS hides it.
    """

    taken_bytes: int | None

    def mark(self) -> Mark | None:
        """The kernel's answer at this instant, or a little before; for every exchange."""

    def marked(self, mark: Mark) -> TcpSample:
        """What an earlier answer says."""

    def snapshot(self) -> Snapshot:
        """All that is known at this instant; asked when a wait runs out, and when its peer check ends."""

    def ends(self) -> Ends:
        """From where to where; asked when the connect has ended."""


class Nothing:
    """The endpoint of a session that has nobody to ask."""

    taken_bytes: int | None = None

    def mark(self) -> Mark | None:
        """Not known."""
        return None

    def marked(self, mark: Mark) -> TcpSample:
        """Not known."""
        return NOT_ASKED

    def snapshot(self) -> Snapshot:
        """Not known."""
        return Snapshot()

    def ends(self) -> Ends:
        """Not known."""
        return Ends()


class Seen(Nothing):
    """An endpoint that is gone: it answers as it did at its last instant."""

    def __init__(self, last: Snapshot) -> None:
        self._last = last

    def snapshot(self) -> Snapshot:
        """The last one."""
        return self._last
