"""Sessions know how silent they were, and how many are open beside them."""

import numpy as np
import pytest

from analysis.simulation.sessions import Sessions
from tests.analysis.simulation.rows_of_runs import OTHER, SUSPECT, drawn, of_kind


def test_a_hold_says_how_long_nothing_was_heard_before_its_end() -> None:
    frame = drawn(session_s=120.0, pace_s=4.0)
    holds = of_kind(frame, "hold")
    assert holds["idle_s"].between(0.0, holds["duration_s"] + 1e-9).all()
    assert (holds["longest_silence_s"] >= holds["idle_s"] - 1e-9).all()
    # Gaps between requests are half the pace and an exponential other half.
    assert holds["idle_s"].median() == pytest.approx(2.5, abs=1.5)
    idle = of_kind(frame, "exchange")["idle_s"]
    assert idle.mean() == pytest.approx(4.0, rel=0.1)
    assert idle.groupby(of_kind(frame, "exchange")["connection"]).max().max() > 12


def test_silence_is_not_heard_by_a_session_that_nobody_answers() -> None:
    frame = drawn("W2b", effect=0.2, session_s=600.0, pace_s=4.0)
    unheard = of_kind(frame, "hold").assign(one=1).groupby("platform", observed=True)["idle_s"].mean()
    assert unheard[SUSPECT] > unheard[OTHER] + 0.3


def test_sessions_know_how_many_are_open_beside_them() -> None:
    seen: list[np.ndarray] = []

    def look(sessions: Sessions) -> None:
        seen.append(sessions.open_at(np.array([300.0, 900.0, 1700.0])))

    from analysis.simulation.simulate import chunks
    from analysis.simulation.world import World

    world = World(name="x", title="x", strike=look)
    list(chunks(world, world.design(rows=20_000, minutes=30, session_s=60.0, arrivals="ramp", seed=1)))
    assert seen[0][0] < seen[0][1] < seen[0][2]
