from analysis.server_log.clocks import Offset
from analysis.server_log.event import Event
from analysis.server_log.messages import Asked, Message, message, messages, near, served
from analysis.server_log.waits import Wait
from tests.analysis.server_log.log_lines import START_S, event, wait

AT = Offset(30.0, 0.01)
USER = "soak-user-0001"


def asked(one: Wait, session: str | None = None) -> Asked:
    return Asked(one, session, AT)


def looked(events: list[Event], waits: list[Asked]) -> list[Message]:
    return messages(near(events, waits), waits)


def request(after_s: float, operation: str = "ping", subject: str = USER) -> Event:
    return event(30.0 + after_s, "request", operation=operation, subject=subject)


def reply(after_s: float, subject: str = USER) -> Event:
    return event(30.0 + after_s, "reply", subject=subject)


def rounded(found: Message) -> tuple[float | None, float | None, float | None]:
    """Seconds after the start, of request, reply and failure."""
    times = (found.request_s, found.reply_s, found.failed_s)
    return tuple(None if at_s is None else round(at_s - START_S, 3) for at_s in times)  # type: ignore[return-value]


def test_request_and_reply_are_found_by_user_and_time_whatever_their_order() -> None:
    found = message(asked(wait(1.0)), [reply(4.0), request(1.005)])
    assert found.is_clear
    assert rounded(found) == (1.005, 4.0, None)


def test_a_request_that_is_not_there_is_told() -> None:
    assert message(asked(wait(1.0)), []) == Message(is_clear=True)
    assert message(asked(wait(1.0)), [request(0.5), request(1.1, "pong")]).request_s is None


def test_a_message_that_could_not_be_served_is_told() -> None:
    failed = event(31.2, "request_failed", connection="c1")
    assert rounded(message(asked(wait(1.0), "c1"), [request(1.005), failed])) == (1.005, None, 1.2)


def test_what_follows_the_next_request_is_no_answer_to_this_one() -> None:
    found = message(asked(wait(1.0)), [request(1.005), request(2.0, "pong"), reply(2.1)])
    assert (found.request_s is not None, found.reply_s, found.reply_is_clear) == (True, None, False)


def test_the_next_exchanges_lines_are_its_own() -> None:
    one = wait(1.0, 2.0, after_s=START_S + 3.5)
    assert message(asked(one), [request(3.505), reply(3.51)]) == Message(is_clear=True)


def test_two_exchanges_of_a_user_at_once_are_not_told_apart() -> None:
    assert not message(asked(wait(1.0, is_alone=False)), [request(1.005)]).is_clear
    assert not message(asked(wait(1.0, is_alone=False), "c1"), [request(1.005)]).is_clear
    mine, other = request(1.005)._replace(connection="c1"), reply(1.2)._replace(connection="c2")
    assert rounded(message(asked(wait(1.0, is_alone=False), "c1"), [mine, other])) == (1.005, None, None)


def test_a_connection_that_was_left_goes_on_at_the_server_under_its_users_name() -> None:
    """Its reply, late, is not the one that is waited for on the next connection."""
    lines = [request(5.005), reply(5.3)]
    assert rounded(message(asked(wait(5.0)), lines)) == (5.005, 5.3, None)
    assert not message(asked(wait(5.0))._replace(left_until_s=START_S + 5.3), lines).is_clear
    assert message(asked(wait(5.0))._replace(left_until_s=START_S + 4.9), lines).is_clear
    named = [line._replace(connection="c2") for line in lines]
    assert message(asked(wait(5.0), "c2")._replace(left_until_s=START_S + 5.3), named).is_clear


def test_a_request_so_near_the_one_before_may_be_that_one() -> None:
    one = wait(1.0, before_s=START_S + 0.999)
    assert not message(asked(one), [request(1.005)]).is_clear
    assert message(asked(one), [request(1.02)]).is_clear


def test_a_late_request_of_the_wait_before_is_not_taken_for_this_ones() -> None:
    """The server takes messages up in order: if it never saw the first, the one that it sees now may be it."""
    first = wait(1.0, after_s=START_S + 3.1)
    second = wait(3.1, before_s=first.until_s, before_failed=True)
    late = [request(4.0)]
    found = looked(late, [asked(first), asked(second)])
    assert [one.is_clear for one in found] == [False, False]
    both = looked([request(4.0), request(4.5)], [asked(first), asked(second)])
    assert [rounded(one)[0] for one in both] == [4.0, 4.5]
    nothing = looked([], [asked(first), asked(second)])
    assert [(one.is_clear, one.request_s) for one in nothing] == [(True, None), (True, None)]


def test_only_lines_of_the_waits_users_and_times_are_kept() -> None:
    lines = [request(at / 10, subject=user) for at in range(600) for user in (USER, "somebody-else")]
    found = looked(lines, [asked(wait(20.0, after_s=START_S + 22.0, before_s=START_S + 19.0))])
    assert rounded(found[0])[0] == 21.9
    assert rounded(looked([request(20.5, subject="somebody-else")], [asked(wait(20.0))])[0]) == (None, None, None)


def test_a_log_that_names_connections_needs_no_users() -> None:
    line = event(31.1, "request", connection="c1", operation="ping")
    assert rounded(looked([line], [asked(wait(1.0), "c1")])[0]) == (1.1, None, None)


def test_of_a_good_session_its_requests_and_those_that_were_served_are_counted() -> None:
    session = asked(wait(1.0, 3.0, kind="exchanges", operation="", outcome="ok", n=3))
    lines = [request(1.1), reply(1.2), request(2.0, "chat"), request(2.5, "pong"), reply(2.6), request(9.0, "agent")]
    assert served(session, lines, {"ping", "chat"}) == (2, 1)
    assert served(session, [], {"ping"}) == (0, 0)
    beside = session._replace(wait=session.wait._replace(before_s=START_S + 0.99))
    assert served(beside, lines, {"ping"}) is None
