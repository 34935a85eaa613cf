"""The question about a connection and its answer: whole, cut, malformed, and what the relay may say of the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.evidence.sample import NOT_ASKED, TcpSample
from scenarios.relay.question import answer, as_the_client_sees_it, json_reply, port_asked_about, question, read_answer

QUIET = TcpSample(
    is_connecting=False, unacknowledged=0, retransmits=0, queued_bytes=70, rtt_s=0.004, min_rtt_s=0.002, backoffs=0
)

counts = st.none() | st.integers(0, 2**40)
seconds = st.none() | st.floats(0.0, 1e6)
samples = st.builds(
    TcpSample,
    is_connecting=st.none() | st.booleans(),
    **{name: seconds if name.endswith("_s") else counts for name in TcpSample._fields if name != "is_connecting"},
)


@given(st.integers(0, 65_535))
def test_the_port_that_is_asked_about_comes_back(port: int) -> None:
    assert port_asked_about(question(port)) == port


@pytest.mark.parametrize("port", [b"", b"x", b"-1", b"1.5", b"9" * 5000])
def test_what_is_no_port_is_nobodys(port: bytes) -> None:
    assert port_asked_about(b"GET /connection?port=" + port + b" HTTP/1.1\r\n\r\n") == 0


def test_the_report_is_another_question() -> None:
    assert port_asked_about(b"GET /report HTTP/1.1\r\n\r\n") is None


@given(samples)
def test_a_sample_comes_back_as_it_was(sample: TcpSample) -> None:
    assert read_answer(answer(sample)) == sample


def test_an_answer_that_is_not_whole_or_not_a_sample_is_none() -> None:
    whole = answer(QUIET)
    assert [read_answer(whole[:size]) for size in range(len(whole))] == [None] * len(whole)
    for broken in (answer(None), json_reply({"event": "report"}), json_reply(["x"]), b"\x16\x03\x01" * 30_000):
        assert read_answer(broken) is None


def test_the_arms_delay_is_in_both_round_trips_and_what_lies_in_the_relay_in_no_number() -> None:
    seen = as_the_client_sees_it(QUIET, delay_s=0.08, holds_bytes=False)
    assert seen == QUIET._replace(queued_bytes=None, rtt_s=0.004 + 0.08, min_rtt_s=0.002 + 0.08)
    assert as_the_client_sees_it(NOT_ASKED, delay_s=0.08, holds_bytes=False) == NOT_ASKED


def test_while_the_relay_holds_bytes_nobody_has_acknowledged_all() -> None:
    seen = as_the_client_sees_it(QUIET, delay_s=0.0, holds_bytes=True)
    assert (seen.unacknowledged, seen.retransmits) == (None, None)


def test_what_was_lost_behind_the_relay_was_lost_whatever_it_holds() -> None:
    lost = as_the_client_sees_it(QUIET._replace(unacknowledged=2, backoffs=3), delay_s=0.0, holds_bytes=True)
    assert (lost.unacknowledged, lost.backoffs) == (2, 3)


def test_a_syn_in_flight_is_told_with_all_that_was_sent_again() -> None:
    dialling = TcpSample(is_connecting=True, unacknowledged=1, backoffs=2, retransmits=2)
    assert as_the_client_sees_it(dialling, delay_s=0.0, holds_bytes=True) == dialling
