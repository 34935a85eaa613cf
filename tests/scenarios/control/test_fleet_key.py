from __future__ import annotations

import pytest

from scenarios.control.fleet_key import VARIABLE, Handshakes, fleet_key, open_door
from scenarios.errors import ConfigError


def test_the_same_secret_is_the_same_key_and_another_is_another() -> None:
    one, same, other = (fleet_key({VARIABLE: text}) for text in ("s" * 16, f" {'s' * 16}\n", "t" * 16))
    assert one == same
    assert one is not None and other is not None
    assert one.public != other.public


def test_a_key_shows_neither_of_its_halves() -> None:
    key = fleet_key({VARIABLE: "s" * 16})
    assert key is not None
    assert key.secret.decode() not in f"{key!r}{key}"


def test_without_the_variable_there_is_no_key() -> None:
    assert fleet_key({}) is None
    assert fleet_key({VARIABLE: " "}) is None


def test_a_secret_that_can_be_guessed_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="SOAK_FLEET_KEY is shorter than 16 bytes") as refusal:
        fleet_key({VARIABLE: "hunter2"})
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_master_that_only_this_machine_reaches_needs_no_warning(host: str) -> None:
    assert open_door(host) is None


@pytest.mark.parametrize("host", ["*", "0.0.0.0", "10.1.2.3", "::"])
def test_a_master_that_others_reach_without_a_key_is_said_to_be_open(host: str) -> None:
    assert "whoever reaches this master's port can join the run" in (open_door(host) or "")


def test_a_connection_that_broke_in_the_middle_of_a_handshake_is_not_asked_about_at_once() -> None:
    handshakes = Handshakes()
    assert [handshakes.failed(is_final=False) for _ in range(3)] == [False, False, True]


def test_a_master_that_has_a_key_where_the_worker_has_none_is_asked_at_once() -> None:
    assert Handshakes().failed(is_final=True)


def test_a_worker_that_was_let_in_once_is_never_sent_away() -> None:
    handshakes = Handshakes()
    handshakes.succeeded()
    assert not any(handshakes.failed(is_final=True) for _ in range(9))


def test_what_speaks_no_zeromq_is_told_once_and_asked_again_after_some_more_ends() -> None:
    handshakes = Handshakes()
    assert [handshakes.met_nobody() for _ in range(3)] == [True, False, False]
    assert [handshakes.failed(is_final=False) for _ in range(3)] == [False, False, True]
