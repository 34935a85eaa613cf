from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analysis.live.pace import Pace


def test_the_first_piece_is_due_at_once_and_the_next_not_before_its_time() -> None:
    pace = Pace(share=0.1, least_s=3.0)
    assert pace.is_due(100.0)
    pace.did(began=100.0, now=100.2, cpu_s=0.1)
    assert not pace.is_due(102.9)
    assert pace.is_due(103.0)


def test_a_piece_that_took_more_than_its_share_is_made_good() -> None:
    pace = Pace(share=0.1, least_s=3.0)
    pace.did(began=100.0, now=106.0, cpu_s=5.0)
    assert pace.took_s == 6.0
    assert not pace.is_due(149.0)
    assert pace.is_due(150.0)


@given(st.lists(st.tuples(st.floats(0.01, 30), st.floats(0.01, 1)), min_size=1, max_size=50))
def test_the_share_is_kept_whatever_the_pieces_take(pieces: list[tuple[float, float]]) -> None:
    pace, now, cpu_s = Pace(share=0.15, least_s=1.0), 0.0, 0.0
    for wall_s, of_it in pieces:
        while not pace.is_due(now):
            now += 0.5
        cpu_s += wall_s * of_it
        pace.did(began=now, now=now + wall_s, cpu_s=wall_s * of_it)
        now += wall_s
    while not pace.is_due(now):
        now += 0.5
    assert cpu_s <= 0.15 * now + 1e-6
