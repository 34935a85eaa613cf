"""What the rung of a timeout makes of it: whose it is, and what it says of the way."""

from typing import Any

import pytest

from analysis.reduction.explain import NUMBER_OF, contract_columns, explained
from analysis.runs.engine import open_rows
from attempts.schema import RUNGS
from tests.analysis.reduction.attempt_rows import a_row, arrow

TIMEOUT = {"kind": "exchange", "operation": "ping", "outcome": "timeout", "cause": "silent_peer", "frames_in": 0}
# What a rung can say, of a timeout that nothing else explains.
FACTS = ("is_unanswered", "is_acknowledged", "is_on_way", "is_unmatched", "is_placed", "is_here", "may_be_way")


def explain(**row: Any) -> dict[str, Any]:
    """One row as it is explained."""
    frame = explained(contract_columns(open_rows(arrow([a_row(**TIMEOUT | row)])))).to_pandas()
    return dict(frame.iloc[0])


def facts(**row: Any) -> set[str]:
    """The facts of one row by name, those that are true; of its explanation the two that rungs decide between."""
    found = explain(**row)
    said = {name.removeprefix("is_") for name in FACTS if found[name]}
    return said | {name for name in ("residual", "client_loop") if found["explanation"] == NUMBER_OF[name]}


OF_RUNGS = {
    "generator": {"client_loop", "placed", "here"},
    "unsent": {"client_loop", "placed", "here"},
    "unread": {"client_loop", "placed", "here"},
    "unacknowledged": {"residual", "placed", "on_way", "may_be_way"},
    "undelivered": {"residual", "placed", "on_way", "may_be_way"},
    "partial": {"residual", "placed"},
    "unmatched": {"residual", "placed", "unmatched"},
    "silent_process": {"residual", "placed", "unanswered", "acknowledged"},
    "silent_application": {"residual", "placed", "unanswered"},
    "late": {"residual", "placed", "may_be_way"},
    "unknown": {"residual", "may_be_way"},
}


def test_every_rung_says_something() -> None:
    assert set(OF_RUNGS) == set(RUNGS)


@pytest.mark.parametrize("rung", RUNGS)
def test_a_rung_says_whose_a_timeout_is_and_whether_it_may_be_the_ways(rung: str) -> None:
    assert facts(lost_at=rung) == OF_RUNGS[rung]


def test_without_a_rung_the_pong_says_it_and_with_one_the_rung_does() -> None:
    assert facts(pong_s=0.05) == {"residual", "unanswered", "may_be_way"}
    assert facts() == {"residual", "may_be_way"}
    assert facts(pong_s=0.05, lost_at="unknown") == {"residual", "may_be_way"}
    assert "unanswered" in facts(lost_at="silent_application", frames_in=3)


def test_a_late_answer_is_the_ways_only_where_something_was_sent_again() -> None:
    assert "on_way" in facts(lost_at="late", late_s=0.3, tcp_retransmits=2)
    assert "on_way" not in facts(lost_at="late", late_s=0.3, tcp_retransmits=0)
    assert "on_way" not in facts(lost_at="late", late_s=0.3, tcp_retransmits=None)
    assert "on_way" not in facts(lost_at="silent_application", tcp_retransmits=2)


@pytest.mark.slow
def test_an_answer_behind_the_pong_was_withheld_where_nothing_was_sent_again() -> None:
    withheld = {
        **{"lost_at": "late", "pong_s": 0.01, "late_s": 0.3, "checked_s": 0.3, "tcp_retransmits": 0},
        "tcp_acknowledged_s": 30.0,
    }
    assert facts(**withheld) == {"residual", "placed", "unanswered"}
    for more in (
        {"tcp_retransmits": None},
        {"tcp_retransmits": 1},
        {"pong_s": 0.31},
        {"pong_s": None},
        {"checked_s": 0.01},
        {"late_s": 0.05},
        {"tcp_acknowledged_s": None},
        {"tcp_acknowledged_s": 0.0},
    ):
        assert "unanswered" not in facts(**withheld | more)
        assert "may_be_way" in facts(**withheld | more)


@pytest.mark.parametrize("cause", ["reset", "refused", "unreachable", "dns", "server_closed", "keepalive", "tls"])
def test_an_end_without_a_word_may_be_the_ways_and_has_no_rung(cause: str) -> None:
    assert facts(outcome="failed", cause=cause, lost_at="unread") == {"residual", "may_be_way"}


def test_an_http_answer_is_somebodys_and_not_the_ways() -> None:
    assert facts(outcome="failed", cause="http_status", http_status=403) == {"residual"}
    assert facts(outcome="failed", cause="server_error") == set()


@pytest.mark.parametrize("lag_s", [0.2, 3.0, 6.0])
def test_a_loop_is_not_to_blame_for_a_timeout_of_which_nothing_lay_unread(lag_s: float) -> None:
    acknowledged = explain(loop_lag_s=lag_s, lost_at="silent_process")
    assert not acknowledged["has_any_lag"]
    assert acknowledged["explanation"] != NUMBER_OF["client_loop"]
    for rung in ("late", None):
        assert explain(loop_lag_s=lag_s, lost_at=rung)["has_any_lag"]
    late = explain(loop_lag_s=lag_s, lost_at="late")
    assert (late["explanation"] == NUMBER_OF["client_loop"]) == (lag_s >= 5.0)


def test_what_a_late_loop_leaves_open_may_still_be_the_ways() -> None:
    assert facts(loop_lag_s=3.0) == {"may_be_way"}
    assert facts(loop_lag_s=3.0, lost_at="silent_process") == {"placed"}


def test_what_this_client_lost_is_in_no_comparison() -> None:
    assert not explain(lost_at="unread")["is_clean"]
    assert explain(lost_at="partial")["is_clean"]
