from __future__ import annotations

import numpy as np
import pytest

from analysis.claims.session_limits import Holds, SessionLimit, session_limits, together
from tests.typed import known

UNKNOWN = -1


def holds(
    started_s: np.ndarray,
    age_s: np.ndarray,
    by_peer: np.ndarray,
    *,
    idle_s: np.ndarray | None = None,
    silence_s: np.ndarray | None = None,
    hosts: int = 3,
    seed: int = 1,
) -> Holds:
    rng = np.random.default_rng(seed)
    sessions = len(age_s)

    def binned(seconds: np.ndarray | None) -> np.ndarray:
        return np.full(sessions, UNKNOWN) if seconds is None else (seconds / 0.5).astype(np.int64)

    return Holds(
        host=rng.integers(0, hosts, sessions),
        by_peer=by_peer.astype(np.bool_),
        parity=rng.integers(0, 2, sessions),
        age=binned(age_s),
        idle=binned(idle_s),
        silence=binned(idle_s if silence_s is None else silence_s),
        end_s=np.floor(started_s + age_s).astype(np.int64),
        chunk=(started_s // 120).astype(np.int64),
        n=np.ones(sessions, dtype=np.int64),
    )


def spread(
    rng: np.random.Generator, *, limit_s: float | None = None, hazard: float = 0.0002, sessions: int = 2000
) -> Holds:
    """Sessions that start at any time and are planned for 60 to 900 s; some break, and a limit may cut them."""
    planned = rng.uniform(60, 900, sessions)
    broken = rng.exponential(1 / hazard, sessions) if hazard else np.full(sessions, np.inf)
    age_s = np.minimum(planned, broken)
    by_peer = broken < planned
    if limit_s is not None:
        cut = age_s > limit_s
        age_s = np.where(cut, limit_s + rng.uniform(0, 0.8, sessions), age_s)
        by_peer |= cut
    return holds(rng.uniform(0, 3600, sessions), age_s, by_peer)


def only(found: list[SessionLimit]) -> SessionLimit:
    assert len(found) == 1, found
    return found[0]


def test_a_cut_at_ten_minutes_is_an_age_limit() -> None:
    found = only(session_limits(spread(np.random.default_rng(1), limit_s=600)))
    assert found.kind == "an age limit"
    assert 598 <= found.start_s <= 601
    assert found.hosts == 3
    assert found.p_above(0.005) < 1e-6


def test_a_constant_hazard_is_no_limit() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        assert all(limit.p_above(0.005) > 0.01 for limit in session_limits(spread(rng, hazard=0.002)))


def test_nobody_was_ended_by_the_peer() -> None:
    assert session_limits(spread(np.random.default_rng(3), hazard=0)) == []
    nothing = np.zeros(0)
    assert session_limits(holds(nothing, nothing, nothing)) == []
    assert together(holds(nothing, nothing, nothing)) is None


@pytest.mark.parametrize("spawned_within_s", [0.5, 2.0, 10.0, 60.0])
def test_one_reset_of_all_sessions_is_no_limit_however_alike_their_ages(spawned_within_s: float) -> None:
    rng = np.random.default_rng(4)
    started_s = rng.uniform(0, spawned_within_s, 200)
    reset_at = holds(started_s, 100.5 - started_s, np.ones(200))
    assert all(limit.p_above(0.005) > 0.01 for limit in session_limits(reset_at))


def test_a_reset_every_minute_of_sessions_that_come_back_together_is_no_age_limit() -> None:
    rng = np.random.default_rng(5)
    late_s = rng.uniform(0.0, 2.0, (10, 60))
    started_s = (np.arange(10)[:, None] * 60.0 + late_s).ravel()
    ends_s = np.repeat((np.arange(10) + 1) * 60.0, 60)
    assert all(
        limit.p_above(0.005) > 0.01 for limit in session_limits(holds(started_s, ends_s - started_s, np.ones(600)))
    )


def test_an_age_limit_is_seen_though_users_were_spawned_over_a_few_seconds() -> None:
    rng = np.random.default_rng(6)
    generations = np.arange(8)[:, None] * 31.5
    started_s = (generations + rng.uniform(0.0, 6.0, 60)[None, :]).ravel()
    cut = holds(started_s, 30.0 + rng.uniform(0, 0.3, 480), np.ones(480))
    found = only(session_limits(cut))
    assert found.kind == "an age limit"
    assert found.p_above(0.005) < 0.001


def test_sessions_of_one_second_count_once() -> None:
    started_s = np.repeat(np.arange(6) * 100.0, 50)
    found = session_limits(holds(started_s, np.full(300, 60.2), np.ones(300)))
    assert only(found).rate.trials <= 6


def test_an_end_within_the_first_second_is_no_limit() -> None:
    rng = np.random.default_rng(8)
    assert session_limits(holds(rng.uniform(0, 600, 400), rng.uniform(0, 0.9, 400), np.ones(400))) == []


def idle_and_busy(rng: np.random.Generator, *, idle: int, busy: int, busy_end_s: float | None = None) -> Holds:
    """Idle sessions are cut after five silent seconds; busy ones say something every second."""
    started_s = rng.uniform(0, 600, idle + busy)
    is_idle = np.arange(idle + busy) < idle
    words_s = rng.uniform(0, 40, idle + busy)
    idle_age_s = words_s + 5.0 + rng.uniform(0, 0.2, idle + busy)
    busy_age_s = np.full(idle + busy, 120.0 if busy_end_s is None else busy_end_s)
    return holds(
        started_s,
        np.where(is_idle, idle_age_s, busy_age_s),
        is_idle | (busy_end_s is not None),
        idle_s=np.where(is_idle, 5.0 + rng.uniform(0, 0.2, idle + busy), 0.3),
        silence_s=np.where(is_idle, 5.0 + rng.uniform(0, 0.2, idle + busy), 1.0),
    )


def test_silence_that_is_alike_is_an_idle_limit_and_busy_sessions_are_its_controls() -> None:
    found = only(session_limits(idle_and_busy(np.random.default_rng(9), idle=200, busy=100)))
    assert found.kind == "an idle limit"
    controls = known(found.controls)
    assert (found.start_s, controls.events, controls.n) == (5.0, 0, 100)
    assert found.p_above(0.005) < 1e-6


def test_silent_sessions_in_step_are_told_by_the_busy_ones_that_were_spared() -> None:
    """Users that were started together and come back together end in the same seconds, again and again."""
    started_s = np.concatenate([np.repeat(np.arange(5) * 6.0, 16), np.zeros(8)])
    is_idle = np.arange(88) < 80
    silence_s = np.where(is_idle, 4.99, 0.5)
    in_step = holds(started_s, np.where(is_idle, 4.99, 30.0), is_idle, idle_s=silence_s)
    found = only(session_limits(in_step))
    assert found.kind == "an idle limit"
    assert found.p_above(0.005) < 0.001
    without_controls = in_step.where(is_idle)
    assert all(limit.p_above(0.005) > 0.01 for limit in session_limits(without_controls))


def test_a_session_that_was_cut_off_within_the_window_says_nothing_of_it() -> None:
    rng = np.random.default_rng(15)
    age_s = np.where(np.arange(200) < 120, 30.2, 30.1)
    cut = holds(rng.uniform(0, 600, 200), age_s, np.arange(200) < 120)
    found = only(session_limits(cut))
    assert found.rate.events == found.rate.n


def test_without_busy_sessions_of_the_same_ages_an_age_and_an_idle_limit_are_not_told_apart() -> None:
    rng = np.random.default_rng(10)
    age_s = 5.0 + rng.uniform(0, 0.2, 200)
    never_a_word = holds(rng.uniform(0, 600, 200), age_s, np.ones(200), idle_s=age_s)
    found = only(session_limits(never_a_word))
    assert found.kind == "an age or idle limit"
    assert found.p_above(0.005) < 1e-6


def test_busy_sessions_that_end_at_the_same_age_refute_an_idle_limit() -> None:
    rng = np.random.default_rng(11)
    sessions = 400
    age_s = 30.0 + rng.uniform(0, 0.2, sessions)
    is_idle = np.arange(sessions) < 200
    cut = holds(
        rng.uniform(0, 600, sessions),
        age_s,
        np.ones(sessions),
        idle_s=np.where(is_idle, age_s, rng.uniform(0.0, 1.0, sessions)),
        silence_s=np.where(is_idle, age_s, 1.0),
    )
    assert only(session_limits(cut)).kind == "an age limit"


def test_a_pause_that_every_session_survives_is_no_idle_limit() -> None:
    rng = np.random.default_rng(12)
    age_s = rng.uniform(20, 200, 500)
    paced = holds(
        rng.uniform(0, 600, 500), age_s, np.ones(500), idle_s=rng.uniform(0, 5, 500), silence_s=np.full(500, 5.2)
    )
    assert all(limit.p_above(0.005) > 0.01 for limit in session_limits(paced))


def test_the_second_in_which_most_sessions_ended_is_named() -> None:
    rng = np.random.default_rng(13)
    started_s = rng.uniform(0, 400, 150)
    age_s = np.where(np.arange(150) < 120, 500.2 - started_s, rng.uniform(5, 90, 150))
    event = together(holds(started_s, age_s, np.ones(150)))
    assert event is not None
    assert (event.at_s, event.hosts) == (500, 3)
    assert event.sessions >= 120


def test_ends_that_are_spread_are_no_event() -> None:
    assert together(spread(np.random.default_rng(14), limit_s=600)) is None
