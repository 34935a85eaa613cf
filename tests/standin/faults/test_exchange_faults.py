"""Faults on an established session, on the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed

from tests.standin.serving import (
    PATIENCE_S,
    QUIET_S,
    Standin,
    answers_protocol_pings,
    ask,
    frame,
    is_quiet,
    masked_text,
    raw_upgrade,
    read_until_end,
    wait_for,
)

Start = Callable[..., Standin]
PING = json.dumps({"type": "ping"})


def test_a_zombie_serves_some_messages_then_only_protocol_pings(start: Start) -> None:
    server = start("--fault", "zombie:after=2", "--heartbeat-s", "0.2")
    with server.session() as websocket:
        for _ in range(2):
            websocket.send(PING)
            while frame(websocket)["type"] != "pong":
                pass
        for _ in range(3):
            websocket.send(PING)
            assert answers_protocol_pings(websocket)
        assert is_quiet(websocket)
    truth = server.truth_of_one()
    assert (truth["fault"], truth["ended"], truth["messages"]) == ("zombie", "client_close", 3)


@pytest.mark.slow
def test_five_agents_in_a_row_that_cannot_be_routed_leave_a_mute_session(start: Start) -> None:
    server = start("--fault", "mute", "--heartbeat-s", "0.2")
    agent = json.dumps({"type": "start_agent", "payload": {"content": "why"}})
    with server.session() as websocket:
        for _ in range(4):
            websocket.send(agent)
        websocket.send(PING)
        while frame(websocket)["type"] != "pong":  # it counted anew: a ping was routed
            pass
        for _ in range(5):
            websocket.send(agent)
        wait_for(lambda: any("Exiting" in message for message in server.messages()), "the end of the loop")
        websocket.send(PING)
        assert answers_protocol_pings(websocket)
        while True:  # what was sent before the end of the loop
            try:
                assert frame(websocket, QUIET_S)["type"] == "ping"
            except TimeoutError:
                break
    truth = server.truth_of_one()
    assert (truth["fault"], truth["ended"], truth["messages"]) == ("mute", "client_close", 10)


def test_a_session_that_the_fault_does_not_hit_is_closed_after_five_routing_errors(start: Start) -> None:
    server = start("--fault", "mute:share=0")
    with server.session() as websocket:
        for _ in range(5):
            websocket.send(b"x")
        with pytest.raises(ConnectionClosed):
            websocket.recv(PATIENCE_S)
    truth = server.truth_of_one()
    assert (truth["fault"], truth["ended"], truth["close_code"]) == (None, "server_close", 1000)


def test_a_stalled_reply_comes_late_and_what_follows_waits_too(start: Start) -> None:
    server = start("--fault", "stalled_reply:delay=0.5,after=1")
    with server.session() as websocket:
        assert ask(websocket, PING)["type"] == "pong"
        sent_s = time.monotonic()
        websocket.send(json.dumps({"type": "chat"}))
        websocket.send(PING)
        assert frame(websocket)["type"] == "system_message"
        assert time.monotonic() - sent_s > 0.45
        assert frame(websocket)["type"] == "pong"
        assert time.monotonic() - sent_s > 0.9


def test_a_ratio_stalls_some_messages(start: Start) -> None:
    server = start("--fault", "stalled_reply:delay=0,ratio=0.5")
    with server.session() as websocket:
        for _ in range(5):
            assert ask(websocket, PING)["type"] == "pong"


def test_dropped_types_and_sizes_leave_the_rest_working(start: Start) -> None:
    server = start("--fault", "drop_type:types=chat+heartbeat,above_bytes=100")
    with server.session() as websocket:
        for message in ({"type": "chat"}, {"type": "heartbeat"}, {"type": "connect", "padding": "x" * 100}):
            websocket.send(json.dumps(message))
            assert ask(websocket, PING)["type"] == "pong"
        assert ask(websocket, {"type": "message"})["type"] == "system_message"
    assert server.truth_of_one()["fault_spec"] == "drop_type:seed=1,types=chat+heartbeat,above_bytes=100"


@pytest.mark.parametrize("fault", ["reset:after=1", "bad_instance:of=1,phase=exchange,effect=reset"])
def test_a_reset_instead_of_a_reply(start: Start, fault: str) -> None:
    server = start("--fault", fault)
    with raw_upgrade(server) as raw:
        assert raw.recv(12) == b"HTTP/1.1 101"
        raw.sendall(masked_text(PING) * 2)
        with pytest.raises(ConnectionResetError):
            read_until_end(raw)
    assert server.truth_of_one()["ended"] == "reset"


def test_an_instance_may_misbehave_on_established_sessions_only(start: Start) -> None:
    server = start("--fault", "bad_instance:of=1,phase=exchange,effect=silent")
    with server.session() as websocket:
        websocket.send(PING)
        assert is_quiet(websocket) and answers_protocol_pings(websocket)


def test_an_instance_may_fail_in_the_middle_of_an_exchange(start: Start) -> None:
    server = start("--fault", "bad_instance:of=1,phase=exchange,effect=error")
    with server.session() as websocket:
        assert ask(websocket, PING)["error_code"] == "INTERNAL_ERROR"
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(PATIENCE_S)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1011
    assert server.truth_of_one()["ended"] == "error_close"


@pytest.mark.parametrize(
    ("fault", "ended"), [("lifetime_cut:age=0.5", "lifetime_cut"), ("idle_cut:idle=0.5", "idle_cut")]
)
def test_a_cut_has_no_close_frame(start: Start, fault: str, ended: str) -> None:
    server = start("--fault", fault)
    with server.session() as websocket, pytest.raises(ConnectionClosed) as closed:
        websocket.recv(PATIENCE_S)
    assert closed.value.rcvd is None
    truth = server.truth_of_one()
    assert (truth["fault"], truth["ended"], truth["close_code"]) == (ended, ended, None)
    assert truth["closed_at"] - truth["opened_at"] >= 450_000


def test_messages_keep_an_idle_cut_away_but_not_a_lifetime_cut(start: Start) -> None:
    server = start("--fault", "idle_cut:idle=2", "--fault", "lifetime_cut:age=4")
    with server.session() as websocket, pytest.raises(ConnectionClosed):
        while True:
            assert ask(websocket, PING)["type"] == "pong"
            time.sleep(0.1)  # the pace of a chatty client
    assert server.truth_of_one()["ended"] == "lifetime_cut"
