from __future__ import annotations

from scenarios.plan import Tally
from scenarios.screens.progress import progress_line

TALLY = Tally(planned=1300, started=1234, ok=1230, timeout=3, failed=1)


def test_the_line_says_how_far_and_how_it_goes() -> None:
    line = progress_line(elapsed_s=30, run_time_s=90, users=60, tally=TALLY, lag_s=0.0123)
    assert line == (
        "wsoak 0:30 of 1:30: 60 users, 1,234 attempts: 1,230 ok, 3 timed out, 1 failed; generator late by at most 12 ms"
    )


def test_what_is_not_known_is_left_out() -> None:
    line = progress_line(elapsed_s=3_725, run_time_s=None, users=1, tally=TALLY, lag_s=None)
    assert line.startswith("wsoak 1:02:05: 1 users")
    assert "late" not in line
