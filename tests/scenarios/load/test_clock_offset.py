from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scenarios.load.clock_offset import ClockOffset

SECOND = 1_000_000


def test_before_the_first_answer_the_offset_is_unknown() -> None:
    assert ClockOffset().value_s is None


def test_the_quickest_answer_is_believed() -> None:
    offset = ClockOffset()
    offset.answered(sent_at=0, master_at=0, received_at=4 * SECOND)  # slow: could be wrong by 2 s
    offset.answered(sent_at=10 * SECOND, master_at=10 * SECOND, received_at=10 * SECOND + 2_000)
    offset.answered(sent_at=20 * SECOND, master_at=15 * SECOND, received_at=20 * SECOND + 900_000)
    assert offset.value_s == 0.001


@given(
    st.integers(-3600 * SECOND, 3600 * SECOND),
    st.lists(st.tuples(st.integers(0, SECOND), st.integers(0, SECOND)), min_size=1),
)
def test_the_error_is_at_most_half_of_the_shortest_round_trip(ahead_us: int, ways: list[tuple[int, int]]) -> None:
    offset = ClockOffset()
    master = 10**15
    for out, back in ways:
        master += 60 * SECOND
        offset.answered(sent_at=master + ahead_us, master_at=master + out, received_at=master + out + back + ahead_us)
    assert offset.value_s is not None
    shortest = min(out + back for out, back in ways)
    assert abs(offset.value_s * SECOND - ahead_us) <= shortest / 2 + 1
