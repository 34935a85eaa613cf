"""Read macOS' `struct tcp_connection_info` (netinet/tcp.h), the answer to `getsockopt(TCP_CONNECTION_INFO)`.

It has one number for what is in flight and what waits to be sent (the send buffer), no smallest round trip, and no
count of SYNs.
"""

from __future__ import annotations

from scenarios.evidence.fields import seconds, u8, u32, u64
from scenarios.evidence.sample import TcpSample

TCP_CONNECTION_INFO = 0x106
SIZE = 112

STATE = u8(0)
SND_CWND = u32(24)
SND_WND = u32(28)
SND_SBBYTES = u32(32)
SRTT = u32(44)
# At 52 is a word of bit fields (TCP Fast Open); the counters after it are aligned to 8 bytes.
TXBYTES = u64(64)
TXRETRANSMITBYTES = u64(72)
RXBYTES = u64(88)
TXRETRANSMITPACKETS = u64(104)

CLOSED, LISTEN, SYN_SENT = 0, 1, 2


def parse(raw: bytes) -> TcpSample:
    """What the answer says; None for each field that it is too short for, and where it can mean two things."""
    state = STATE.of(raw)
    is_connecting = None if state is None else state == SYN_SENT
    buffered = None if state in (CLOSED, LISTEN) else SND_SBBYTES.of(raw)
    window = None if is_connecting else SND_WND.of(raw)
    unacknowledged = _unacknowledged(buffered, window)
    return TcpSample(
        is_connecting=is_connecting,
        unacknowledged=1 if is_connecting else unacknowledged,
        retransmits=None if is_connecting else retransmits(raw),
        unsent_bytes=buffered if is_connecting else _unsent(buffered, window, SND_CWND.of(raw)),
        peer_window_bytes=(None if window is None or unacknowledged is None else max(0, window - unacknowledged)),
        acknowledged_bytes=_acknowledged(raw) if buffered == 0 else None,
        received_bytes=RXBYTES.of(raw),
        rtt_s=seconds(SRTT.of(raw), per_second=1e3),
        min_rtt_s=min_rtt_s(raw),
    )


def _unacknowledged(buffered: int | None, window: int | None) -> int | None:
    # What is in the buffer and within the peer's window is in flight, or some of it is (the congestion window admits
    # one segment at least): an upper limit, and 0 exactly where nothing is in flight.
    return None if buffered is None or window is None else min(buffered, window)


def _unsent(buffered: int | None, window: int | None, congestion_window: int | None) -> int | None:
    if buffered is None or window is None or congestion_window is None:
        return None
    if buffered > window:
        return buffered - window
    # After a loss the congestion window is smaller than what has been sent already: then this cannot be told.
    return 0 if buffered <= congestion_window else None


def _acknowledged(raw: bytes) -> int | None:
    # With an empty buffer all that was sent is acknowledged; `tcpi_txbytes` counts what was sent twice twice.
    sent, again = TXBYTES.of(raw), TXRETRANSMITBYTES.of(raw)
    return None if sent is None or again is None else max(0, sent - again)


def min_rtt_s(raw: bytes) -> float | None:
    """None: the structure has the smoothed round trip and the last one, in whole milliseconds, not the smallest."""
    return None


def retransmits(raw: bytes) -> int | None:
    """Segments sent again so far, without SYNs, which are not counted here."""
    return TXRETRANSMITPACKETS.of(raw)
