"""The table of states, as a table."""

from __future__ import annotations

from scenarios.session.states import CONNECTING, TRANSITIONS, Event, State


def test_every_state_has_a_row_and_every_row_leads_to_a_state() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_state_is_reached_and_none_but_closed_is_final() -> None:
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(State) - {State.START}
    assert [state for state, row in TRANSITIONS.items() if not row] == [State.CLOSED]


def test_every_open_state_can_be_stopped_and_every_one_after_the_start_can_fail() -> None:
    for state, row in TRANSITIONS.items():
        if state is not State.CLOSED:
            assert row[Event.STOPPED] is State.CLOSED
        if state not in (State.CLOSED, State.START):
            assert row[Event.FAILED] is State.CLOSED


def test_only_a_ready_session_outlives_a_deadline() -> None:
    survivors = {state for state, row in TRANSITIONS.items() if Event.EXPIRED not in row}
    assert survivors == {State.START, State.READY, State.CLOSED}
    assert State.READY not in CONNECTING
