from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from attempts.spool.time_line import ClockKnot, TimeLine

SECOND = 1_000_000


def test_without_knots_moments_are_as_they_were() -> None:
    assert TimeLine([]).corrected(7) == 7


def test_the_first_knot_holds_for_what_was_before_it_too() -> None:
    line = TimeLine([ClockKnot(100 * SECOND, 60 * SECOND, 5)])
    assert line.corrected(99 * SECOND) == 39 * SECOND
    assert line.corrected(101 * SECOND) == 41 * SECOND


def test_each_moment_is_corrected_by_the_knot_before_it() -> None:
    line = TimeLine([ClockKnot(0, 0, 5), ClockKnot(100 * SECOND, -60 * SECOND, 5)])
    assert line.corrected(99 * SECOND) == 99 * SECOND
    assert line.corrected(100 * SECOND) == 160 * SECOND


def test_where_a_knot_sets_the_clock_back_time_stands_still_until_it_has_caught_up() -> None:
    line = TimeLine([ClockKnot(0, 0, 5), ClockKnot(100 * SECOND, 3 * SECOND, 5)])
    assert [line.corrected(at * SECOND) for at in (99, 100, 102, 103, 104)] == [
        second * SECOND for second in (99, 100, 100, 100, 101)
    ]


KNOTS = st.lists(
    st.tuples(st.integers(0, 1000 * SECOND), st.integers(-100 * SECOND, 100 * SECOND)), min_size=1, max_size=6
)


@given(KNOTS, st.lists(st.integers(0, 1100 * SECOND), min_size=2))
def test_rows_keep_their_order_whatever_the_knots(knots: list[tuple[int, int]], moments: list[int]) -> None:
    line = TimeLine([ClockKnot(at, offset, 1) for at, offset in sorted(knots)])
    corrected = [line.corrected(at) for at in sorted(moments)]
    assert corrected == sorted(corrected)


@given(KNOTS, st.integers(0, 1100 * SECOND))
def test_what_a_moment_becomes_does_not_hang_on_later_knots(knots: list[tuple[int, int]], moment: int) -> None:
    known = [ClockKnot(at, offset, 1) for at, offset in sorted(knots)]
    before = [knot for n, knot in enumerate(known) if n == 0 or knot.at <= moment]
    assert TimeLine(before).corrected(moment) == TimeLine(known).corrected(moment)
