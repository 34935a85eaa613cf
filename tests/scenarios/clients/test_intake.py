"""Turns of the loop for those that have more to take in, without a socket."""

from __future__ import annotations

import itertools

import pytest

from scenarios.clients import intake as intakes
from scenarios.clients.intake import SLICE_BYTES, TURN_S, Intake, LoopShare


class Work:
    """A clock that goes on by what each slice costs, and what was handed on."""

    def __init__(self, cost_s: float) -> None:
        self.cost_s = cost_s
        self.now = 100.0
        self.parts: list[bytes] = []

    def clock(self) -> float:
        return self.now

    def hand_on(self, part: bytes) -> None:
        self.parts.append(part)
        self.now += self.cost_s


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work(cost_s=TURN_S * 0.6)
    monkeypatch.setattr(intakes, "perf_counter", work.clock)
    return work


def test_what_is_short_is_handed_on_whole(costly: Work) -> None:
    intake = Intake(LoopShare(), costly.hand_on)
    intake.take(b"x" * SLICE_BYTES, more_waits=False)
    assert costly.parts == [b"x" * SLICE_BYTES]
    assert not intake.has_more and not intake.is_flooded


def test_a_turn_ends_and_the_rest_is_as_long_as_it_was(costly: Work) -> None:
    intake = Intake(LoopShare(), costly.hand_on)
    data = bytes(range(256)) * 20  # five slices
    intake.take(data, more_waits=False)
    assert len(costly.parts) == 2 and intake.has_more and intake.is_flooded
    assert intake.rests_until == pytest.approx(costly.now + 1.2 * TURN_S)
    while intake.has_more:
        intake.go_on()
    assert b"".join(costly.parts) == data, "nothing is lost, and nothing comes twice"
    assert not intake.is_flooded, "it has caught up"


def test_the_work_of_several_reads_is_one_turns_as_long_as_more_waits(costly: Work) -> None:
    intake = Intake(LoopShare(), costly.hand_on)
    intake.take(b"x" * SLICE_BYTES, more_waits=True)
    assert not intake.is_flooded
    intake.take(b"x" * SLICE_BYTES, more_waits=True)
    assert intake.is_flooded and not intake.has_more
    intake.take(b"x" * SLICE_BYTES, more_waits=False)
    assert not intake.is_flooded


def test_all_that_rest_together_leave_half_of_the_loop() -> None:
    share = LoopShare()
    begins = sorted(share.rest(10.0, 0.005) for _ in range(100))
    gaps = [later - earlier for earlier, later in itertools.pairwise(begins)]
    assert begins[0] == pytest.approx(10.005)
    assert min(gaps) == pytest.approx(0.010), "a turn, and as long for everybody else"


def test_what_comes_while_something_is_left_is_behind_it(costly: Work) -> None:
    intake = Intake(LoopShare(), costly.hand_on)
    intake.take(b"a" * 4 * SLICE_BYTES, more_waits=False)
    intake.append(b"b")
    while intake.has_more:
        intake.go_on()
    assert b"".join(costly.parts) == b"a" * 4 * SLICE_BYTES + b"b"


def test_behind_its_end_nothing_is_handed_on(costly: Work) -> None:
    intake = Intake(LoopShare(), costly.hand_on)
    intake.take(b"a" * 4 * SLICE_BYTES, more_waits=False)
    intake.end()
    handed_on = len(costly.parts)
    intake.go_on()
    intake.take(b"b", more_waits=False)
    assert len(costly.parts) == handed_on
