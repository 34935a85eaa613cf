"""The checks of P1 in virtual time: what passes them, and what each of them finds."""

from __future__ import annotations

from typing import Any

import pytest

from attempts.p1_checks import DESCRIBED, NOT_DESCRIBED
from scenarios.checks.p1 import P1
from scenarios.session.ledger import End
from tests.scenarios.checks.virtual_server import (
    CONTEXT,
    NO_TOKEN,
    PING,
    PREFACE,
    VALIDATION,
    WELCOME,
    Played,
    VirtualServer,
    played,
)

BY_NUMBER = {check.number: check for check in P1}
SERVICE_INFO: dict[str, Any] = {"type": "system_message", "data": {"event": "service_info"}}


def run(number: int, **server: Any) -> Played:
    return played(BY_NUMBER[number].play(CONTEXT), VirtualServer(**server))


@pytest.mark.parametrize("number", sorted(BY_NUMBER))
def test_a_server_that_keeps_its_contract_passes_and_no_connection_is_left_open(number: int) -> None:
    found = run(number)
    assert (found.outcome, found.cause, found.left_open) == ("ok", None, 0)
    assert found.took_s < 30.0


def test_all_25_checks_are_either_described_and_run_or_listed() -> None:
    assert list(BY_NUMBER) == list(DESCRIBED)
    assert sorted([*DESCRIBED, *NOT_DESCRIBED]) == list(range(1, 26))


@pytest.mark.parametrize("number", [1, 2, 3, 23, 25])
def test_frames_before_the_welcome_do_not_matter(number: int) -> None:
    preface = ((0.1, SERVICE_INFO), (0.49, VALIDATION), (0.59, WELCOME), (0.59, PING))
    assert run(number, with_token=preface).outcome == "ok"


@pytest.mark.parametrize("number", [1, 2, 3, 23, 25])
def test_a_welcome_that_never_comes_is_a_timeout_within_the_budget_of_a_connect(number: int) -> None:
    found = run(number, with_token=((0.1, VALIDATION),))
    assert (found.outcome, found.cause) == ("timeout", "silent_peer")
    assert found.took_s < 25.0


@pytest.mark.parametrize(("number", "operation"), [(1, "ping"), (2, "message"), (3, "chat_message"), (23, "ping")])
def test_a_request_that_is_not_answered_is_a_timeout_although_pings_come(number: int, operation: str) -> None:
    found = run(number, replies={}, with_token=(*PREFACE, (1.0, PING), (2.0, PING)))
    assert (found.outcome, found.cause) == ("timeout", "silent_peer"), operation


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_at_the_upgrade_is_one_too(number: int, status: int) -> None:
    assert run(number, upgrade=End("http_status", http_status=status)).outcome == "ok"


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_server_that_lets_everybody_in_fails(number: int) -> None:
    found = run(number, without_token=PREFACE)
    assert (found.outcome, found.cause) == ("failed", "credentials_accepted")


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_connection_without_a_token_that_ends_otherwise_was_not_refused(number: int) -> None:
    full = {"type": "error_message", "error_code": "FACTORY_INIT_FAILED", "error_message": "limit"}
    found = run(number, without_token=((0.088, full), (0.088, (1011, "Factory SSOT validation failed"))))
    assert (found.outcome, found.cause) == ("failed", "server_error")


def test_a_refusal_whose_close_never_comes_is_a_timeout() -> None:
    found = run(4, without_token=((0.08, NO_TOKEN),))
    assert (found.outcome, found.cause) == ("timeout", "silent_peer")


@pytest.mark.parametrize("number", [1, 2, 3, 23, 25])
def test_a_token_that_is_refused_says_so(number: int) -> None:
    wrong = {"type": "error_message", "error_code": "VALIDATION_FAILED", "error_message": "Token validation failed"}
    found = run(number, with_token=((0.08, wrong), (0.18, (1008, "SSOT Auth failed"))))
    assert (found.outcome, found.cause) == ("failed", "auth_rejected")


@pytest.mark.parametrize("number", [1, 11, 18])
def test_a_health_page_that_is_not_there_fails_with_its_status(number: int) -> None:
    assert run(number, status={"/health": 503}).cause == "http_status"


@pytest.mark.parametrize(("number", "times"), [(11, 10), (18, 30)])
def test_the_health_page_is_asked_so_many_times_50_ms_apart(number: int, times: int) -> None:
    server = VirtualServer()
    found = played(BY_NUMBER[number].play(CONTEXT), server)
    assert server.asked == ["/health"] * times
    assert found.took_s == pytest.approx(0.05 * (times - 1))


def test_the_event_stream_is_left_after_one_event_and_after_two() -> None:
    assert run(23).took_s < 1.0
    assert 5.0 <= run(25).took_s < 6.0


def test_an_event_stream_that_stops_is_no_endless_one() -> None:
    found = run(25, stream_ends_s=1.0)
    assert (found.outcome, found.cause) == ("failed", "server_closed")
    assert "1 events" in found.words


def test_an_event_stream_that_falls_silent_is_a_timeout() -> None:
    assert run(25, stream_gap_s=60.0).outcome == "timeout"


@pytest.mark.parametrize("path", ["/api/events/stream", "/api/agents/stream"])
def test_a_streaming_endpoint_that_is_not_there_fails(path: str) -> None:
    assert run(23, status={path: 404}).cause == "http_status"


def test_the_server_s_own_ping_is_waited_for_and_answered() -> None:
    server = VirtualServer()
    assert played(BY_NUMBER[25].play(CONTEXT), server).outcome == "ok"
    assert server.said == ["pong"]
    assert run(25, with_token=((0.1, WELCOME),)).outcome == "timeout"


@pytest.mark.parametrize("number", [1, 2, 3, 23, 25])
def test_a_close_that_is_not_answered_is_a_timeout(number: int) -> None:
    assert run(number, closes=False).outcome == "timeout"
