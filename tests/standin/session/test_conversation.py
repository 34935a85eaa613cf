"""The message loop and its heartbeat, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed

from tests.standin.serving import (
    PATIENCE_S,
    Standin,
    answers_protocol_pings,
    ask,
    frame,
    is_quiet,
    until,
    wait_for,
)

Start = Callable[..., Standin]


def test_the_answers_come_in_the_order_of_the_messages(healthy: Standin) -> None:
    with healthy.session() as websocket:
        assert ask(websocket, {"type": "ping"})["type"] == "pong"
        chat = ask(websocket, {"type": "chat", "content": "hello", "message_id": "m1"})
        assert chat["data"]["original_message_id"] == "m1" and chat["data"]["status"] == "acknowledged"


def test_a_message_sent_during_the_agent_events_waits_for_their_end(healthy: Standin) -> None:
    with healthy.session() as websocket:
        websocket.send(json.dumps({"type": "start_agent", "payload": {"content": "why"}}))
        websocket.send(json.dumps({"type": "ping"}))
        types = [event["type"] for event in until(websocket, "pong")]
    assert types == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
        "pong",
    ]


def test_what_the_table_drops_leaves_the_session_working(healthy: Standin) -> None:
    with healthy.session() as websocket:
        for dropped in (
            json.dumps({"type": "agent_request", "payload": {}}),
            json.dumps({"type": "chat", "content": "x" * 9000}),
            json.dumps({"type": "chat", "payload": "not an object"}),
            json.dumps([1, 2]),
            b"binary",
        ):
            websocket.send(dropped)
            assert ask(websocket, {"type": "ping"})["type"] == "pong"


def test_what_is_not_json_is_a_format_error(healthy: Standin) -> None:
    with healthy.session() as websocket:
        for text in ("", "{not json"):
            assert ask(websocket, text)["error_code"] == "FORMAT_ERROR"


def test_five_routing_errors_in_a_row_close_the_session_with_1000(healthy: Standin) -> None:
    with healthy.session() as websocket:
        for _ in range(5):
            websocket.send(b"x")
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(PATIENCE_S)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1000


def test_json_pings_stop_after_four_without_a_pong_and_the_socket_stays(start: Start) -> None:
    server = start("--heartbeat-s", "0.2")
    with server.session() as websocket:
        for _ in range(3):
            assert frame(websocket)["type"] == "ping"
        wait_for(lambda: any("heartbeat timeout" in m for m in server.messages()), "the heartbeat timeout")
        assert is_quiet(websocket)
        assert ask(websocket, {"type": "heartbeat"})["type"] == "heartbeat_ack"


def test_json_pings_go_on_for_a_client_that_answers_them(start: Start) -> None:
    server = start("--heartbeat-s", "0.1")
    with server.session() as websocket:
        for _ in range(10):
            assert frame(websocket)["type"] == "ping"
            websocket.send(json.dumps({"type": "pong"}))
    assert not any("heartbeat timeout" in message for message in server.messages())


def test_the_two_lines_of_each_message_can_be_left_out(start: Start) -> None:
    server = start("--no-message-log")
    with server.session() as websocket:
        ask(websocket, {"type": "ping"})
    messages = wait_for(lambda: "Exiting" in "".join(server.messages()) and server.messages(), "the exit line")
    assert not any("outing" in message for message in messages)


def test_quirk_zombie_leaves_the_socket_open_and_silent(start: Start) -> None:
    server = start("--quirks", "zombie")
    with server.session() as websocket:
        for _ in range(5):
            websocket.send(b"x")
        wait_for(lambda: any("Exiting" in message for message in server.messages()), "the end of the loop")
        websocket.send(json.dumps({"type": "ping"}))
        assert is_quiet(websocket)
        assert answers_protocol_pings(websocket)


def test_quirk_start_agent_never_answers_it(start: Start) -> None:
    server = start("--quirks", "start_agent")
    with server.session() as websocket:
        websocket.send(json.dumps({"type": "start_agent", "payload": {"content": "why"}}))
        assert ask(websocket, {"type": "ping"})["type"] == "pong"
