"""What a kernel says of one TCP connection at one instant, whichever system it is."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class TcpSample(NamedTuple):
    """One connection as its kernel sees it; None = this system does not tell. Times in seconds.

    Attributes:
        is_connecting: The SYN is not answered yet.
        unacknowledged: What was sent and not acknowledged: segments (Linux) or bytes (Windows, macOS); only whether it
            is 0 means the same everywhere. A SYN counts.
        backoffs: How often in a row the retransmission timer has fired for what is unacknowledged now.
        retransmits: Segments sent again since the connection began (Windows: bytes; only whether it grew means the same
            everywhere). SYNs count.
        unsent_bytes: What the process handed over and the kernel has not sent yet.
        peer_window_bytes: What the peer has room for, beyond what is unacknowledged.
        acknowledged_bytes: Bytes that the peer's kernel has acknowledged.
        received_bytes: Bytes that this kernel has received in order, whether or not the process has read them.
        early_segments: Segments that came before others that the peer had sent first: the way lost or overtook those.
        queued_bytes: Of the received bytes, those that the process's loop has not read. Windows' Proactor always has a
            receive posted, so the kernel's queue is empty there: it is what was received without what the loop gave on.
        received_ago_s: Since when nothing was received.
        rtt_s: The smoothed round trip; it holds the server's own time where the acknowledgement rides on its reply.
        min_rtt_s: The smallest round trip so far: the network's alone.
        acknowledged_ago_s: Since when no acknowledgement came: where nothing is unacknowledged, the peer's kernel has
            had all of it for at least so long.
    """

    is_connecting: bool | None = None
    unacknowledged: int | None = None
    backoffs: int | None = None
    retransmits: int | None = None
    unsent_bytes: int | None = None
    peer_window_bytes: int | None = None
    acknowledged_bytes: int | None = None
    received_bytes: int | None = None
    early_segments: int | None = None
    queued_bytes: int | None = None
    received_ago_s: float | None = None
    rtt_s: float | None = None
    min_rtt_s: float | None = None
    acknowledged_ago_s: float | None = None


NOT_ASKED = TcpSample()


class Kernel(Protocol):
    """Answers for one connection's way to the target."""

    def mark(self) -> bytes | None:
        """The raw answer at this instant, not yet read: cheap enough for every request. None = not known."""

    def read(self, mark: bytes) -> TcpSample:
        """What a raw answer says."""

    def sample(self) -> TcpSample | None:
        """The answer at this instant, with what takes a second call (the receive queue). None = not known."""
