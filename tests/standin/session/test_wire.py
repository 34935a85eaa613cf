"""Reading ahead while the server waits, and protocol pings."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest

from tests.standin.serving import (
    Standin,
    answers_protocol_pings,
    is_quiet,
    masked_text,
    raw_upgrade,
    read_until_end,
)

Start = Callable[..., Standin]


def test_protocol_pings_are_answered_while_a_reply_is_due(start: Start) -> None:
    server = start("--fault", "stalled_reply:delay=600")
    with server.session() as websocket:
        for _ in range(3):
            websocket.send(json.dumps({"type": "ping"}))
        assert answers_protocol_pings(websocket)
        assert is_quiet(websocket)


def test_a_client_without_protocol_pongs_is_closed_with_1011(start: Start) -> None:
    server = start("--protocol-ping-s", "0.2")
    with raw_upgrade(server) as raw:
        data = read_until_end(raw)
    assert b"\x03\xf3keepalive ping timeout" in data
    assert server.truth_of_one()["ended"] == "keepalive_timeout"


def test_a_client_that_floods_while_a_reply_is_stalled_is_held_back_by_tcp(start: Start) -> None:
    server = start("--fault", "stalled_reply:delay=600")
    with raw_upgrade(server) as raw:
        assert raw.recv(12) == b"HTTP/1.1 101"
        raw.settimeout(2)
        chunk = masked_text('{"type":"ping"}' + " " * 100) * 1000
        with pytest.raises(socket.timeout):
            for _ in range(1000):
                raw.sendall(chunk)
