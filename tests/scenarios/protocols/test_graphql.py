"""graphql-transport-ws: its opening, its messages, its close codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scenarios.plan import Token
from scenarios.protocols.graphql import SUBPROTOCOL, GraphQLTransportWS
from scenarios.protocols.shape import Kind, Message
from scenarios.protocols.transport import credentials_by

TOKEN = Token("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl")
GRAPHQL = GraphQLTransportWS()


def read(frame: Any) -> Message:
    return GRAPHQL.read(json.dumps(frame))


def test_the_token_is_in_the_opening_or_else_in_the_upgrade() -> None:
    (opening,) = GRAPHQL.openings(TOKEN)
    assert json.loads(opening.payload) == {
        "type": "connection_init",
        "payload": {"Authorization": f"Bearer {TOKEN.value}"},
    }
    (opening,) = GRAPHQL.openings(None)
    assert json.loads(opening.payload) == {"type": "connection_init"}
    of_the_protocol = credentials_by("protocol", GRAPHQL, TOKEN)
    assert (of_the_protocol.headers, of_the_protocol.subprotocols) == ((), (SUBPROTOCOL,))
    in_a_header = credentials_by("header", GRAPHQL, TOKEN)
    assert in_a_header.headers and in_a_header.expected_subprotocol == SUBPROTOCOL


def test_a_session_is_ready_when_it_is_acknowledged() -> None:
    assert read({"type": "connection_ack"}).kind is Kind.WELCOME


def test_a_field_is_queried_and_its_first_result_ends_the_wait() -> None:
    request = GRAPHQL.request("hello", number=5)
    assert json.loads(request.payload)["payload"] == {"query": "{ hello }"}
    message = read({"type": "next", "id": "5", "payload": {"data": {"hello": "x"}}})
    assert message[:3] == (Kind.REPLY, request.reply_key, request.reply_id)
    assert read({"type": "complete", "id": "5"}).key != request.reply_key


def test_a_result_in_part_is_a_result_and_one_of_errors_alone_is_an_error() -> None:
    errors = [{"message": "boom", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]
    assert read({"type": "next", "id": "5", "payload": {"data": {"a": 1}, "errors": errors}}).kind is Kind.REPLY
    message = read({"type": "next", "id": "5", "payload": {"data": None, "errors": errors}})
    assert (message.kind, message.id) == (Kind.ERROR, "5")
    assert message.error is not None and message.error[:3] == ("INTERNAL_SERVER_ERROR", False, "boom")
    assert not message.error.is_clients


def test_an_error_message_blames_the_query_unless_it_is_about_credentials() -> None:
    message = read({"type": "error", "id": "5", "payload": [{"message": "Cannot query field"}]})
    assert message.error is not None and message.error.is_clients and not message.error.is_auth
    refused = [{"message": "no", "extensions": {"code": "UNAUTHENTICATED"}}]
    message = read({"type": "error", "id": "5", "payload": refused})
    assert message.error is not None and message.error.is_auth and not message.error.is_clients


def test_pings_go_both_ways_and_a_pong_repeats_what_it_was_sent() -> None:
    request = GRAPHQL.request("ping", number=5)
    assert json.loads(request.payload) == {"type": "ping"}
    assert read({"type": "pong"})[:2] == (Kind.REPLY, request.reply_key)
    assert json.loads(read({"type": "ping", "payload": {"at": 1}}).answer or b"") == {
        "type": "pong",
        "payload": {"at": 1},
    }
    assert json.loads(read({"type": "ping"}).answer or b"") == {"type": "pong"}


@pytest.mark.parametrize("code", [4400, 4406, 4408, 4409, 4429])
def test_codes_that_blame_the_client(code: int) -> None:
    refusal = GRAPHQL.refusal_of_close(code, "why")
    assert refusal is not None and refusal.is_clients and not refusal.is_auth


@pytest.mark.parametrize("code", [None, 1000, 1011, 4401, 4403])
def test_other_codes_mean_what_they_mean_everywhere(code: int | None) -> None:
    assert GRAPHQL.refusal_of_close(code, "why") is None


@pytest.mark.parametrize(
    ("payload", "kind"),
    [(b"{", Kind.MALFORMED), (b"[]", Kind.MALFORMED), (b"{}", Kind.NOISE), (b'{"type":"x"}', Kind.NOISE)],
)
def test_what_is_none_of_it(payload: bytes, kind: Kind) -> None:
    assert GRAPHQL.read(payload).kind is kind


@pytest.mark.parametrize("payload", [None, [], {}, "text", [None], [{"message": 5, "extensions": []}]])
def test_errors_of_any_shape_are_read(payload: Any) -> None:
    assert read({"type": "error", "payload": payload}).error is not None
