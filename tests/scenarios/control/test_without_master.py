from __future__ import annotations

import pytest

from scenarios.control.limits import Limits
from scenarios.control.without_master import PlannedEnd, Silence, is_patience_over

LIMITS = Limits()
HALF = 0.5


def silent_for(seconds: float, *, start: float = 0.0) -> Silence:
    """Awake all the time, and the master not heard since `start`."""
    silence = Silence(start, silent_s=LIMITS.silent_s)
    for step in range(1, round(seconds / HALF) + 1):
        silence.look(start + step * HALF)
    return silence


def end(run_time_s: float | None) -> PlannedEnd:
    return PlannedEnd(0.0, run_time_s=run_time_s, limits=LIMITS)


def test_load_goes_on_through_a_cut_until_the_planned_end_and_not_longer() -> None:
    planned = end(1000.0)
    assert planned.why_stop(999.5, silent_for(999.5)) == ""
    assert planned.why_stop(1000.0, silent_for(1000.0)).startswith("The planned end of the run has come")


def test_a_master_that_is_heard_may_end_the_run_itself_for_a_moment() -> None:
    planned, silence = end(1000.0), Silence(0.0, silent_s=LIMITS.silent_s)
    silence.heard(1000.0)
    assert planned.why_stop(1000.0 + LIMITS.overtime_s - HALF, silence) == ""
    said = planned.why_stop(1000.0 + LIMITS.overtime_s, silence)
    assert said == "The planned end of the run has come, and the master has not ended it."


def test_what_the_master_says_is_left_outranks_the_own_count_of_a_worker_that_joined_late() -> None:
    planned = end(1000.0)
    planned.answered(sent_at=10.0, received_at=10.2, left_s=100.0)
    assert planned.why_stop(110.0, silent_for(90.0, start=20.0)) == ""
    assert planned.why_stop(110.2, silent_for(90.0, start=20.0))


def test_of_several_answers_the_quickest_is_believed() -> None:
    planned = end(1000.0)
    planned.answered(sent_at=10.0, received_at=10.2, left_s=100.0)
    planned.answered(sent_at=20.0, received_at=60.0, left_s=90.0)
    assert planned.why_stop(111.0, silent_for(90.0, start=20.0))


def test_a_run_without_a_planned_end_ends_when_the_master_was_away_for_long() -> None:
    planned = end(None)
    assert planned.why_stop(LIMITS.alone_s - HALF, silent_for(LIMITS.alone_s - HALF)) == ""
    assert "no planned end" in planned.why_stop(LIMITS.alone_s, silent_for(LIMITS.alone_s))


def test_a_machine_that_wakes_after_the_planned_end_stops_at_once() -> None:
    planned, silence = end(1000.0), silent_for(100.0)
    silence.look(4000.0)  # its first look for 3900 s
    assert planned.why_stop(4000.0, silence)


def test_what_woke_a_moment_ago_has_waited_for_nobody_yet() -> None:
    silence = Silence(0.0, silent_s=LIMITS.silent_s)
    silence.look(4000.0)
    assert silence.seconds <= 2.0
    assert not silence.is_silent


def test_a_process_that_was_frozen_for_minutes_and_hears_the_master_goes_on() -> None:
    planned, silence = end(1000.0), Silence(0.0, silent_s=LIMITS.silent_s)
    silence.look(300.0)
    silence.heard(300.1)
    assert planned.why_stop(300.5, silence) == ""


@pytest.mark.parametrize(("waited_s", "is_over"), [(119.5, False), (120.0, True)])
def test_a_master_that_is_heard_is_waited_for_as_long_as_it_waits_itself(waited_s: float, is_over: bool) -> None:
    silence = Silence(0.0, silent_s=LIMITS.silent_s)
    silence.heard(1000.0 + waited_s)
    # Heard all the time: it has been there since long before the end.
    silence.since = 0.0
    assert is_patience_over(1000.0 + waited_s, silence, waited_s=waited_s, limits=LIMITS) is is_over


def test_a_master_that_comes_back_has_its_whole_time_from_then() -> None:
    silence = silent_for(500.0)
    silence.heard(500.0)
    assert not is_patience_over(500.0, silence, waited_s=400.0, limits=LIMITS)
    assert not is_patience_over(500.0 + LIMITS.drain_s - HALF, silence, waited_s=520.0, limits=LIMITS)
    assert is_patience_over(500.0 + LIMITS.drain_s, silence, waited_s=520.0, limits=LIMITS)


def test_a_master_that_is_away_is_waited_for_from_the_end_of_the_load() -> None:
    assert not is_patience_over(900.0, silent_for(900.0), waited_s=LIMITS.alone_s - HALF, limits=LIMITS)
    assert is_patience_over(900.0, silent_for(900.0), waited_s=LIMITS.alone_s, limits=LIMITS)


def test_a_worker_that_was_told_to_leave_waits_for_an_absent_master_as_the_master_would_for_it() -> None:
    waited_s, silence = LIMITS.missing_s, silent_for(900.0)
    assert is_patience_over(900.0, silence, waited_s=waited_s, limits=LIMITS, is_leaving=True)
    assert not is_patience_over(900.0, silence, waited_s=waited_s - HALF, limits=LIMITS, is_leaving=True)
