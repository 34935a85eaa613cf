"""The contract's reconnect settings, number by number; and the pauses between the connections of a user."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.experiment.backoff import MAX_ATTEMPTS, RECONNECT_PAUSE_S, SHORT_SESSION_S, Pause, backoff_s, pause_after
from scenarios.plan import ConnectionResult


@pytest.mark.parametrize(("failures", "least_s"), [(1, 1.0), (2, 2.0), (3, 8.0), (4, 16.0)])
@given(seed=st.integers())
def test_each_wait_is_the_contracts_plus_at_most_its_jitter(failures: int, least_s: float, seed: int) -> None:
    wait_s = backoff_s(failures, random.Random(seed))
    assert wait_s is not None
    assert least_s <= wait_s <= least_s + min(2.0, 0.1 * least_s)


def test_after_the_fifth_failure_it_gives_up() -> None:
    assert backoff_s(MAX_ATTEMPTS, random.Random(1)) is None


def test_the_same_seed_waits_the_same() -> None:
    assert backoff_s(2, random.Random(9)) == backoff_s(2, random.Random(9))


def test_two_users_do_not_come_back_together() -> None:
    assert len({backoff_s(4, random.Random(seed)) for seed in range(50)}) == 50


def session(ended_by: str, open_s: float | None, *, pause_s: float = 0.0) -> ConnectionResult:
    return ConnectionResult(
        ready=True, ended_by=ended_by, outcome="failed", phase="hold", open_s=open_s, pause_s=pause_s
    )


FAILED = ConnectionResult(ready=False, ended_by="failure", outcome="failed", phase="tcp", cause="refused")


def pause(result: ConnectionResult, short_sessions: int = 0, *, seed: int = 1, is_probe: bool = False) -> Pause:
    return pause_after(result, short_sessions, random.Random(seed), is_probe=is_probe)


@pytest.mark.parametrize(("before", "least_s"), [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (5000, 10.0)])
@pytest.mark.parametrize("ended_by", ["peer", "failure"])
@given(seed=st.integers())
def test_sessions_that_are_ended_at_once_are_reopened_later_and_later(
    ended_by: str, before: int, least_s: float, seed: int
) -> None:
    found = pause(session(ended_by, SHORT_SESSION_S / 2), before, seed=seed)
    assert least_s <= found.seconds <= 1.5 * least_s
    assert (found.short_sessions, found.is_backing_off) == (before + 1, True)


def test_a_session_that_lived_or_ended_as_planned_is_followed_at_once_and_forgets_the_short_ones() -> None:
    for result in (session("peer", SHORT_SESSION_S), session("script", 0.01)):
        assert pause(result, 4) == Pause(0.0, 0, False)
    assert pause(session("script", 9.0, pause_s=0.7), 4) == Pause(0.7, 0, False)


def test_a_session_that_a_lost_process_cannot_speak_of_is_followed_at_once() -> None:
    assert pause(session("failure", None)) == Pause(0.0, 0, False)


@given(seed=st.integers())
def test_a_failed_connect_waits_a_second_and_a_jitter_and_forgets_nothing(seed: int) -> None:
    found = pause(FAILED, 3, seed=seed)
    assert RECONNECT_PAUSE_S <= found.seconds <= 1.5 * RECONNECT_PAUSE_S
    assert found[1:] == (3, False)


def test_a_probe_that_was_let_in_waits_as_one_that_was_refused() -> None:
    assert pause(session("script", 0.01), is_probe=True).seconds == pause(FAILED).seconds


def test_users_whose_sessions_ended_together_do_not_come_back_together() -> None:
    assert len({pause(session("peer", 0.1), seed=seed).seconds for seed in range(50)}) == 50
