"""Opening messages: which is due when, and when a session has said and heard all of them."""

from __future__ import annotations

import pytest

from scenarios.plan import ConnectionPlan, Token
from scenarios.protocols.echo import Echo
from scenarios.protocols.graphql import GraphQLTransportWS
from scenarios.protocols.shape import Opening
from scenarios.protocols.socketio import SocketIO
from scenarios.protocols.staging import Staging
from scenarios.rfc6455 import BINARY, TEXT
from scenarios.session.openings import Openings, Upkeep, openings_of

FIRST = Opening(b"a", acknowledged_by="a_ok")
SECOND = Opening(b"b", after="hello")


def test_nothing_to_say_is_done() -> None:
    openings = Openings(())
    assert openings.is_done and not openings.await_frames
    assert openings.due() == []


def test_what_waits_for_nothing_is_due_at_once() -> None:
    openings = Openings((Opening(b"a"), Opening(b"b")))
    assert not openings.is_done and not openings.await_frames
    assert openings.due() == [Opening(b"a"), Opening(b"b")]
    assert openings.is_done and openings.due() == []


def test_the_next_waits_for_the_acknowledgement_and_for_the_message_that_it_names() -> None:
    openings = Openings((FIRST, SECOND))
    assert openings.await_frames
    assert openings.due() == [FIRST]
    assert openings.heard("a_ok") and openings.due() == []
    assert openings.heard("hello") and openings.due() == [SECOND]
    assert openings.is_done


def test_a_message_that_came_before_its_turn_is_remembered() -> None:
    openings = Openings((FIRST, SECOND))
    openings.due()
    assert openings.heard("hello") and openings.due() == []
    assert openings.heard("a_ok") and openings.due() == [SECOND]


def test_other_messages_bring_nothing_on() -> None:
    openings = Openings((FIRST,))
    openings.due()
    assert not openings.heard("news") and not openings.heard("")
    assert not openings.is_done


def test_an_opening_does_not_show_what_it_carries() -> None:
    assert "secret" not in repr(Opening(b"secret"))


def planned(transport: str) -> ConnectionPlan:
    return ConnectionPlan(
        user=0,
        connection=0,
        scenario="steady",
        scheduled_at=0,
        subject="u",
        seed=1,
        token=Token("a.b.c"),
        token_transport=transport,
    )


@pytest.mark.parametrize(
    ("transport", "is_in_the_message"),
    [("protocol", True), ("message", True), ("subprotocol", False), ("query", False), ("header:X-Api-Key", False)],
)
def test_the_token_is_in_the_opening_unless_the_upgrade_carries_it(transport: str, is_in_the_message: bool) -> None:
    plan = planned(transport)
    (opening,) = openings_of(GraphQLTransportWS(), plan)
    assert (b"a.b.c" in opening.payload) is is_in_the_message
    assert openings_of(Echo(), plan) == ()


def test_who_asks_nothing_still_introduces_itself_and_answers_pings_that_say_how() -> None:
    upkeep = Upkeep(SocketIO(), planned("message"))
    assert upkeep.due() == []
    assert upkeep.received(TEXT, b'0{"sid":"x"}') == [(TEXT, b'40{"token":"a.b.c"}')]
    assert upkeep.received(TEXT, b'40{"sid":"y"}') == []
    assert upkeep.received(TEXT, b"2") == [(TEXT, b"3")]
    assert upkeep.received(BINARY, b"2") == []


def test_a_protocol_that_says_nothing_first_and_wants_no_particular_answer_is_left_alone() -> None:
    upkeep = Upkeep(Staging(), planned("subprotocol"))
    assert upkeep.due() == []
    assert upkeep.received(TEXT, b'{"type":"ping"}') == []
    assert upkeep.received(BINARY, b"x") == []
