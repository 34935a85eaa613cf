import pytest

from analysis.server_log.clocks import Offset
from analysis.server_log.join import Seen
from analysis.server_log.ladder import STATED, Told, of_connect, of_wait
from analysis.server_log.messages import UNCLEAR, Message
from tests.analysis.server_log.log_lines import START_S, connect, wait

AT = Offset(30.0, 0.01)
LOST = connect(0.0, outcome="timeout", cause="silent_peer", until_s=START_S + 3.0)


def seen(**times: float) -> Seen:
    return Seen(by={"port"}, **{f"{name}_s": START_S + 30.0 + after_s for name, after_s in times.items()})  # type: ignore[arg-type]


def told(mine: Seen | None, *, would_show: bool = True, tells_ready: bool = True, in_restart: bool = False) -> Told:
    return of_connect(LOST, mine, AT, would_show=would_show, tells_ready=tells_ready, in_restart=in_restart)


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        (None, Told("not_seen", "never_got_it")),
        (seen(accepted=0.02), Told("accepted", "was_slow")),
        (seen(accepted=0.02, authenticated=0.1), Told("authenticated", "was_slow")),
        (seen(accepted=0.02, authenticated=0.1, established=8.0), Told("established", "was_slow")),
        (seen(accepted=0.02, authenticated=0.1, established=0.2), Told("established", "reply_lost")),
        (seen(accepted=0.02, established=2.95), Told("established", "unclear")),
        (seen(accepted=3.5), Told("accepted", "got_it_late")),
        (seen(accepted=2.95), Told("accepted", "unclear")),
    ],
)
def test_a_connect_stands_where_its_lines_end(mine: Seen | None, expected: Told) -> None:
    assert told(mine) == expected


def test_what_a_log_would_not_show_is_not_said_to_be_missing() -> None:
    assert told(None, would_show=False) == Told("unknown", "unclear")
    assert told(seen(accepted=0.02), tells_ready=False) == Told("accepted", "unclear")


@pytest.mark.parametrize(
    ("lost_at", "said"),
    [
        (None, "never_got_it"),
        ("unacknowledged", "never_got_it"),
        ("silent_process", "not_taken_up"),
        ("silent_application", "not_taken_up"),
        ("late", "unclear"),
        ("unmatched", "unclear"),
    ],
)
def test_what_is_not_in_the_log_is_told_by_what_the_clients_machine_knows(lost_at: str | None, said: str) -> None:
    mine = LOST._replace(lost_at=lost_at)
    assert of_connect(mine, None, AT, would_show=True, tells_ready=True, in_restart=False).said == said
    asked = wait(0.0, lost_at=lost_at)
    assert of_wait(asked, seen(accepted=-9.0), message(), AT, would_show=True, in_restart=False).said == said


@pytest.mark.parametrize("status", [499, -1, 0])
def test_a_proxy_that_had_no_answer_says_so_by_its_status(status: int) -> None:
    mine = seen(accepted=0.02)
    mine.status = status
    assert told(mine, tells_ready=False) == Told("accepted", "was_slow")


def test_what_the_log_states_outranks_what_it_lacks() -> None:
    mine = seen(accepted=0.02)
    mine.quota = True
    assert told(mine).said == "quota"
    mine.quota, mine.refused_s = False, START_S + 30.0 + 0.5
    assert told(mine).said == "refused"
    mine.refused_s = START_S + 30.0 + 3.5
    assert told(mine).said == "was_slow"
    failed = LOST._replace(outcome="failed", cause="refused")
    refused = of_connect(failed, None, AT, would_show=True, tells_ready=True, in_restart=True)
    assert refused == Told("not_seen", "restart")
    assert told(None, in_restart=True).said == "never_got_it"


def message(request: float | None = None, reply: float | None = None, failed: float | None = None) -> Message:
    at_s = [None if after_s is None else START_S + after_s for after_s in (request, reply, failed)]
    return Message(is_clear=True, request_s=at_s[0], reply_s=at_s[1], failed_s=at_s[2])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (message(), Told("established", "never_got_it")),
        (message(request=0.1), Told("request_seen", "was_slow")),
        (message(request=0.1, reply=5.0), Told("reply_sent", "was_slow")),
        (message(request=0.1, reply=0.2), Told("reply_sent", "reply_lost")),
        (message(request=0.1, reply=1.95), Told("reply_sent", "unclear")),
        (message(request=0.1, failed=0.2), Told("request_seen", "not_served")),
        (message(request=5.0), Told("request_seen", "got_it_late")),
        (message(request=0.1)._replace(reply_is_clear=False), Told("request_seen", "unclear")),
        (UNCLEAR, Told("established", "unclear")),
    ],
)
def test_an_exchange_stands_where_its_lines_end(said: Message, expected: Told) -> None:
    assert of_wait(wait(0.0), seen(accepted=-9.0), said, AT, would_show=True, in_restart=False) == expected


def test_a_log_without_messages_says_nothing_of_an_exchange() -> None:
    silent = of_wait(wait(0.0), seen(accepted=-9.0), message(), AT, would_show=False, in_restart=False)
    assert silent == Told("established", "unclear")
    assert of_wait(wait(0.0), None, message(), AT, would_show=False, in_restart=False) == Told("unknown", "unclear")


def test_a_session_that_a_restart_ended_was_ended_by_it() -> None:
    held = wait(0.0, kind="hold", outcome="failed", cause="server_closed")
    assert of_wait(held, seen(accepted=-9.0), UNCLEAR, AT, would_show=True, in_restart=True).said == "restart"
    assert of_wait(held, seen(accepted=-9.0), UNCLEAR, AT, would_show=True, in_restart=False).said == "unclear"


@pytest.mark.parametrize(
    ("status", "cause", "expected"),
    [(401, "auth_rejected", "credentials"), (407, "http_status", "credentials"), (None, "auth_rejected", "credentials"),
     (403, "http_status", "refused"), (502, "http_status", "refused")],
)  # fmt: skip
def test_a_refusal_of_credentials_is_not_yet_the_servers(status: int | None, cause: str, expected: str) -> None:
    mine = seen(accepted=0.02)
    mine.refused_s, mine.status = START_S + 30.0 + 0.5, status
    failed = LOST._replace(outcome="failed", cause=cause)
    said = of_connect(failed, mine, AT, would_show=True, tells_ready=True, in_restart=False).said
    assert said == expected
    assert ("credentials" in STATED, "refused" in STATED) == (False, True)


def test_an_answer_that_a_later_ping_overtook_was_not_sent() -> None:
    """A server that says that it served what it drops: TCP brings what was sent first before what is behind it."""
    served = message(request=0.1, reply=0.2)
    for lost_at, expected in (
        ("silent_application", "not_sent"),
        ("silent_process", "reply_lost"),
        (None, "reply_lost"),
    ):
        mine = wait(0.0, lost_at=lost_at)
        assert of_wait(mine, seen(accepted=0.0), served, AT, would_show=True, in_restart=False).said == expected
        lost = LOST._replace(lost_at=lost_at)
        ready = seen(accepted=0.02, authenticated=0.1, established=0.2)
        assert of_connect(lost, ready, AT, would_show=True, tells_ready=True, in_restart=False).said == expected
