"""Linux' `struct tcp_info`, read from bytes that are laid out as the published header says."""

from __future__ import annotations

import ctypes
from ctypes import c_uint8, c_uint32, c_uint64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.evidence import linux
from scenarios.evidence.fields import Field
from scenarios.evidence.sample import NOT_ASKED

WORDS_1 = (
    "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv "
    "last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans"
)


class TcpInfo(ctypes.Structure):
    """linux/tcp.h, Linux 5.4."""

    _fields_ = (
        *((name, c_uint8) for name in ("state", "ca_state", "retransmits", "probes", "backoff", "options")),
        ("wscale", c_uint8),  # two bit fields of 4
        ("app_limited", c_uint8),  # bit fields of 1 and 2
        *((name, c_uint32) for name in WORDS_1.split()),
        *((name, c_uint64) for name in ("pacing_rate", "max_pacing_rate", "bytes_acked", "bytes_received")),
        *((name, c_uint32) for name in ("segs_out", "segs_in", "notsent_bytes", "min_rtt")),
        *((name, c_uint32) for name in ("data_segs_in", "data_segs_out")),
        *((name, c_uint64) for name in ("delivery_rate", "busy_time", "rwnd_limited", "sndbuf_limited")),
        *((name, c_uint32) for name in ("delivered", "delivered_ce")),
        *((name, c_uint64) for name in ("bytes_sent", "bytes_retrans")),
        *((name, c_uint32) for name in ("dsack_dups", "reord_seen", "rcv_ooopack", "snd_wnd")),
    )


def answer(**fields: int) -> bytes:
    return bytes(TcpInfo(**{"state": 1, **fields}))


FIELDS = {name.lower(): value for name, value in vars(linux).items() if isinstance(value, Field)}


def test_the_size_is_the_headers() -> None:
    assert linux.SIZE == ctypes.sizeof(TcpInfo) == 232
    assert linux.SIZE <= 256


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_stands_where_the_header_has_it_and_is_as_wide(name: str) -> None:
    described = getattr(TcpInfo, name)
    assert (FIELDS[name].offset, FIELDS[name].layout.size) == (described.offset, described.size)


def test_every_field_of_a_waiting_request_is_read() -> None:
    sample = linux.parse(
        answer(
            unacked=1,
            retransmits=3,
            total_retrans=5,
            notsent_bytes=70,
            bytes_acked=101,
            bytes_sent=250,
            bytes_retrans=120,
            bytes_received=40,
            rcv_ooopack=2,
            snd_wnd=1000,
            last_data_recv=2500,
            last_ack_recv=1500,
            rtt=30100,
            min_rtt=26,
        )
    )
    assert sample == NOT_ASKED._replace(
        is_connecting=False,
        unacknowledged=1,
        backoffs=3,
        retransmits=5,
        unsent_bytes=70,
        peer_window_bytes=970,
        acknowledged_bytes=100,
        received_bytes=40,
        early_segments=2,
        received_ago_s=2.5,
        acknowledged_ago_s=1.5,
        rtt_s=0.0301,
        min_rtt_s=26e-6,
    )


def test_the_syn_is_no_byte_that_was_acknowledged() -> None:
    assert linux.parse(answer(bytes_acked=1)).acknowledged_bytes == 0
    assert linux.parse(answer(bytes_acked=0)).acknowledged_bytes == 0


def test_a_connection_that_is_not_there_yet_has_no_window_and_no_age_of_what_was_received() -> None:
    sample = linux.parse(answer(state=linux.SYN_SENT, unacked=1, last_data_recv=4_000_000, min_rtt=0xFFFFFFFF))
    assert sample.is_connecting
    assert sample.unacknowledged == 1
    assert sample.peer_window_bytes is sample.received_ago_s is None
    assert sample.rtt_s is sample.min_rtt_s is None


@pytest.mark.parametrize("state", sorted(linux.WITHOUT_QUEUE))
def test_a_queue_that_was_thrown_away_is_not_an_empty_one(state: int) -> None:
    sample = linux.parse(answer(state=state, bytes_received=9))
    assert sample.unacknowledged is sample.unsent_bytes is sample.backoffs is sample.peer_window_bytes is None
    assert sample.received_bytes == 9


def test_a_window_that_is_filled_with_what_is_in_flight_has_no_room() -> None:
    assert linux.parse(answer(bytes_acked=1, bytes_sent=500, snd_wnd=400)).peer_window_bytes == 0


@pytest.mark.parametrize(
    ("length", "first_known"),
    [
        (1, {"is_connecting"}),
        (28, {"unacknowledged"}),
        (104, {"retransmits"}),
        (128, {"acknowledged_bytes"}),
        (136, {"received_bytes"}),
        (148, {"unsent_bytes"}),
        (152, {"min_rtt_s"}),
        (228, {"early_segments"}),
        (232, {"peer_window_bytes"}),
    ],
)
def test_an_older_kernels_shorter_answer_lacks_what_came_later(length: int, first_known: set[str]) -> None:
    full = answer(rtt=1, min_rtt=1, snd_wnd=1)
    assert _known(full[:length]) - _known(full[: length - 1]) == first_known


def _known(raw: bytes) -> set[str]:
    return {name for name, value in linux.parse(raw)._asdict().items() if value is not None}


@given(st.binary(max_size=300))
def test_any_bytes_are_read_as_none_or_as_what_can_be(raw: bytes) -> None:
    sample = linux.parse(raw)
    assert all(value is None or value >= 0 for value in sample)
    assert sample.queued_bytes is None


@given(st.binary(max_size=300))
def test_the_cheap_readers_say_what_the_whole_one_says(raw: bytes) -> None:
    assert (linux.min_rtt_s(raw), linux.retransmits(raw)) == (linux.parse(raw).min_rtt_s, linux.parse(raw).retransmits)


def test_a_round_trip_that_was_not_measured_is_none() -> None:
    for unmeasured in (0, 0xFFFFFFFF):
        assert linux.min_rtt_s(answer(min_rtt=unmeasured)) is None
        assert linux.parse(answer(rtt=unmeasured)).rtt_s is None
    assert linux.min_rtt_s(answer(min_rtt=0xFFFFFFFE)) == pytest.approx(4294.967294)
