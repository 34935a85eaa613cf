"""Windows' `TCP_INFO_v0`, read from bytes that are laid out as the published header says."""

from __future__ import annotations

import ctypes
from ctypes import c_uint8, c_uint32, c_uint64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.evidence import windows
from scenarios.evidence.fields import Field
from scenarios.evidence.sample import NOT_ASKED

ESTABLISHED = 4


class TcpInfoV0(ctypes.Structure):
    """mstcpip.h, Windows 10 1703."""

    _fields_ = (
        ("State", c_uint32),
        ("Mss", c_uint32),
        ("ConnectionTimeMs", c_uint64),
        ("TimestampsEnabled", c_uint8),
        *((name, c_uint32) for name in ("RttUs", "MinRttUs", "BytesInFlight", "Cwnd", "SndWnd", "RcvWnd", "RcvBuf")),
        ("BytesOut", c_uint64),
        ("BytesIn", c_uint64),
        *((name, c_uint32) for name in ("BytesReordered", "BytesRetrans", "FastRetrans", "DupAcksIn")),
        ("TimeoutEpisodes", c_uint32),
        ("SynRetrans", c_uint8),
    )


def answer(**fields: int) -> bytes:
    return bytes(TcpInfoV0(**{"State": ESTABLISHED, **fields}))


FIELDS = {name: value for name, value in vars(windows).items() if isinstance(value, Field)}
HEADERS = {name.lower(): name for name, _ in TcpInfoV0._fields_}


def test_the_size_is_the_headers() -> None:
    assert windows.SIZE == ctypes.sizeof(TcpInfoV0) == 88


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_stands_where_the_header_has_it_and_is_as_wide(name: str) -> None:
    described = getattr(TcpInfoV0, HEADERS[name.replace("_", "").lower()])
    assert (FIELDS[name].offset, FIELDS[name].layout.size) == (described.offset, described.size)


def test_the_control_code_is_made_as_the_header_makes_it() -> None:
    ioc_inout, ioc_vendor = 0x80000000 | 0x40000000, 0x18000000
    assert ioc_inout | ioc_vendor | 39 == windows.SIO_TCP_INFO


def test_every_field_of_a_waiting_request_is_read() -> None:
    sample = windows.parse(
        answer(RttUs=30100, MinRttUs=260, BytesInFlight=70, SndWnd=1000, BytesOut=170, BytesIn=40, TimeoutEpisodes=2)
    )
    assert sample == NOT_ASKED._replace(
        is_connecting=False,
        unacknowledged=70,
        retransmits=0,
        peer_window_bytes=930,
        acknowledged_bytes=100,
        received_bytes=40,
        rtt_s=0.0301,
        min_rtt_s=260e-6,
    )


def test_what_was_acknowledged_is_not_known_once_something_was_sent_again() -> None:
    sample = windows.parse(answer(BytesRetrans=70, BytesOut=240, SynRetrans=1))
    assert sample.acknowledged_bytes is None
    assert sample.retransmits == 71


def test_a_connection_that_is_not_there_yet_has_a_syn_that_is_not_acknowledged() -> None:
    sample = windows.parse(answer(State=windows.SYN_SENT, SynRetrans=2))
    assert sample == NOT_ASKED._replace(
        is_connecting=True, unacknowledged=1, backoffs=2, retransmits=2, received_bytes=0
    )


def test_a_closed_connection_does_not_say_that_all_was_acknowledged() -> None:
    sample = windows.parse(answer(State=windows.CLOSED, BytesOut=50))
    assert sample.unacknowledged is sample.acknowledged_bytes is sample.peer_window_bytes is None


def test_an_answer_that_is_cut_lacks_what_was_cut() -> None:
    sample = windows.parse(answer(BytesIn=40, BytesOut=9)[:64])
    assert sample.received_bytes == 40
    assert sample.retransmits is sample.acknowledged_bytes is None
    assert windows.parse(b"") == NOT_ASKED


@given(st.binary(max_size=120))
def test_any_bytes_are_read_as_none_or_as_what_can_be(raw: bytes) -> None:
    sample = windows.parse(raw)
    assert all(value is None or value >= 0 for value in sample)
    assert sample.queued_bytes is sample.unsent_bytes is None
    assert (windows.min_rtt_s(raw), windows.retransmits(raw)) == (sample.min_rtt_s, sample.retransmits)
