"""The language whose fields are named by options."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scenarios.plan import MessageFields, Token
from scenarios.protocols.json_messages import JsonMessages
from scenarios.protocols.shape import Credentials, Kind, Message, Refusal

TOKEN = Token("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl")
PLAIN = JsonMessages()


def read(frame: Any, protocol: JsonMessages = PLAIN) -> Message:
    return protocol.read(json.dumps(frame))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"type": "chat_ack", "id": "3"}, Message(Kind.REPLY, "reply", "3")),
        ({"type": "chat_ack", "id": 3}, Message(Kind.REPLY, "reply", "3")),
        ({"type": "pong"}, Message(Kind.REPLY, "reply")),
        ({"type": "news", "text": "x"}, Message(Kind.PUSH, "news")),
        ({"type": "ping"}, Message(Kind.PING, answer=b'{"type":"pong"}')),
        (
            {"type": "error", "message": "busy", "id": "3"},
            Message(Kind.ERROR, id="3", error=Refusal("", False, "busy")),
        ),
        ({"error": {"code": 401}, "id": 3}, Message(Kind.ERROR, id="3", error=Refusal("401", True, ""))),
        ({"error": "bad token"}, Message(Kind.ERROR, error=Refusal("", True, "bad token"))),
        ({"id": "3", "result": 1, "error": None}, Message(Kind.REPLY, "reply", "3")),
        ({"text": "x"}, Message(Kind.NOISE)),
        ([1, 2], Message(Kind.NOISE)),
        ("text", Message(Kind.NOISE)),
    ],
)
def test_a_message_is_what_its_type_and_its_id_say(frame: Any, message: Message) -> None:
    found = read(frame)
    assert found._replace(error=None) == message._replace(error=None)
    if message.error is not None and found.error is not None:
        assert (found.error.is_auth, found.error.text) == (message.error.is_auth, message.error.text)


def test_what_is_no_json_is_malformed() -> None:
    assert PLAIN.read(b'{"type":"stats","load":NaN}').kind is Kind.MALFORMED


def test_a_request_is_answered_by_what_repeats_its_id() -> None:
    request = PLAIN.request("chat", number=7, size=20)
    sent = json.loads(request.payload)
    assert (sent["type"], sent["id"], len(sent["content"])) == ("chat", "7", 20)
    assert read({"type": "whatever", "id": sent["id"]})[1:3] == (request.reply_key, request.reply_id)


def test_the_fields_are_named_as_the_options_say() -> None:
    named = JsonMessages(MessageFields(type_field="kind", id_field="ref", welcome_type="hello"))
    assert named.welcomes_with_frame and not PLAIN.welcomes_with_frame
    assert json.loads(named.request("chat", number=7).payload) == {"kind": "chat", "ref": "7"}
    assert read({"kind": "hello"}, named).kind is Kind.WELCOME
    assert read({"kind": "ok", "ref": "7"}, named).id == "7"
    assert read({"type": "ok", "id": "7"}, named).kind is Kind.NOISE
    assert read({"kind": "ping"}, named).answer == b'{"kind":"pong"}'


def test_where_replies_name_no_id_any_message_of_a_type_is_one() -> None:
    nameless = JsonMessages(MessageFields(id_field=""))
    request = nameless.request("chat", number=7)
    assert json.loads(request.payload) == {"type": "chat"}
    assert read({"type": "done", "id": "x"}, nameless)[:3] == (Kind.REPLY, request.reply_key, None)
    assert request.reply_id is None


def test_the_opening_carries_the_token_and_then_the_upgrade_does_not() -> None:
    speaking = JsonMessages(MessageFields(opening='{"type":"auth","token":"{token}"}', welcome_type="auth_ok"))
    (opening,) = speaking.openings(TOKEN)
    assert json.loads(opening.payload) == {"type": "auth", "token": TOKEN.value}
    assert speaking.credentials(TOKEN, transport="subprotocol") == Credentials()
    assert PLAIN.openings(TOKEN) == ()
    assert PLAIN.credentials(TOKEN, transport="subprotocol").headers
    (without,) = speaking.openings(None)
    assert json.loads(without.payload)["token"] == ""


def test_messages_may_come_in_lines_and_in_binary() -> None:
    frame = b'{"type":"ok","id":"1"}\n{"type":"news"}'
    assert [message.kind for message in PLAIN.read_all(frame)] == [Kind.REPLY, Kind.PUSH]
    assert PLAIN.read_binary(b'{"type":"ok","id":"1"}').id == "1"
