from __future__ import annotations

import pytest

from scenarios.control.planned_end import PlannedEnd

PLAN = PlannedEnd(of_s=600.0, at=1_600.0)


def test_a_run_that_ended_early_is_said_to_with_both_times() -> None:
    assert PLAN.early(1_018.0) == "The run ended after 18 s of 600 s"


@pytest.mark.parametrize("now", [1_599.5, 1_600.0, 1_700.0])
def test_a_run_that_had_its_time_is_not_early(now: float) -> None:
    assert PLAN.early(now) is None


def test_a_run_that_ended_seconds_before_its_end_is_early_however_long_it_was() -> None:
    assert PLAN.early(1_598.0) == "The run ended after 598 s of 600 s"
