from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from attempts.intervals import Intervals, Range

ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], sum(pair))))


@given(ranges)
def test_intervals_hold_what_a_set_would(added: list[tuple[int, int]]) -> None:
    mine, plain = Intervals(), set[int]()
    for first, last in added:
        numbers = set(range(first, last + 1))
        assert mine.add(first, last) == len(plain & numbers)
        plain |= numbers
    assert len(mine) == len(plain)
    assert [n for n in range(80) if n in mine] == sorted(plain)
    runs = list(mine)
    assert all(later.first > earlier.last + 1 for earlier, later in itertools.pairwise(runs))
    assert mine == Intervals([(run.first, run.last) for run in reversed(runs)])


@given(ranges, st.integers(0, 40), st.integers(0, 40))
def test_gaps_are_what_is_not_there(added: list[tuple[int, int]], first: int, more: int) -> None:
    last = first + more
    held = Intervals(added)
    missing = [n for gap in held.gaps(first=first, last=last) for n in range(gap.first, gap.last + 1)]
    assert missing == [n for n in range(first, last + 1) if n not in held]


def test_range_counts_both_ends() -> None:
    assert len(Range(3, 3)) == 1
    assert len(Range(0, 9)) == 10
