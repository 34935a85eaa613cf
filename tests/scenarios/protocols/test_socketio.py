"""Socket.IO on Engine.IO: packets, the connect to the namespace, acknowledgements."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.plan import Token
from scenarios.protocols.shape import Kind, Message
from scenarios.protocols.socketio import SocketIO
from scenarios.protocols.transport import credentials_by

TOKEN = Token("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl")
SOCKETIO = SocketIO()


def test_the_namespace_is_joined_behind_the_open_packet_and_with_the_token() -> None:
    (opening,) = SOCKETIO.openings(TOKEN)
    assert opening.payload == b'40{"token":"' + TOKEN.value.encode() + b'"}'
    assert SOCKETIO.read('0{"sid":"x","upgrades":[],"pingInterval":25000}').key == opening.after != ""
    (opening,) = SOCKETIO.openings(None)
    assert opening.payload == b"40"


def test_the_upgrade_names_its_transport_and_carries_the_token_where_it_shall() -> None:
    assert credentials_by("protocol", SOCKETIO, TOKEN).query == "EIO=4&transport=websocket"
    assert credentials_by("query", SOCKETIO, TOKEN).query == f"EIO=4&transport=websocket&token={TOKEN.value}"
    in_a_header = credentials_by("header", SOCKETIO, TOKEN)
    assert in_a_header.headers and in_a_header.query == "EIO=4&transport=websocket"


def test_the_answer_of_the_namespace_is_the_welcome() -> None:
    message = SOCKETIO.read(b'40{"sid":"s-1"}')
    assert message.kind is Kind.WELCOME and message.welcome is not None
    assert message.welcome.server_connection_id == "s-1"


def test_an_event_is_emitted_and_acknowledged_by_its_id() -> None:
    request = SOCKETIO.request("chat message", number=12)
    assert request.payload.startswith(b"4212[")
    assert json.loads(request.payload[4:])[0] == "chat message"
    assert SOCKETIO.read(b'4312["ok"]')[:3] == (Kind.REPLY, request.reply_key, request.reply_id)
    assert SOCKETIO.read('461-12[{"_placeholder":true,"num":0}]')[:3] == (Kind.REPLY, request.reply_key, "12")


@pytest.mark.parametrize(
    "packet", ['42["news",1]', '42/,["news"]', '427["news"]', '451-["news",{"_placeholder":true}]']
)
def test_an_event_of_the_servers_is_a_push(packet: str) -> None:
    assert SOCKETIO.read(packet) == Message(Kind.PUSH, "news")


def test_a_ping_is_answered_by_a_pong_packet() -> None:
    assert SOCKETIO.read(b"2") == Message(Kind.PING, answer=b"3")


@pytest.mark.parametrize(
    ("packet", "is_auth", "is_clients"),
    [
        ('44{"message":"not authorized"}', True, False),
        ('44{"message":"Invalid namespace"}', False, True),
        ("41", False, False),
    ],
)
def test_a_refused_connect_and_a_namespace_that_is_left_are_errors(
    packet: str, is_auth: bool, is_clients: bool
) -> None:
    message = SOCKETIO.read(packet)
    assert message.kind is Kind.ERROR and message.error is not None
    assert (message.error.is_auth, message.error.is_clients) == (is_auth, is_clients)


@pytest.mark.parametrize("packet", ["1", "3", "6", "3probe"])
def test_packets_of_the_transport_alone_are_noise(packet: str) -> None:
    assert SOCKETIO.read(packet).kind is Kind.NOISE


@pytest.mark.parametrize("packet", ["", "x", "4", "49", "42[", "42", '{"type":"hello"}', "hello"])
def test_what_is_no_packet_is_malformed(packet: str) -> None:
    assert SOCKETIO.read(packet).kind is Kind.MALFORMED


def test_an_attachment_answers_nothing_and_puzzles_nobody() -> None:
    assert SOCKETIO.read_binary(b"\x00").key not in ("ack", "")


@given(st.one_of(st.binary(), st.text(), st.from_regex(r"4\d[\d\-]{0,4}.{0,20}", fullmatch=True)))
def test_reading_never_raises(payload: bytes | str) -> None:
    assert SOCKETIO.read(payload).kind in Kind
