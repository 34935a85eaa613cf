"""Faults between accept and welcome, on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, NegotiationError

from tests.standin.serving import (
    PATIENCE_S,
    QUIET_S,
    Standin,
    answers_protocol_pings,
    frame,
    is_quiet,
    raw_upgrade,
    read_until_end,
    token,
    until,
    wait_for,
)

Start = Callable[..., Standin]


def refusal(server: Standin, bearer: str | None = "") -> tuple[dict[str, Any], ConnectionClosed]:
    with server.connect(bearer) as websocket:
        error = frame(websocket)
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(PATIENCE_S)
    return error, closed.value


@pytest.mark.parametrize("fault", ["slow_welcome:delay=1", "bad_instance:of=1,delay=1"])
def test_a_slow_welcome_comes_late_and_complete(start: Start, fault: str) -> None:
    server = start("--fault", fault)
    with server.connect() as websocket:
        accepted_s = time.monotonic()
        frames = until(websocket, "ping")
        assert time.monotonic() - accepted_s > 0.9
    assert [found["type"] for found in frames] == ["handshake_validation", "system_message", "ping"]
    truth = server.truth_of_one()
    assert truth["fault"] == fault.partition(":")[0]
    assert truth["welcomed_at"] - truth["fault_at"] >= 900_000


def test_an_unhit_connection_is_not_named_in_the_truth(start: Start) -> None:
    server = start("--fault", "slow_welcome:share=0", "--fault", "none")
    with server.session():
        pass
    assert server.truth_of_one()["fault"] is None


def test_a_silent_welcome_still_answers_protocol_pings(start: Start) -> None:
    server = start("--fault", "bad_instance:of=1,effect=silent")
    with server.connect() as websocket:
        assert is_quiet(websocket)
        assert answers_protocol_pings(websocket)


@pytest.mark.parametrize("fault", ["reset:phase=welcome", "bad_instance:of=1,effect=reset"])
def test_a_reset_instead_of_the_welcome(start: Start, fault: str) -> None:
    server = start("--fault", fault)
    with raw_upgrade(server) as raw, pytest.raises(ConnectionResetError):
        assert b"101" in read_until_end(raw)
    assert server.truth_of_one()["ended"] == "reset"


def test_an_instance_that_fails_closes_with_1011_and_the_others_work(start: Start) -> None:
    server = start("--fault", "bad_instance:of=2,instance=1,effect=error")
    assert server.ready["instances"] == ["instance-0", "instance-1"]
    outcomes = set()
    for _ in range(12):
        with server.connect() as websocket:
            assert websocket.response is not None
            instance = websocket.response.headers["X-Server-Instance"]
            outcomes.add((instance, frame(websocket)["type"]))
    assert outcomes == {("instance-0", "handshake_validation"), ("instance-1", "error_message")}


def test_a_cold_start_welcomes_late_degraded_and_says_so(start: Start) -> None:
    server = start("--fault", "cold_start:for=600,delay=0.3")
    with server.connect() as websocket:
        degraded, _, welcome, _ = until(websocket, "ping")
    assert degraded["data"]["event"] == "degraded_mode" and degraded["data"]["startup_wait_time"] == 0.3
    assert welcome["data"]["startup_complete"] is False


def test_a_start_that_completes_while_it_is_waited_for_is_not_degraded(start: Start) -> None:
    server = start("--fault", "cold_start:for=1,delay=5")
    with server.connect() as websocket:
        _, welcome, _ = until(websocket, "ping")
    assert welcome["data"]["startup_complete"] is True
    assert server.get("/health")[0] == 200


def test_quirk_bypass_does_not_wait_for_the_start(start: Start) -> None:
    server = start("--fault", "cold_start:for=600,delay=0.1", "--quirks", "e2e_bypass")
    with server.connect(additional_headers={"X-E2E-Test": "true"}) as websocket:
        _, welcome, _ = until(websocket, "ping")
    assert welcome["data"]["startup_complete"] is True


def test_the_quota_is_per_user_and_heals(start: Start) -> None:
    server = start("--fault", "quota:limit=2,window=3")

    def is_welcomed(user: str) -> bool:
        with server.connect(token(sub=user)) as websocket:
            return bool(frame(websocket)["type"] == "handshake_validation")

    assert is_welcomed("one") and is_welcomed("one")
    error, closed = refusal(server, token(sub="one"))
    assert error["error_code"] == "FACTORY_INIT_FAILED"
    assert closed.rcvd is not None
    assert (closed.rcvd.code, closed.rcvd.reason) == (1011, "Factory SSOT validation failed")
    assert is_welcomed("two")
    wait_for(lambda: is_welcomed("one"), "the end of the window")
    assert any("Resource limit exceeded for user one" in message for message in server.messages())


def test_after_twenty_sockets_of_a_user_every_further_one_is_refused(start: Start) -> None:
    server = start("--quirks", "quota")

    def first_frame(_: int) -> dict[str, Any]:
        with server.connect(token(sub="busy")) as websocket:
            return frame(websocket)

    assert {first_frame(number)["type"] for number in range(20)} == {"handshake_validation"}
    with ThreadPoolExecutor(7) as pool:
        refused = list(pool.map(first_frame, range(49)))
    assert {found.get("error_code") for found in refused} == {"FACTORY_INIT_FAILED"}
    # Refused sockets do not count: the window is as full as it was.
    assert {found["error_message"].rpartition(" (")[2] for found in refused} == {"20/20 managers)"}


def test_a_socket_beyond_the_quota_is_closed_without_the_pause_of_a_refused_token(start: Start) -> None:
    # Ten times the usual waits: 0.8 s to the check, and 1 s between a refused token's error frame and its close.
    server = start("--fault", "quota:limit=1", floor_ms=1900)
    raw_upgrade(server, token(sub="slow")).close()
    wait_for(lambda: any("Created isolated" in message for message in server.messages()), "the first one's manager")
    with server.connect(token(sub="slow")) as websocket:
        assert frame(websocket)["error_code"] == "FACTORY_INIT_FAILED"
        told_s = time.monotonic()
        with pytest.raises(ConnectionClosed):
            websocket.recv(PATIENCE_S)
        assert time.monotonic() - told_s < 0.5


def test_abandoned_handshakes_use_quota(start: Start) -> None:
    server = start("--fault", "quota:limit=2")
    for _ in range(2):
        raw_upgrade(server, token(sub="hasty")).close()
    wait_for(lambda: sum("Entering" in message for message in server.messages()) == 2, "the end of their set-up")
    assert refusal(server, token(sub="hasty"))[0]["error_code"] == "FACTORY_INIT_FAILED"


def test_the_auth_gate_refuses_a_valid_token_and_names_the_dependency(start: Start) -> None:
    server = start("--fault", "auth_gate:cap=0.2")
    error, closed = refusal(server)
    assert error["error_code"] == "VALIDATION_FAILED" and "auth_service_unreachable" in error["error_message"]
    assert closed.rcvd is not None and closed.rcvd.code == 1008
    truth = server.truth_of_one()
    assert (truth["fault"], truth["ended"], truth["close_code"]) == ("auth_gate", "auth_refused", 1008)


@pytest.mark.parametrize("bearer", [token(exp=1), token("another secret that has more than thirty-two bytes")])
def test_the_auth_gate_refuses_without_a_look_at_the_token(start: Start, bearer: str) -> None:
    server = start("--fault", "auth_gate:cap=0.2")
    assert "auth_service_unreachable" in refusal(server, bearer)[0]["error_message"]
    assert refusal(server, "only.two")[0]["error_code"] == "INVALID_FORMAT"


def test_who_bypasses_the_check_does_not_meet_the_auth_gate(start: Start) -> None:
    server = start("--fault", "auth_gate", "--quirks", "e2e_bypass")
    with server.connect(additional_headers={"X-Test-Mode": "true"}) as websocket:
        assert frame(websocket)["type"] == "handshake_validation"


def test_the_preface_comes_before_the_welcome(start: Start) -> None:
    server = start("--fault", "preface:delay=0,extra=2")
    with server.connect() as websocket:
        frames = until(websocket, "ping")
    assert [found.get("data", {}).get("event", found["type"]) for found in frames] == [
        "service_info",
        "notice",
        "notice",
        "handshake_validation",
        "connection_established",
        "ping",
    ]


@pytest.mark.parametrize(
    ("variant", "answered"), [("always", "jwt-auth"), ("wrong", "graphql-ws"), ("mangled", "JWT-Auth")]
)
def test_a_subprotocol_that_was_not_offered(start: Start, variant: str, answered: str) -> None:
    server = start("--fault", f"subprotocol_echo:variant={variant}")
    with raw_upgrade(server) as raw:
        head = raw.recv(4096)
    assert f"Sec-WebSocket-Protocol: {answered}\r\n".encode() in head
    with pytest.raises(NegotiationError):
        server.connect()
    offering = ["jwt-auth"] if variant != "always" else ["chat"]
    with pytest.raises(NegotiationError):
        server.connect(subprotocols=offering)


def test_a_healthy_answer_is_no_hit(start: Start) -> None:
    server = start("--fault", "subprotocol_echo")
    with server.session(subprotocols=["jwt-auth"]) as websocket:
        assert websocket.subprotocol == "jwt-auth"
    assert server.truth_of_one()["fault"] is None


def test_faults_compose_in_the_order_given(start: Start) -> None:
    server = start("--fault", "preface:delay=0", "--fault", "slow_welcome:delay=0.6", "--fault", "zombie:after=0")
    with server.connect() as websocket:
        assert frame(websocket)["data"]["event"] == "service_info"
        with pytest.raises(TimeoutError):
            websocket.recv(QUIET_S / 4)
        until(websocket, "ping")
        websocket.send('{"type":"ping"}')
        assert is_quiet(websocket)
    assert server.truth_of_one()["fault"] == "preface;slow_welcome;zombie"
