"""Cohorts in counts, and which of them a claim is told by."""

from __future__ import annotations

from typing import Any

from analysis.verdict.cohort_words import (
    MOST_ROWS,
    Cohort,
    cohort_table,
    cohorts_by,
    delay_words,
    share_words,
    worst_beside,
)
from tests.analysis.verdicts import RATES


def rate(
    platform: str = "Linux", delay_s: float = 0.0, client: str = "c", kind: str = "exchange", **n: int
) -> dict[str, Any]:
    return {"platform": platform, "delay_s": delay_s, "client": client, "kind": kind, "timeouts": 0, **n}


def test_an_interaction_is_told_by_the_platforms_at_the_highest_delay() -> None:
    assert worst_beside(RATES, "platform_x_latency") == (
        "Windows clients with 300 ms added: 6.50 % of exchanges fail (26 of 400); "
        "Linux clients with 300 ms added: 0.25 % (1 of 400)."
    )


def test_latency_is_told_by_the_delays_in_the_kind_where_they_differ_most() -> None:
    rates = [
        rate(kind="connect", n=100, failed=1),
        rate(kind="connect", delay_s=0.3, n=100, failed=2),
        rate(n=100, failed=0),
        rate(delay_s=0.3, n=100, failed=10),
    ]
    assert worst_beside(rates, "latency") == (
        "With 300 ms added: 10.00 % of exchanges fail (10 of 100); with nothing added: 0.00 % (0 of 100)."
    )


def test_one_cohort_has_nobody_beside_it() -> None:
    assert worst_beside([rate(n=5, failed=1)], "platform") == worst_beside([], "platform_x_latency") == ""
    assert cohort_table([rate(n=5, failed=1)]) == cohort_table([]) == []


def test_cohorts_add_up_and_nobody_who_made_no_attempt_is_one() -> None:
    rates = [
        rate(client="a", n=3, failed=1),
        rate(client="b", n=0, failed=0),
        rate(client="a", delay_s=1.0, n=2, failed=0),
    ]
    assert cohorts_by(rates, "client") == [Cohort("a", 1, 5)]


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    rates = [rate(delay_s=float(delay), n=10, failed=delay % 10) for delay in range(MOST_ROWS + 3)]
    lines = cohort_table(rates)
    assert len(lines) == 1 + MOST_ROWS + 1
    assert lines[-1] == "  and 3 more, which fail less often"


def test_all_is_all_only_where_all_failed() -> None:
    assert share_words(Cohort("x", 9_999, 10_000)) == ("99.99 %", "(9,999 of 10,000)")
    assert share_words(Cohort("x", 10, 10)) == ("100 %", "(10 of 10)")
    assert delay_words(0.0) == "nothing added"
