"""What a hold's row says of what the server sent by itself."""

from __future__ import annotations

from attempts.schema import Attempt
from scenarios.session.pushes import Pushes


def told(pushes: Pushes, now: float) -> tuple[int | None, float | None, int | None]:
    hold = Attempt(
        kind="hold",
        operation="hold",
        scheduled_at=0,
        started_at=0,
        duration_s=1.0,
        budget_s=1.0,
        outcome="ok",
        phase="hold",
    )
    pushes.tell(hold, now)
    return hold.pushes, hold.longest_push_gap_s, hold.malformed_frames


def test_where_nothing_was_pushed_there_is_no_gap() -> None:
    assert told(Pushes(), 9.0) == (0, None, 0)


def test_the_longest_gap_is_between_two_pushes_or_behind_the_last() -> None:
    pushes = Pushes()
    for now in (1.0, 2.0, 5.0, 6.0):
        pushes.pushed(now)
    assert told(pushes, 6.5) == (4, 3.0, 0)
    assert told(pushes, 10.0) == (4, 4.0, 0)


def test_frames_that_cannot_be_read_are_counted_beside() -> None:
    pushes = Pushes()
    pushes.unread()
    pushes.unread()
    assert told(pushes, 1.0) == (0, None, 2)
