from __future__ import annotations

import pytest

from scenarios.plan import Tally
from scenarios.screens.progress import progress_line

TALLY = Tally(planned=1300, started=1234, ok=1230, timeout=3, failed=1)


def test_the_line_says_how_far_and_how_it_goes() -> None:
    line = progress_line(elapsed_s=30, run_time_s=90, users=60, tally=TALLY, lag_s=0.0123)
    assert line == "wsoak 0:30 of 1:30: 60 users, 1,230 ok, 3 timed out, 1 failed, lag 12 ms"
    assert len(line) <= 80


@pytest.mark.parametrize("scale", [1, 10, 1_000, 25_000, 10**6, 10**8])
@pytest.mark.parametrize("elapsed_s", [9, 86_399])
def test_the_line_has_80_columns_at_most_however_much_there_is_to_say(scale: int, elapsed_s: float) -> None:
    tally = Tally(planned=9 * scale, started=9 * scale, ok=7 * scale, timeout=scale, failed=scale)
    line = progress_line(
        elapsed_s=elapsed_s,
        run_time_s=864_000,
        users=min(9 * scale, 99_999),
        tally=tally,
        lag_s=0.0009 * min(scale, 10**6),
    )
    assert len(line) <= 80
    assert "timed out" in line and "lag" in line


def test_large_numbers_are_rounded_and_never_to_nothing() -> None:
    tally = Tally(planned=0, started=0, ok=123_456_789, timeout=45_678, failed=999)
    line = progress_line(elapsed_s=86_000, run_time_s=86_400, users=10_000, tally=tally, lag_s=0.5)
    assert "123M ok, 45.7k timed out, 999 failed, lag 500 ms" in line


def test_what_is_not_known_is_left_out() -> None:
    line = progress_line(elapsed_s=3_725, run_time_s=None, users=1, tally=TALLY, lag_s=None)
    assert line.startswith("wsoak 1:02:05: 1 users")
    assert "lag" not in line
