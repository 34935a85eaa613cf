"""What is done to a part in mid-run, and what is said where it was not."""

from __future__ import annotations

import threading

from lab.schedule import Step, on_schedule
from tests.kit.children import NotStarted

PATIENCE_S = 30.0


def test_steps_are_done_in_their_order_once_the_first_session_is_there() -> None:
    done: list[str] = []
    begun, is_over = threading.Event(), threading.Event()
    steps = [Step(0.02, is_over.set), Step(0.01, lambda: done.append("second")), Step(0, lambda: done.append("first"))]
    with on_schedule(steps, begun.is_set) as schedule:
        assert not is_over.wait(0.2)
        assert done == []
        begun.set()
        assert is_over.wait(PATIENCE_S)
    assert done == ["first", "second"]
    assert schedule.why_not_done() == ""


def test_a_soak_that_ends_before_a_step_is_told_which() -> None:
    begun = threading.Event()
    begun.set()
    steps = [Step(0, lambda: None), Step(3600, lambda: None)]
    with on_schedule(steps, begun.is_set) as schedule:
        pass
    assert schedule.why_not_done() == "The soak was over before what was to come 3600 s after its first session."


def test_a_soak_without_a_session_has_had_no_step() -> None:
    with on_schedule([Step(0, lambda: None)], lambda: False) as schedule:
        pass
    assert "before what was to come 0 s after" in schedule.why_not_done()


def test_a_step_that_fails_is_the_last_one_and_its_reason_is_told() -> None:
    failed = threading.Event()
    done: list[str] = []

    def fails() -> None:
        failed.set()
        raise NotStarted("No such rule.")

    with on_schedule([Step(0, fails), Step(0.01, lambda: done.append("later"))], lambda: True) as schedule:
        assert failed.wait(PATIENCE_S)
    assert schedule.why_not_done() == "No such rule."
    assert done == []


def test_without_steps_nothing_is_missed() -> None:
    with on_schedule([], lambda: False) as schedule:
        pass
    assert schedule.why_not_done() == ""
