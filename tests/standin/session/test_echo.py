"""/ws/test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from standin.session.echo import answer
from tests.standin.serving import Standin, ask, frame


@pytest.mark.parametrize(
    ("kind", "answered"),
    [
        ("ping", "pong"),
        ("echo", "echo_response"),
        ("session_start", "session_started"),
        ("queue_message", "message_queued"),
        ("reconnect", "reconnect_ack"),
        ("other", "ack"),
        (None, "ack"),
        (17, "ack"),
    ],
)
def test_answers_by_type(kind: Any, answered: str) -> None:
    assert answer(json.dumps({"type": kind}), 1.0)["type"] == answered


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_what_is_no_object_is_an_error(text: str) -> None:
    assert answer(text, 1.0)["type"] == "error"


def test_it_needs_no_token(healthy: Standin) -> None:
    with healthy.connect(None, path="/ws/test") as websocket:
        assert frame(websocket)["type"] == "connection_established"
        assert ask(websocket, {"type": "echo", "x": 1})["original"] == {"type": "echo", "x": 1}
        assert ask(websocket, b"binary")["type"] == "error"
        assert ask(websocket, {"type": "ping"})["type"] == "pong"
