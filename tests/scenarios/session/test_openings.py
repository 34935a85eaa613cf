"""Opening messages: which is due when, and when a session has said and heard all of them."""

from __future__ import annotations

from scenarios.protocols.shape import Opening
from scenarios.session.openings import Openings

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
