"""Which request a reply belongs to."""

from __future__ import annotations

from attempts.schema import Attempt
from scenarios.protocols.shape import Kind, Message, Request
from scenarios.session.ledger import Wait
from scenarios.session.replies import InFlight


def wait(request: Request, started: float) -> Wait:
    attempt = Attempt(
        kind="exchange",
        operation="ping",
        scheduled_at=0,
        started_at=0,
        duration_s=0.0,
        budget_s=1.0,
        outcome="",
        phase="exchange",
    )
    return Wait(attempt, started, started + 1.0, request)


def reply(key: str, name: str | None = None) -> Message:
    return Message(Kind.REPLY, key, name)


PING = Request(b"", "pong")


def chat(name: str) -> Request:
    return Request(b"", "acknowledged", name)


def in_flight(*waits: Wait, can_resynchronise: bool = True) -> InFlight:
    found = InFlight(can_resynchronise=can_resynchronise)
    found.waits.extend(waits)
    return found


def test_the_id_decides_where_there_is_one() -> None:
    first, second = wait(chat("1"), 0.0), wait(chat("2"), 0.1)
    assert in_flight(first, second).matched(reply("acknowledged", "2")) is second
    assert in_flight(first, second).matched(reply("acknowledged", "3")) is None


def test_the_oldest_of_its_kind_is_answered_where_there_is_none() -> None:
    first, second = wait(PING, 0.0), wait(PING, 0.1)
    assert in_flight(first, second).matched(reply("pong")) is first
    assert in_flight(wait(chat("1"), 0.0), second).matched(reply("pong")) is second


def test_a_late_reply_goes_to_whom_it_is_owed() -> None:
    late, next_one = wait(PING, 0.0), wait(PING, 1.0)
    found = in_flight(late)
    found.timed_out(late)
    found.waits.append(next_one)
    assert found.matched(reply("pong")) is None
    assert found.matched(reply("pong")) is next_one


def test_an_identified_answer_strikes_out_what_was_owed_before_it() -> None:
    lost, fence, next_one = wait(PING, 0.0), wait(chat("1"), 1.0), wait(PING, 2.0)
    found = in_flight(lost)
    found.timed_out(lost)
    found.waits.append(fence)
    assert found.matched(reply("acknowledged", "1")) is fence
    found.waits[:] = [next_one]
    assert found.matched(reply("pong")) is next_one


def test_a_target_that_cannot_resynchronise_owes_nothing() -> None:
    late, next_one = wait(PING, 0.0), wait(PING, 1.0)
    found = in_flight(late, can_resynchronise=False)
    found.timed_out(late)
    found.waits.append(next_one)
    assert found.matched(reply("pong")) is next_one


def test_the_next_deadline_is_the_earliest() -> None:
    assert in_flight(wait(PING, 3.0), wait(PING, 1.0)).deadline() == 2.0
