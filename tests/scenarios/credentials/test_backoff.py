"""When a source that failed is asked again, in virtual time."""

from __future__ import annotations

import random

import pytest

from scenarios.credentials.backoff import MOST_RETRY_AFTER_S, MOST_S, Backoff, retry_after_s


class Longest(random.Random):
    """Draws the largest number."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_waits_double_up_to_a_limit_and_begin_anew_after_a_success() -> None:
    backoff, now = Backoff(Longest()), 0.0
    waits = []
    for _ in range(7):
        backoff.failed(now, now)
        waits.append(backoff.wait_s(now))
        now += waits[-1]
        assert backoff.wait_s(now) == 0.0
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, MOST_S, MOST_S]
    backoff.succeeded()
    backoff.failed(now, now)
    assert backoff.wait_s(now) == 1.0


def test_waits_are_drawn_from_nothing_to_the_longest() -> None:
    waits = []
    for seed in range(200):
        backoff = Backoff(random.Random(seed))
        for _ in range(4):
            backoff.failed(0.0, 0.0)
        waits.append(backoff.wait_s(0.0))
    assert min(waits) < 1.0 and 7.0 < max(waits) <= 8.0


def test_what_the_source_asks_for_is_waited_besides() -> None:
    backoff = Backoff(Longest())
    backoff.failed(0.0, 0.5, retry_after_s=20.0)
    assert backoff.wait_s(0.5) == 21.0


def test_failures_that_were_under_way_together_count_once() -> None:
    backoff = Backoff(Longest())
    for _ in range(8):
        backoff.failed(0.0, 1.0)
    assert backoff.wait_s(1.0) == 1.0


def test_who_waited_for_its_turn_since_before_the_failure_is_not_let_through() -> None:
    backoff = Backoff(Longest())
    assert backoff.wait_s(0.0) == 0.0
    backoff.failed(0.0, 9.0)
    assert backoff.wait_s(0.5) == 1.0
    assert backoff.wait_s(10.0) == 0.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999999999999", MOST_RETRY_AFTER_S),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:47", 10.0),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    moment = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT
    assert retry_after_s({"retry-after": value}, moment) == seconds


def test_a_response_need_not_say() -> None:
    assert retry_after_s({}, 0.0) is None
