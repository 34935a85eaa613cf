"""Requests and replies of the relay, whole, in pieces, and malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.relay.protocol import (
    RelayError,
    connect_request,
    connected_reply,
    failed_reply,
    read_reply,
    read_request,
    refused_reply,
)


@given(st.floats(0.0, 60.0), st.integers(0, 2**63), st.binary(max_size=40))
def test_a_request_comes_back_whole(delay_s: float, seed: int, rest: bytes) -> None:
    request = read_request(connect_request("staging.example", 443, delay_s=delay_s, seed=seed) + rest)
    assert request is not None
    assert request.target == "staging.example:443"
    assert request.delay_s == pytest.approx(delay_s, abs=1e-6)
    assert (request.seed, request.rest) == (seed, rest)


@given(st.floats(0.0, 60.0), st.binary(max_size=40))
def test_a_reply_comes_back_whole(rtt_s: float, rest: bytes) -> None:
    reply = read_reply(connected_reply(rtt_s) + rest)
    assert reply is not None
    assert reply.rtt_s == pytest.approx(rtt_s, abs=1e-6)
    assert (reply.errno, reply.rest) == (None, rest)


def test_a_target_that_refuses_is_told_with_its_errno() -> None:
    reply = read_reply(failed_reply(111, "Connection refused\r\nreally", address="127.0.0.1:80"))
    assert reply == (None, None, "127.0.0.1:80", 111, "Connection refused really", b"")


def test_which_address_it_is_and_how_long_all_took_are_told() -> None:
    reply = read_reply(connected_reply(0.125, tcp_s=0.375, address="[::1]:80"))
    assert reply == (0.125, 0.375, "[::1]:80", None, "", b"")


def test_addresses_come_in_the_order_in_which_they_are_to_be_tried() -> None:
    addresses = ("[2001:db8::1]:443", "192.0.2.1:443")
    request = read_request(connect_request("a.test", 443, delay_s=0.0, seed=0, addresses=addresses))
    assert request is not None and request.addresses == addresses


def test_every_shorter_piece_asks_for_more() -> None:
    for whole, read in (
        (connect_request("::1", 80, delay_s=0.1, seed=1), read_request),
        (failed_reply(1, "x"), read_reply),
    ):
        assert all(read(whole[:n]) is None for n in range(len(whole)))


def test_an_ipv6_target_is_in_brackets() -> None:
    request = read_request(connect_request("::1", 80, delay_s=0.0, seed=0))
    assert request is not None and request.target == "[::1]:80"


@pytest.mark.parametrize(
    "received",
    [
        b"GET /ws HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nSoak-Delay-S: -1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nSoak-Delay-S: nan\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nSoak-Seed: x\r\n\r\n",
        b"\x16\x03\x01" * 2000,
    ],
)
def test_what_is_no_request_is_refused(received: bytes) -> None:
    with pytest.raises(RelayError):
        read_request(received)


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"\r\n\r\n",
        refused_reply("this relay goes to a:1 only"),
    ],
)
def test_what_is_no_answer_of_a_relay_is_the_harnesss_fault(received: bytes) -> None:
    with pytest.raises(RelayError):
        read_reply(received)
