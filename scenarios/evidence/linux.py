"""Read Linux' `struct tcp_info` (linux/tcp.h), the answer to `getsockopt(IPPROTO_TCP, TCP_INFO)`.

The structure only ever grew at its end, so a field keeps its place in all kernels and an older kernel's answer is
shorter.
"""

from __future__ import annotations

import struct

from scenarios.evidence.fields import UNKNOWN_U32, seconds, u8, u32, u64
from scenarios.evidence.sample import TcpSample

TCP_INFO = 11
SIZE = 232  # up to and with `tcpi_snd_wnd` (Linux 5.4): what comes after it is not read here

STATE = u8(0)
RETRANSMITS = u8(2)
UNACKED = u32(24)
LAST_DATA_RECV = u32(52)
LAST_ACK_RECV = u32(56)
RTT = u32(68)
TOTAL_RETRANS = u32(100)
BYTES_ACKED = u64(120)
BYTES_RECEIVED = u64(128)
NOTSENT_BYTES = u32(144)
MIN_RTT = u32(148)
BYTES_SENT = u64(200)
BYTES_RETRANS = u64(208)
RCV_OOOPACK = u32(224)
SND_WND = u32(228)

SYN_SENT, CLOSE, LISTEN = 2, 7, 10
# Closed by a reset or a timeout, the kernel has thrown the queue away; listening, the same fields count connections
# that wait to be accepted. A 0 there would say "all was acknowledged".
WITHOUT_QUEUE = frozenset({CLOSE, LISTEN})

_u32_from = struct.Struct("=I").unpack_from


def parse(raw: bytes) -> TcpSample:
    """What the answer says; None for each field that it is too short for."""
    state = STATE.of(raw)
    is_connecting = None if state is None else state == SYN_SENT
    has_queue = state not in WITHOUT_QUEUE
    acknowledged = BYTES_ACKED.of(raw)
    if acknowledged is not None:
        # The SYN, which took a sequence number, is counted.
        acknowledged = max(0, acknowledged - 1)
    received_ago_ms, acknowledged_ago_ms = LAST_DATA_RECV.of(raw), LAST_ACK_RECV.of(raw)
    return TcpSample(
        is_connecting=is_connecting,
        unacknowledged=UNACKED.of(raw) if has_queue else None,
        # Not `tcpi_backoff`, which the probes of a closed window raise, too, and a SYN's first timeouts do not.
        backoffs=RETRANSMITS.of(raw) if has_queue else None,
        retransmits=retransmits(raw),
        unsent_bytes=NOTSENT_BYTES.of(raw) if has_queue else None,
        peer_window_bytes=None if is_connecting or not has_queue else _room(raw, acknowledged),
        acknowledged_bytes=acknowledged,
        received_bytes=BYTES_RECEIVED.of(raw),
        early_segments=RCV_OOOPACK.of(raw),
        # Before the connection is there it is the age of the machine.
        received_ago_s=None if is_connecting or received_ago_ms is None else received_ago_ms / 1000,
        rtt_s=seconds(RTT.of(raw), per_second=1e6),
        min_rtt_s=min_rtt_s(raw),
        acknowledged_ago_s=None if is_connecting or acknowledged_ago_ms is None else acknowledged_ago_ms / 1000,
    )


def _room(raw: bytes, acknowledged: int | None) -> int | None:
    # The window counts from the first byte that is not acknowledged.
    window, sent, again = SND_WND.of(raw), BYTES_SENT.of(raw), BYTES_RETRANS.of(raw)
    if window is None or sent is None or again is None or acknowledged is None:
        return None
    return max(0, window - max(0, sent - again - acknowledged))


def min_rtt_s(raw: bytes) -> float | None:
    """The connection's smallest round trip so far: what `parse` says of it, at the price of this field alone."""
    if len(raw) < 152:
        return None
    microseconds: int = _u32_from(raw, 148)[0]
    return microseconds / 1e6 if 0 < microseconds < UNKNOWN_U32 else None


def retransmits(raw: bytes) -> int | None:
    """Segments sent again so far, SYNs included: what `parse` says of it, at the price of this field alone."""
    if len(raw) < 104:
        return None
    segments: int = _u32_from(raw, 100)[0]
    return segments
