"""A row counts what happened between its start and its end, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts import schema
from scenarios.clock import Clock
from scenarios.plan import OpenConnections, Tally
from scenarios.session.ledger import LATE_S, End, Ledger
from tests.scenarios.virtual_session import EPOCH_US, Lag


def ledger(tally: Tally | None = None, token_issued_at: float | None = None) -> Ledger:
    return Ledger(
        clock=Clock(EPOCH_US, 100.0),
        lag=Lag(),
        cpu=lambda: None,
        tally=tally or Tally(),
        open_connections=OpenConnections(),
        token_issued_at=token_issued_at,
    )


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9999))), st.lists(st.tuples(st.booleans(), st.integers(0, 9999)))
)
def test_frames_and_bytes_are_those_within(before: list[tuple[bool, int]], within: list[tuple[bool, int]]) -> None:
    books = ledger()

    def play(moves: list[tuple[bool, int]]) -> None:
        for is_in, size in moves:
            (books.received if is_in else books.sent)(size)

    play(before)
    wait = books.start("exchange", "ping", 1.0, 100.0, phase="exchange")
    play(within)
    books.finish(wait, 100.5, "ok")
    (row,) = books.finished
    schema.check(row)
    assert row.frames_in == sum(is_in for is_in, _ in within)
    assert row.bytes_out == sum(size for is_in, size in within if not is_in)


@given(st.floats(0.001, 1e4), st.floats(0.0, 1e5))
def test_a_timeout_never_lasts_less_than_its_budget(budget_s: float, now: float) -> None:
    books = ledger()
    wait = books.start("exchange", "ping", budget_s, now, phase="exchange")
    books.finish(wait, wait.deadline, "timeout", wait.blame(wait.deadline, answered=False))
    schema.check(books.finished[0])


def test_only_a_late_handled_answer_is_the_harness() -> None:
    wait = ledger().start("exchange", "ping", 1.0, 100.0, phase="exchange")
    assert wait.blame(101.0 + LATE_S * 2, answered=True).cause == "harness"
    assert wait.blame(101.0 + LATE_S * 2, answered=False).cause == "silent_peer"
    assert wait.blame(101.0 + LATE_S / 2, answered=True).cause == "silent_peer"


def test_skipped_starts_are_planned_and_not_started() -> None:
    tally = Tally()
    books = ledger(tally)
    books.finish(
        books.start("exchange", "ping", 1.0, 100.0, phase="exchange", skipped=3), 100.1, "failed", End("reset")
    )
    assert (tally.planned, tally.skipped, tally.started, tally.failed) == (4, 3, 1, 1)
    assert tally.balanced


def test_a_token_from_the_future_has_no_age() -> None:
    books = ledger(token_issued_at=EPOCH_US / 1e6 + 50.0)
    assert books.start("connect", "connect", 1.0, 100.0, phase="dns").attempt.token_age_s is None
    assert books.start("connect", "connect", 1.0, 160.0, phase="dns").attempt.token_age_s == pytest.approx(10.0)
