"""The checks as the seed had them, in virtual time: their mistakes on a server that is right, and what they accuse."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.checks.naive import NAIVE
from scenarios.session.ledger import End
from tests.scenarios.checks.virtual_server import CONTEXT, PING, PREFACE, WELCOME, Played, VirtualServer, played

BY_NUMBER = {check.number: check for check in NAIVE}


def run(number: int, **server: Any) -> Played:
    return played(BY_NUMBER[number].play(CONTEXT), VirtualServer(**server))


@pytest.mark.parametrize("number", [1, 2])
def test_a_right_refusal_fails_the_test_within_a_second_by_its_own_mistake(number: int) -> None:
    found = run(number)
    assert (found.outcome, found.cause) == ("failed", "test_mistake")
    assert found.took_s < 1.0
    assert "for the welcome: a handshake_validation; for the reply: the welcome" in found.words


def test_the_first_frame_is_the_welcome_only_where_nothing_comes_before_it_and_the_reply_never_is() -> None:
    found = run(1, with_token=((0.1, WELCOME), (0.1, PING)), upgrade=End("http_status", http_status=403))
    assert found.outcome == "ok"  # of a server that refuses as the test expects it
    assert "for the welcome: the welcome; for the reply: a ping of the server's" in found.words


@pytest.mark.parametrize("number", [1, 2])
def test_a_server_that_lets_everybody_in_is_accused_of_it(number: int) -> None:
    assert run(number, without_token=PREFACE).cause == "credentials_accepted"


def test_any_frame_is_the_answer() -> None:
    found = run(3, replies={})
    assert (found.outcome, found.words) == ("ok", "took for the answer: a handshake_validation")


def test_a_refusal_is_success() -> None:
    assert run(4).outcome == "ok"


@pytest.mark.parametrize("number", [23, 25])
def test_the_event_stream_hangs_until_the_harness_ends_it_by_the_test_s_own_mistake(number: int) -> None:
    found = run(number)
    assert (found.outcome, found.cause, found.took_s) == ("timeout", "test_mistake", 120.0)
    assert "25 events" in found.words


@pytest.mark.parametrize(
    ("server", "cause"),
    [
        # It says one thing and nothing more: the server's silence, and not the test's patience.
        ({"stream_gap_s": 100.0}, "silent_peer"),
        ({"stream_gap_s": 50.0}, "silent_peer"),
    ],
)
def test_a_stream_that_has_fallen_silent_is_not_the_test_s_mistake(server: dict[str, Any], cause: str) -> None:
    found = run(23, **server)
    assert (found.outcome, found.cause) == ("timeout", cause)


def test_a_stream_that_ends_passes() -> None:
    assert run(23, stream_ends_s=60.0).outcome == "ok"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_server_that_sends_nothing_is_accused_of_it(number: int) -> None:
    found = run(number, with_token=(), replies={})
    assert (found.outcome, found.cause) == ("timeout", "silent_peer")


@pytest.mark.parametrize("number", [11, 18])
def test_the_health_checks_were_right(number: int) -> None:
    assert run(number).outcome == "ok"
