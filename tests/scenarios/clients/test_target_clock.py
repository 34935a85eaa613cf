from __future__ import annotations

import math
import random
from email.utils import formatdate

import pytest

from scenarios.clients.target_clock import Apart, TargetClock, date_of

NOON = 1_764_072_000.0


def head(at: float, *more: str) -> bytes:
    lines = ["HTTP/1.1 101 Switching Protocols", f"Date: {formatdate(math.floor(at), usegmt=True)}", *more]
    return "\r\n".join(lines).encode()


def clock_after(ahead_s: float, answers: int, *, stale_s: float = 0.0) -> TargetClock:
    """After answers of a target that the run's clock is so far ahead of, some of them with a date of a second ago."""
    rng, clock = random.Random(3), TargetClock()
    for n in range(answers):
        made_at = NOON + 7.3 * n + rng.random()
        clock.answered(head(made_at - rng.random() * stale_s), made_at + ahead_s - 0.05, made_at + ahead_s + 0.05)
    return clock


def test_without_a_date_nothing_is_known() -> None:
    clock = TargetClock()
    clock.answered(b"HTTP/1.1 401 Unauthorized\r\nServer: x", NOON, NOON)
    assert clock.apart is None and clock.words() == ""


@pytest.mark.parametrize("ahead_s", [-3600.0, -60.0, -0.4, 0.0, 0.4, 60.0])
@pytest.mark.parametrize("stale_s", [0.0, 1.0])
def test_the_truth_is_always_within(ahead_s: float, stale_s: float) -> None:
    for answers in (1, 5, 100):
        apart = clock_after(ahead_s, answers, stale_s=stale_s).apart
        assert apart is not None
        assert apart.low_s <= ahead_s <= apart.high_s
        assert apart.high_s - apart.low_s <= 2.2


def test_a_clock_that_is_together_with_the_targets_is_not_spoken_of() -> None:
    assert clock_after(0.0, 100, stale_s=1.0).words() == ""


def test_a_minute_ahead_is_said_after_the_first_answer() -> None:
    words = clock_after(60.0, 1).words()
    assert words.startswith("The clock that this run goes by is ")
    assert words.endswith(" s ahead of the target's (its Date header)")


def test_a_minute_behind_is_said_with_its_sign() -> None:
    assert " s behind the target's" in clock_after(-60.0, 3).words()


def test_what_is_sure_is_the_nearer_end() -> None:
    assert Apart(58.0, 60.0).surely_s == 58.0
    assert Apart(-61.0, -59.0).surely_s == -59.0
    assert Apart(-0.5, 1.0).surely_s == 0.0


def test_a_clock_that_was_set_is_believed_anew() -> None:
    clock = clock_after(0.0, 5)
    clock.answered(head(NOON + 900.0), NOON + 960.0, NOON + 960.1)
    assert clock.apart is not None and clock.apart.surely_s > 55.0


@pytest.mark.parametrize(
    "lines", [("Age: 30",), ("Date: Thu, 01 Jan 1970 00:00:00 GMT",)], ids=["from a cache", "two dates"]
)
def test_a_date_that_is_not_the_answers_own_is_none(lines: tuple[str, ...]) -> None:
    assert date_of(head(NOON)) == NOON
    assert date_of(head(NOON, *lines)) is None


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Foo 2026 10:00:00 GMT", "Thu, 01 Jan 99999999999 00:00:00 GMT"])
def test_a_date_that_is_none_is_not_believed(date: str) -> None:
    assert date_of(f"HTTP/1.1 101 X\r\nDate: {date}".encode()) is None
