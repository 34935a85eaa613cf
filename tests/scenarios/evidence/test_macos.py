"""macOS' `struct tcp_connection_info`, read from bytes that are laid out as the published header says."""

from __future__ import annotations

import ctypes
from ctypes import c_uint8, c_uint32, c_uint64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.evidence import macos
from scenarios.evidence.fields import Field
from scenarios.evidence.sample import NOT_ASKED

ESTABLISHED = 4
WORDS = "options flags rto maxseg snd_ssthresh snd_cwnd snd_wnd snd_sbbytes rcv_wnd rttcur srtt rttvar"
COUNTERS = "txpackets txbytes txretransmitbytes rxpackets rxbytes rxoutoforderbytes txretransmitpackets"


class TcpConnectionInfo(ctypes.Structure):
    """netinet/tcp.h of XNU."""

    _fields_ = (
        *((name, c_uint8) for name in ("state", "snd_wscale", "rcv_wscale", "pad1")),
        *((name, c_uint32) for name in WORDS.split()),
        ("fast_open", c_uint32),  # 15 bit fields and 17 bits of padding
        *((name, c_uint64) for name in COUNTERS.split()),
    )


def answer(**fields: int) -> bytes:
    return bytes(TcpConnectionInfo(**{"state": ESTABLISHED, **fields}))


FIELDS = {name.lower(): value for name, value in vars(macos).items() if isinstance(value, Field)}


def test_the_size_is_the_headers() -> None:
    assert macos.SIZE == ctypes.sizeof(TcpConnectionInfo) == 112


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_stands_where_the_header_has_it_and_is_as_wide(name: str) -> None:
    described = getattr(TcpConnectionInfo, name)
    assert (FIELDS[name].offset, FIELDS[name].layout.size) == (described.offset, described.size)


def test_every_field_of_an_answered_request_is_read() -> None:
    sample = macos.parse(
        answer(
            snd_wnd=1000, snd_cwnd=800, srtt=30, txbytes=170, txretransmitbytes=70, rxbytes=40, txretransmitpackets=1
        )
    )
    assert sample == NOT_ASKED._replace(
        is_connecting=False,
        unacknowledged=0,
        retransmits=1,
        unsent_bytes=0,
        peer_window_bytes=1000,
        acknowledged_bytes=100,
        received_bytes=40,
        rtt_s=0.03,
    )


@pytest.mark.parametrize(
    ("buffered", "window", "congestion", "unacknowledged", "unsent"),
    [
        (70, 1000, 800, 70, 0),  # all of it fits: it is in flight
        (70, 0, 800, 0, 70),  # the peer does not read
        (1500, 1000, 800, 1000, 500),  # more than the peer has room for
        (900, 1000, 800, 900, None),  # sent before the congestion window shrank, or waiting for it
    ],
)
def test_the_send_buffer_is_divided_by_the_peers_window(
    buffered: int, window: int, congestion: int, unacknowledged: int, unsent: int | None
) -> None:
    sample = macos.parse(answer(snd_sbbytes=buffered, snd_wnd=window, snd_cwnd=congestion, txbytes=5000))
    assert (sample.unacknowledged, sample.unsent_bytes) == (unacknowledged, unsent)
    assert sample.peer_window_bytes == window - unacknowledged
    assert sample.acknowledged_bytes is None


def test_a_connection_that_is_not_there_yet_has_a_syn_that_is_not_acknowledged_and_not_counted() -> None:
    sample = macos.parse(answer(state=macos.SYN_SENT, snd_sbbytes=0))
    assert sample.is_connecting
    assert sample.unacknowledged == 1
    assert sample.retransmits is sample.peer_window_bytes is None


def test_a_closed_connection_does_not_say_that_all_was_acknowledged() -> None:
    sample = macos.parse(answer(state=macos.CLOSED, txbytes=50))
    assert sample.unacknowledged is sample.acknowledged_bytes is sample.unsent_bytes is None


def test_an_answer_that_is_cut_lacks_what_was_cut() -> None:
    sample = macos.parse(answer(rxbytes=40)[:96])
    assert sample.received_bytes == 40
    assert sample.retransmits is None
    assert macos.parse(b"") == NOT_ASKED


@given(st.binary(max_size=150))
def test_any_bytes_are_read_as_none_or_as_what_can_be(raw: bytes) -> None:
    sample = macos.parse(raw)
    assert all(value is None or value >= 0 for value in sample)
    assert sample.queued_bytes is sample.min_rtt_s is macos.min_rtt_s(raw) is None
    assert sample.is_connecting or macos.retransmits(raw) == sample.retransmits
