"""JSON-RPC 2.0: requests, results, errors, batches, notifications, requests of the server's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scenarios.protocols.jsonrpc import JsonRpc
from scenarios.protocols.shape import Kind, Message, Refusal

RPC = JsonRpc()


def read(frame: Any) -> Message:
    return RPC.read(json.dumps(frame))


def test_a_request_calls_a_method_and_its_result_ends_the_wait() -> None:
    request = RPC.request("sum", number=4)
    assert json.loads(request.payload) == {"jsonrpc": "2.0", "id": 4, "method": "sum"}
    assert json.loads(RPC.request("sum", number=4, size=9).payload)["params"] == ["wsoak mea"]
    for result in (3, None):
        assert read({"jsonrpc": "2.0", "id": 4, "result": result})[:3] == (
            Kind.REPLY,
            request.reply_key,
            request.reply_id,
        )


@pytest.mark.parametrize(
    ("code", "text", "is_auth", "is_clients"),
    [
        (-32601, "Method not found", False, True),
        (-32602, "Invalid params", False, True),
        (-32603, "Internal error", False, False),
        (-32000, "Unauthorized", True, False),
        (-32600, "Invalid request: no token", True, False),
    ],
)
def test_an_error_names_its_request_and_says_whose_fault_it_is(
    code: int, text: str, is_auth: bool, is_clients: bool
) -> None:
    message = read({"jsonrpc": "2.0", "id": 4, "error": {"code": code, "message": text}})
    assert (message.kind, message.id) == (Kind.ERROR, "4")
    assert message.error == Refusal(str(code), is_auth, text, is_clients=is_clients)


def test_an_error_that_names_nobody_answers_the_oldest() -> None:
    assert read({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}).id is None


def test_a_notification_is_a_push() -> None:
    assert read({"jsonrpc": "2.0", "method": "news", "params": []}) == Message(Kind.PUSH, "news")


def test_a_request_of_the_servers_is_declined() -> None:
    message = read({"jsonrpc": "2.0", "method": "who", "id": "s1"})
    assert message.kind is Kind.PING
    assert json.loads(message.answer or b"")["error"]["code"] == -32601
    assert json.loads(message.answer or b"")["id"] == "s1"


def test_the_objects_of_a_batch_are_read_one_by_one() -> None:
    batch = [{"id": 1, "result": 0}, {"method": "news"}, 7]
    kinds = [message.kind for message in RPC.read_all(json.dumps(batch))]
    assert kinds == [Kind.REPLY, Kind.PUSH, Kind.NOISE]


@pytest.mark.parametrize(("payload", "kind"), [(b"{", Kind.MALFORMED), (b"[]", Kind.NOISE), (b"{}", Kind.NOISE)])
def test_what_is_none_of_it(payload: bytes, kind: Kind) -> None:
    assert RPC.read(payload).kind is kind
    assert RPC.read_binary(payload).kind is kind
