"""Read Windows' `TCP_INFO_v0` (mstcpip.h), the answer to `WSAIoctl(SIO_TCP_INFO)` since Windows 10 1703, Server 2016.

It does not tell what waits to be sent, nor how long nothing has come.
"""

from __future__ import annotations

from scenarios.evidence.fields import seconds, u8, u32, u64
from scenarios.evidence.sample import TcpSample

# _WSAIORW(IOC_VENDOR, 39): IOC_INOUT 0xC0000000, IOC_VENDOR 0x18000000, and the number.
SIO_TCP_INFO = 0xD8000027
FIONREAD = 0x4004667F  # of ioctlsocket: what one receive would return
VERSION = 0  # the input: which of the structures is wanted
SIZE = 88

STATE = u32(0)
RTT_US = u32(20)
MIN_RTT_US = u32(24)
BYTES_IN_FLIGHT = u32(28)
SND_WND = u32(36)
BYTES_OUT = u64(48)
BYTES_IN = u64(56)
BYTES_RETRANS = u32(68)
SYN_RETRANS = u8(84)

CLOSED, LISTEN, SYN_SENT = 0, 1, 2


def parse(raw: bytes) -> TcpSample:
    """What the answer says; None for each field that it is too short for."""
    state = STATE.of(raw)
    is_connecting = None if state is None else state == SYN_SENT
    in_flight = None if state in (CLOSED, LISTEN) else BYTES_IN_FLIGHT.of(raw)
    window, sent = SND_WND.of(raw), BYTES_OUT.of(raw)
    # Whether `BytesOut` counts what was sent twice is not documented: known only where nothing was.
    is_exact = in_flight is not None and sent is not None and BYTES_RETRANS.of(raw) == 0 and not is_connecting
    return TcpSample(
        is_connecting=is_connecting,
        unacknowledged=max(1, in_flight) if is_connecting and in_flight is not None else in_flight,
        # `TimeoutEpisodes` counts all episodes of the connection, each of one timeout or more: not those in a row now.
        backoffs=SYN_RETRANS.of(raw) if is_connecting else None,
        retransmits=retransmits(raw),
        peer_window_bytes=(
            None if is_connecting or window is None or in_flight is None else max(0, window - in_flight)
        ),
        acknowledged_bytes=max(0, (sent or 0) - (in_flight or 0)) if is_exact else None,
        received_bytes=BYTES_IN.of(raw),
        rtt_s=seconds(RTT_US.of(raw), per_second=1e6),
        min_rtt_s=min_rtt_s(raw),
    )


def min_rtt_s(raw: bytes) -> float | None:
    """The connection's smallest round trip so far."""
    return seconds(MIN_RTT_US.of(raw), per_second=1e6)


def retransmits(raw: bytes) -> int | None:
    """Bytes and SYNs sent again so far: only whether it grew means something."""
    again, syns = BYTES_RETRANS.of(raw), SYN_RETRANS.of(raw)
    return None if again is None or syns is None else again + syns
