"""Sessions on /ws by an independent client, against the wire contract."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.standin.serving import (
    PATIENCE_S,
    Standin,
    ask,
    frame,
    raw_upgrade,
    token,
    until,
    wait_for,
)

Start = Callable[..., Standin]


def in_subprotocol(bearer: str) -> str:
    return "jwt." + base64.urlsafe_b64encode(bearer.encode()).decode().rstrip("=")


def refusal(server: Standin, bearer: str | None, **options: Any) -> tuple[dict[str, Any], int, str]:
    """Error frame, close code and reason of a session that is refused after its accept."""
    with server.connect(bearer, **options) as websocket:
        assert websocket.response is not None and websocket.response.status_code == 101
        error = frame(websocket)
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(PATIENCE_S)
    assert closed.value.rcvd is not None
    return error, closed.value.rcvd.code, closed.value.rcvd.reason


@pytest.mark.parametrize("path", ["/ws", "/websocket"])
def test_the_first_frames_are_validation_welcome_and_ping(healthy: Standin, path: str) -> None:
    with healthy.connect(path=path) as websocket:
        validation, welcome, ping = until(websocket, "ping")
    assert validation["type"] == "handshake_validation" and "data" not in validation
    data = welcome["data"]
    assert welcome["type"] == "system_message" and data["event"] == "connection_established"
    assert data["user_id"] == "staging-user-001"
    assert data["connection_id"].startswith("ws_staging-_")
    assert data["connection_ready"] is True and data["startup_complete"] is True
    assert data["config"] == {"heartbeat_interval": 25, "max_message_size": 8192}
    assert data["environment"] == "staging" and data["factory_pattern_enabled"] is True
    assert set(ping) == {"type", "data", "timestamp", "server_id", "correlation_id"}


def test_the_upgrade_names_the_instance(healthy: Standin) -> None:
    with healthy.connect() as websocket:
        assert websocket.response is not None
        assert websocket.response.headers["X-Server-Instance"] in healthy.ready["instances"]


def test_a_token_may_come_as_header_subprotocol_or_query(healthy: Standin) -> None:
    good = token()
    with healthy.session(good):
        pass
    with healthy.session(None, subprotocols=["jwt-auth", in_subprotocol(good)]) as websocket:
        assert websocket.subprotocol == "jwt-auth"
    with healthy.session(None, path=f"/ws?token={good}"):
        pass


def test_only_an_offered_jwt_auth_is_answered(healthy: Standin) -> None:
    with healthy.session(None, subprotocols=[in_subprotocol(token())]) as websocket:
        assert websocket.subprotocol is None
    with healthy.session(subprotocols=["chat"]) as websocket:
        assert websocket.subprotocol is None


@pytest.mark.parametrize(
    ("bearer", "code"),
    [
        (None, "NO_TOKEN"),
        ("only.two", "INVALID_FORMAT"),
        ("a..c", "INVALID_FORMAT"),
        ("not.a.token", "VALIDATION_FAILED"),
        (token(exp=int(time.time()) - 3600), "VALIDATION_FAILED"),
        (token("another secret that has more than thirty-two bytes"), "VALIDATION_FAILED"),
        (token(aud="somebody-else"), "VALIDATION_FAILED"),
    ],
    ids=["none", "two parts", "empty part", "garbage", "expired", "forged", "wrong audience"],
)
def test_a_refusal_is_an_error_frame_and_close_1008_after_the_accept(
    healthy: Standin, bearer: str | None, code: str
) -> None:
    error, close_code, reason = refusal(healthy, bearer)
    assert (close_code, reason) == (1008, "SSOT Auth failed")
    assert error["type"] == "error_message" and error["error_code"] == code
    assert error["details"]["error_code"] == code and error["details"]["ssot_authentication"] is True
    assert not bearer or bearer not in json.dumps(error)


def test_frames_sent_before_the_welcome_are_answered_after_it(start: Start) -> None:
    server = start(floor_ms=190)
    with server.connect() as websocket:
        websocket.send(json.dumps({"type": "ping"}))
        types = [found["type"] for found in until(websocket, "pong")]
    assert types == ["handshake_validation", "system_message", "ping", "pong"]


def test_a_client_that_leaves_during_the_set_up_does_not_stop_it(start: Start) -> None:
    server = start(floor_ms=190)
    with raw_upgrade(server) as raw:
        assert raw.recv(12) == b"HTTP/1.1 101"
    found = wait_for(lambda: [m for m in server.messages() if "connection state error" in m], "the misleading line")
    assert 'Need to call "accept" first' in found[0]
    assert any("fully established" in message for message in server.messages())
    truth = server.truth_of_one()
    assert truth["ended"] == "client_gone" and truth["welcomed_at"] is None


def test_an_established_session_can_be_joined_by_user_and_connection_id(start: Start) -> None:
    server = start()
    bearer = token(sub="join-me-0001")
    with server.connect(None, path=f"/ws?token={bearer}") as websocket:
        (_, welcome, _) = until(websocket, "ping")
        ask(websocket, {"type": "chat", "content": f"my token: {bearer} {bearer.upper()} x"})
    connection_id = welcome["data"]["connection_id"]
    messages = wait_for(lambda: "Exiting" in "".join(server.messages()) and server.messages(), "the exit line")
    markers = [
        f"SSOT WEBSOCKET AUTH=REDACTED for user join-me-... (client_id: {connection_id})",
        f"[OK] SSOT AUTHENTICATION SUCCESS: user=join-me-..., client_id={connection_id}",
        f"Created isolated WebSocket manager for user join-me-... (isolation_key: join-me-0001:{connection_id}",
        "WebSocket authenticated for user: join-me-0001 at ",
        f"Registered connection with isolated manager: {connection_id}",
        "WebSocket connection fully established for user join-me-0001 in staging using FACTORY_PATTERN",
        f"Entering message handling loop for connection: {connection_id} (user: join-me-0001)",
        "Routing message type 'chat' from join-me-0001: ",
        "Message routing successful for user join-me-0001",
        f"Exiting message handling loop for connection: {connection_id} | Duration: ",
    ]
    positions = [next(i for i, message in enumerate(messages) if message.startswith(marker)) for marker in markers]
    assert positions == sorted(positions)
    record = server.log()[1]
    assert set(record) == {"severity", "message", "timestamp", "labels"}
    assert record["labels"]["module"] == "standin.session.session" and record["labels"]["function"] == "_accept"
    text = (server.folder / "log.jsonl").read_text() + (server.folder / "truth.jsonl").read_text()
    for part in (bearer, *bearer.split(".")):
        assert part not in text and part.upper() not in text


def test_a_refusal_is_logged_without_its_token(start: Start) -> None:
    server = start()
    bearer = token(exp=1)
    refusal(server, bearer)
    wait_for(lambda: any("AUTHENTICATION FAILED" in message for message in server.messages()), "the failure line")
    failed = next(line for line in server.log() if "AUTHENTICATION FAILED" in line["message"])
    assert failed["message"].startswith("SSOT AUTHENTICATION FAILED: VALIDATION_FAILED - Token=REDACTED")
    assert failed["severity"] == "ERROR"
    assert bearer.split(".")[2] not in (server.folder / "log.jsonl").read_text()


@pytest.mark.parametrize(
    "bearer",
    [
        token(exp=1, sub="bypassed"),
        token("another secret that has more than thirty-two bytes", sub="bypassed"),
        token(sub="bypassed").rpartition(".")[0] + ".unsigned",
    ],
    ids=["expired", "forged", "unsigned"],
)
def test_quirk_bypass_accepts_any_token_for_a_header_that_says_test(start: Start, bearer: str) -> None:
    server = start("--quirks", "e2e_bypass")
    with server.connect(bearer, additional_headers={"X-Test-Mode": "true"}) as websocket:
        (_, welcome, _) = until(websocket, "ping")
    assert welcome["data"]["user_id"] == "bypassed"
    assert refusal(server, bearer)[1] == 1008


def test_without_quirks_no_header_bypasses_the_check(healthy: Standin) -> None:
    assert refusal(healthy, token(exp=1), additional_headers={"X-Test-Mode": "true"})[1] == 1008


def test_first_connections_queue_up_behind_the_first_stall_and_later_ones_do_not(start: Start) -> None:
    server = start("--quirks", "first_stall,connect_cost")

    def welcomed_after_s(began_s: float) -> float:
        with server.session():
            return time.monotonic() - began_s

    with ThreadPoolExecutor(8) as pool:
        took_s = sorted(pool.map(welcomed_after_s, [time.monotonic()] * 8))
    # What a loop did one after the other cannot have taken less, however they came in.
    for number, took in enumerate(took_s, start=1):
        assert took >= 0.7 + number * 0.08
    wait_for(lambda: 0.08 <= welcomed_after_s(time.monotonic()) < 0.7, "a connect that was not stalled")


def test_quirk_first_stall_and_quirk_token_type(start: Start) -> None:
    server = start("--quirks", "first_stall,token_type")
    assert refusal(server, token())[1] == 1008
    with server.session(token(token_type="access")):
        pass
