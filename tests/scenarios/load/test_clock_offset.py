from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from attempts.spool.time_line import ClockKnot as Knot
from attempts.spool.time_line import TimeLine
from scenarios.load.clock_offset import ANSWERS, MOST_KNOTS, ClockOffset, Drift, Offset, thinned

SECOND = 1_000_000


def test_before_the_first_answer_the_offset_is_unknown() -> None:
    assert ClockOffset().best is None


def test_the_quickest_answer_is_believed() -> None:
    offset = ClockOffset()
    offset.answered(sent_at=0, there_at=0, received_at=4 * SECOND)  # slow: could be wrong by 2 s
    offset.answered(sent_at=10 * SECOND, there_at=10 * SECOND, received_at=10 * SECOND + 2_000)
    offset.answered(sent_at=20 * SECOND, there_at=20 * SECOND, received_at=20 * SECOND + 900_000)
    assert offset.best == Offset(1_000, 1_000)


def test_an_answer_from_before_its_question_is_none() -> None:
    offset = ClockOffset()
    assert offset.answered(sent_at=5 * SECOND, there_at=0, received_at=4 * SECOND) is None
    assert offset.best is None


def test_an_old_answer_is_not_believed_for_ever() -> None:
    offset = ClockOffset()
    offset.answered(sent_at=0, there_at=0, received_at=10)
    for n in range(1, ANSWERS + 1):
        offset.answered(sent_at=n * SECOND, there_at=n * SECOND - 100_000, received_at=n * SECOND + 20_000)
    assert offset.best == Offset(110_000, 10_000)


def test_another_controller_is_believed_from_its_first_answer_on() -> None:
    offset = ClockOffset()
    for n in range(ANSWERS):
        offset.answered(sent_at=n * SECOND, there_at=n * SECOND, received_at=n * SECOND + 10)
    offset.answered(sent_at=20 * SECOND, there_at=99_000 * SECOND, received_at=20 * SECOND + 900_000)
    assert offset.best == Offset(20 * SECOND + 450_000 - 99_000 * SECOND, 450_000)


@given(
    st.integers(-3600 * SECOND, 3600 * SECOND),
    st.lists(st.tuples(st.integers(0, SECOND), st.integers(0, SECOND)), min_size=1, max_size=ANSWERS),
)
def test_the_error_is_at_most_half_of_the_shortest_round_trip(ahead_us: int, ways: list[tuple[int, int]]) -> None:
    offset = ClockOffset()
    master = 10**15
    for out, back in ways:
        master += 60 * SECOND
        offset.answered(sent_at=master + ahead_us, there_at=master + out, received_at=master + out + back + ahead_us)
    best = offset.best
    assert best is not None
    assert best.uncertainty == (min(out + back for out, back in ways) + 1) // 2
    assert abs(best.value - ahead_us) <= best.uncertainty


def told(drift: Drift, at: int, offset_us: int, *, way_us: int = 500) -> bool:
    """An answer that came at a moment of the run, to a worker whose clock is off by so much then."""
    return drift.answered(sent_at=at - way_us + offset_us, there_at=at, received_at=at + way_us + offset_us)


def test_what_answers_cannot_tell_is_no_drift() -> None:
    drift, rng = Drift(), random.Random(1)
    for n in range(200):
        assert not told(drift, n * 3 * SECOND, rng.randint(-400, 400))
    assert drift.knots == () and drift.now_us == 0


def test_a_clock_that_gains_fifty_millionths_is_followed_within_some_milliseconds() -> None:
    drift = Drift()
    worst = 0.0
    for n in range(0, 28_800, 3):
        told(drift, n * SECOND, n * 50)
        worst = max(worst, abs(drift.now_us - n * 50))
    assert drift.now_us > 1_400_000
    assert worst < 8_000
    assert len(drift.knots) <= MOST_KNOTS


def test_a_machine_that_slept_is_noticed_by_the_first_answer() -> None:
    drift = Drift()
    for n in range(4):
        told(drift, n * 3 * SECOND, 0)
    assert told(drift, 1_000 * SECOND, -900 * SECOND)
    assert drift.now_us == -900 * SECOND
    # The rows before it stay where they were; those after it are where they belong.
    line = TimeLine(drift.knots[:1] and (Knot(0, 0, 0), *drift.knots))
    assert line.corrected(9 * SECOND) == 9 * SECOND
    assert line.corrected(101 * SECOND) == 1_001 * SECOND


def test_one_slow_answer_is_no_jump() -> None:
    drift = Drift()
    assert not drift.answered(sent_at=0, there_at=0, received_at=6 * SECOND)
    assert drift.knots == ()


def test_of_too_many_knots_the_older_ones_go_and_the_first_and_last_stay() -> None:
    knots = [Knot(n, n, 1) for n in range(MOST_KNOTS + 1)]
    kept = thinned(knots)
    assert len(kept) < MOST_KNOTS
    assert (kept[0], kept[-1]) == (knots[0], knots[-1])
    assert list(kept) == sorted(kept, key=lambda knot: knot.at)
