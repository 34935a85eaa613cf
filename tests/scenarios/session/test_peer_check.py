"""A peer that fell silent is asked whether it is there; in virtual time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scenarios.plan import Budgets
from scenarios.session.peer_check import GRACE_S
from scenarios.session.states import State
from tests.scenarios.virtual_session import (
    CHECK,
    EVENTS,
    PING,
    PONG,
    SERVER_PING,
    TEXT,
    VALIDATION,
    WELCOME,
    Life,
    acknowledgement,
    said,
)

BUDGETS = Budgets(connect_s=10.0, exchange_s=5.0, sequence_s=6.0, close_s=2.0, peer_check_s=2.0)
SILENT = ("timeout", "exchange", "silent_peer")


def life(scenario: str = "steady", *, budgets: Budgets = BUDGETS, **settings: Any) -> Life:
    given_settings = {"operations": {"ping": 1.0}, "pace_s": 100.0, **settings}
    return Life(scenario, plan={"budgets": budgets}, answers_checks=False, **given_settings)


def silent_exchange(**settings: Any) -> Life:
    """A session whose first exchange has just run out, and whose peer has been asked."""
    return life(pace_s=0.0, **settings).ready().after(5.0)


def pings(session: Life) -> list[bytes]:
    return [payload for opcode, payload in session.sent if opcode == PING and CHECK in payload]


def test_the_ping_goes_out_before_the_next_request() -> None:
    session = silent_exchange()
    opcodes = [opcode for opcode, _ in session.sent]
    assert opcodes == [TEXT, PING, TEXT]


def test_a_pong_and_no_answer_says_that_the_peer_had_the_request_and_kept_silent() -> None:
    session = silent_exchange().after(0.3).pong(b"wsoak check 1")
    assert session.of("exchange") == []  # it is listened for a while longer
    row = session.after(GRACE_S).only("exchange")
    assert said(row) == SILENT
    assert (row.duration_s, row.late_s) == (5.0, None)
    assert row.pong_s is not None and abs(row.pong_s - 0.3) < 1e-9
    assert row.checked_s is not None and abs(row.checked_s - 0.3 - GRACE_S) < 1e-9


def test_an_answer_behind_the_pong_is_late_and_the_row_goes_out_with_it() -> None:
    session = silent_exchange().after(0.3).pong(b"wsoak check 1").after(0.4).frame(PONG)
    row = session.of("exchange")[0]
    assert said(row) == SILENT
    assert row.late_s is not None and abs(row.late_s - 0.7) < 1e-9
    assert row.pong_s is not None and abs(row.pong_s - 0.3) < 1e-9


def test_a_pong_without_the_pings_payload_is_life_and_is_noted() -> None:
    row = silent_exchange().after(0.3).pong(b"").after(GRACE_S).only("exchange")
    assert row.pong_s is not None and abs(row.pong_s - 0.3) < 1e-9
    assert row.detail == "the pong did not repeat the ping's payload"


def test_a_nameless_pong_counts_for_the_oldest_ping_that_has_none() -> None:
    session = life(budgets=Budgets(exchange_s=0.5, peer_check_s=2.0), pace_s=0.0).ready().after(1.2)
    session.pong(b"").after(0.1).pong(b"").after(GRACE_S)
    first, second = session.of("exchange")[:2]
    assert first.pong_s is not None and second.pong_s is not None
    assert abs(first.pong_s - 0.7) < 1e-9 and abs(second.pong_s - 0.3) < 1e-9


def test_an_answer_before_the_pong_was_on_its_way() -> None:
    session = silent_exchange().after(0.2).frame(PONG).after(0.1).pong(b"wsoak check 1")
    row = session.of("exchange")[0]
    assert said(row) == SILENT
    assert row.late_s is not None and abs(row.late_s - 0.2) < 1e-9
    assert row.pong_s is not None and abs(row.pong_s - 0.3) < 1e-9


def test_what_answers_nobody_is_no_late_answer() -> None:
    session = silent_exchange().frame(SERVER_PING).frame(acknowledgement("17")).pong(b"wsoak check 1").after(GRACE_S)
    assert session.only("exchange").late_s is None


def test_neither_answer_nor_pong_is_said_when_the_check_runs_out() -> None:
    session = silent_exchange()
    assert session.of("exchange") == []
    row = session.after(2.0).only("exchange")
    assert said(row) == SILENT
    assert (row.checked_s, row.pong_s, row.late_s) == (2.0, None, None)


def test_a_pong_that_comes_too_late_is_nobodys() -> None:
    session = silent_exchange().after(2.0).pong(b"wsoak check 1")
    assert session.only("exchange").pong_s is None


def test_a_pong_of_a_check_that_is_over_says_nothing_of_the_next_one() -> None:
    budgets = Budgets(exchange_s=2.0, peer_check_s=1.0)
    session = life(budgets=budgets, pace_s=0.0).ready().after(2.0).after(2.0)  # a second check has begun
    assert len(pings(session)) == 2
    session.after(0.1).pong(b"wsoak check 1").after(0.2).frame(PONG).after(1.0)
    first, second = session.of("exchange")[:2]
    assert (first.pong_s, second.pong_s) == (None, None)
    assert second.detail is None


def test_a_pong_of_the_scripts_own_ping_that_comes_behind_its_budget_is_late() -> None:
    budgets = Budgets(exchange_s=0.5, peer_check_s=2.0)
    session = life(budgets=budgets, operations={"protocol_ping": 1.0}, pace_s=0.0).ready()
    own = next(payload for opcode, payload in session.sent if opcode == PING)
    row = session.after(0.5).after(0.1).pong(own).after(2.0).of("exchange")[0]
    assert (row.outcome, row.pong_s) == ("timeout", None)
    assert row.late_s is not None and abs(row.late_s - 0.1) < 1e-9


def test_the_session_goes_on_while_a_row_waits_for_its_pong() -> None:
    session = silent_exchange()
    assert len(session.requests()) == 2
    session.frame(acknowledgement(session.requests()[1].get("message_id")))
    assert [row.outcome for row in session.of("exchange")] == ["ok"]


def test_a_pong_answers_for_the_pings_before_it() -> None:
    session = life(budgets=Budgets(exchange_s=0.5, peer_check_s=2.0), pace_s=0.0).ready().after(1.2)
    assert pings(session) == [b"wsoak check 1", b"wsoak check 2"]
    session.pong(b"wsoak check 2").after(GRACE_S)
    first, second = session.of("exchange")[:2]
    assert first.pong_s is not None and second.pong_s is not None
    assert abs(first.pong_s - 0.7) < 1e-9 and abs(second.pong_s - 0.2) < 1e-9


def test_all_that_ran_out_together_is_asked_for_once() -> None:
    session = life(in_flight=3).ready().next().after(5.0)
    assert len(pings(session)) == 1
    session.after(0.1).pong(b"wsoak check 1").after(GRACE_S)
    assert [row.pong_s is not None for row in session.of("exchange")] == [True] * 3


def test_the_events_of_a_sequence_are_late_when_the_last_one_is() -> None:
    session = life("agent").ready().next().after(6.0)
    for event in EVENTS[:-1]:
        session.frame({"type": event})
    session.after(0.1).frame({"type": EVENTS[-1]}).pong(b"wsoak check 1")
    row = session.only("exchange")
    assert row.late_s is not None and abs(row.late_s - 0.1) < 1e-9


def test_an_unfinished_sequence_is_not_late() -> None:
    session = life("agent").ready().next().after(6.0)
    session.frame({"type": EVENTS[0]}).pong(b"wsoak check 1").after(GRACE_S)
    assert session.only("exchange").late_s is None


def test_a_session_that_is_over_closes_behind_its_check() -> None:
    session = life("churn", churn_exchanges=1).ready().after(5.0)
    assert session.is_in(State.READY)
    session.after(0.1).pong(b"wsoak check 1").after(GRACE_S)
    assert session.is_in(State.CLOSING)
    assert session.only("exchange").pong_s is not None


def test_a_session_that_is_over_closes_when_its_check_runs_out() -> None:
    session = life("churn", churn_exchanges=1).ready().after(5.0).after(2.0)
    assert session.session.state is State.CLOSING
    assert session.only("exchange").pong_s is None


def test_a_storm_does_not_wait_for_a_pong() -> None:
    session = life("churn", churn_exchanges=1).ready().after(5.0).storm()
    assert session.session.state is State.CLOSING
    assert session.only("exchange").checked_s == 0.0


def test_a_welcome_that_did_not_come_is_asked_for_before_the_socket_is_freed() -> None:
    session = life().dial().after(10.0)
    assert session.is_in(State.CHECKING)
    assert session.of("connect") == []
    session.after(0.2).pong(b"wsoak check 1")
    assert session.session.state is State.CHECKING
    row = session.after(GRACE_S).only("connect")
    assert said(row) == ("timeout", "welcome", "silent_peer")
    assert row.pong_s is not None and abs(row.pong_s - 0.24) < 0.05
    assert session.is_in(State.CLOSED)
    assert session.session.result().outcome == "timeout"


def test_a_late_welcome_is_still_a_timeout() -> None:
    session = life().dial().after(10.0).frame(VALIDATION).after(0.1).frame(WELCOME).pong(b"wsoak check 1")
    row = session.only("connect")
    assert (row.outcome, row.late_s is not None) == ("timeout", True)
    assert session.session.facts is not None and session.session.facts.server_connection_id is None


def test_a_connect_whose_peer_does_not_pong_ends_when_the_check_does() -> None:
    session = life().dial().after(12.5)
    row = session.only("connect")
    assert (row.checked_s, row.pong_s) == (2.0, None)
    assert session.session.state is State.CLOSED


def test_nobody_can_be_asked_before_the_upgrade() -> None:
    session = life().dial(until=State.UPGRADE).after(10.0)
    row = session.only("connect")
    assert said(row) == ("timeout", "upgrade", "silent_peer")
    assert (row.checked_s, pings(session)) == (None, [])


def test_who_does_not_want_to_ask_gets_the_row_at_once() -> None:
    off = Budgets(connect_s=10.0, exchange_s=5.0, peer_check_s=0.0)
    session = life(budgets=off, pace_s=0.0).ready().after(5.0)
    assert session.only("exchange").checked_s is None
    assert pings(session) == []
    connect = life(budgets=off).dial().after(10.0)
    assert connect.only("connect").checked_s is None
    assert connect.session.state is State.CLOSED


def test_a_peer_that_closes_while_it_is_asked_leaves_the_rows_as_they_are() -> None:
    session = silent_exchange().after(0.5).closed(1011)
    row = session.of("exchange")[0]
    assert said(row) == SILENT
    assert (row.checked_s, row.pong_s) == (0.5, None)
    connect = life().dial().after(10.0).closed(1011)
    assert said(connect.only("connect")) == ("timeout", "welcome", "silent_peer")


def test_a_stop_while_a_peer_is_asked_aborts_nothing_that_had_run_out() -> None:
    session = silent_exchange().stop()
    assert sorted(row.outcome for row in session.of("exchange")) == ["aborted", "timeout"]
    connect = life().dial().after(10.0).stop()
    assert connect.only("connect").outcome == "timeout"
    assert session.tally.balanced and connect.tally.balanced


def test_what_comes_after_the_deadline_by_our_own_lateness_says_how_late_it_was() -> None:
    session = life(pace_s=0.0).ready().blocked(6.0).frame(PONG)
    row = session.of("exchange")[0]
    assert said(row) == ("timeout", "exchange", "harness")
    assert row.late_s is not None and abs(row.late_s - 1.0) < 1e-9
    assert row.checked_s is None


MOVES = st.lists(
    st.sampled_from(["reply", "ping", "pong", "next", "wait", "blocked"]),
    max_size=25,
)


@given(MOVES, st.sampled_from(["stop", "close", "storm"]), st.integers(1, 3))
def test_every_attempt_gets_exactly_one_row_whatever_happens_in_which_order(
    moves: list[str], end: str, in_flight: int
) -> None:
    session = life(budgets=Budgets(exchange_s=1.0, close_s=1.0, peer_check_s=0.7), pace_s=0.5, in_flight=in_flight)
    session.ready()
    for move in moves:
        if session.session.state is State.CLOSED:
            break
        if move == "reply":
            session.frame(PONG)
        elif move == "ping":
            session.frame(SERVER_PING)
        elif move == "pong" and pings(session):
            session.pong(pings(session)[-1])
        elif move == "next":
            session.next()
        elif move == "wait":
            session.after(0.4)
        else:
            session.blocked(0.6).tick()
    {"stop": session.stop, "close": lambda: session.closed(1000), "storm": session.storm}[end]()
    session.stop()
    assert session.session.state is State.CLOSED
    assert session.tally.balanced
    assert session.tally.started == len(session.rows)
    asked = [row for row in session.rows if row.checked_s is not None]
    assert all(row.outcome == "timeout" and row.cause == "silent_peer" for row in asked)
