"""The session in virtual time: every state, every deadline, every end."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.plan import Budgets, Token
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import Kind, Message, Refusal, Request
from scenarios.session.peer_check import GRACE_S
from scenarios.session.scripts import ScriptSettings, planned_s
from scenarios.session.session import ACCEPTANCE_GRACE_S, MOST_NAME, REFUSAL_GRACE_S, SessionMisuse
from scenarios.session.states import State
from tests.scenarios.virtual_session import (
    CLOSE,
    EPOCH_US,
    EVENTS,
    HEARTBEAT_ACK,
    PONG,
    SERVER_PING,
    SERVICE_INFO,
    TEXT,
    VALIDATION,
    WELCOME,
    Life,
    acknowledgement,
    error,
    said,
)

DIAL = (State.DNS, State.TCP, State.TLS, State.UPGRADE)
PING_ONLY: dict[str, Any] = {"operations": {"ping": 1.0}, "pace_s": 0.0}
BUDGETS = Budgets(connect_s=10.0, exchange_s=5.0, sequence_s=15.0, close_s=2.0)


def pinging(**settings: Any) -> Life:
    """A ready session that has just sent its first ping."""
    return Life(plan={"budgets": BUDGETS}, **{**PING_ONLY, **settings}).ready()


# -- connect ------------------------------------------------------------------------------------------------


def test_a_connect_row_holds_every_phase() -> None:
    life = Life(pace_s=1.0).dial(tls=True).after(0.3).frame(SERVICE_INFO).frame(VALIDATION).frame(WELCOME)
    row = life.only("connect")
    assert said(row) == ("ok", "welcome", None)
    phases = (row.dns_s, row.tcp_s, row.tls_s, row.upgrade_s, row.welcome_s)
    assert phases == pytest.approx((0.01, 0.01, 0.01, 0.01, 0.3))
    assert row.duration_s == pytest.approx(0.34)
    assert row.rtt_s == row.tcp_s
    assert row.frames_in == 3
    assert (row.scheduled_at, row.started_at) == (EPOCH_US, EPOCH_US)
    facts = life.session.facts
    assert facts is not None
    assert (facts.server_instance, facts.preface_frames, facts.startup_complete) == ("instance-1", 2, True)
    assert facts.server_connection_id == WELCOME["data"]["connection_id"]


def test_a_server_that_calls_itself_by_megabytes_does_not_fill_the_rows() -> None:
    data = {**WELCOME["data"], "connection_id": "c" * 100_000, "server_instance": "<b>" * 100_000}
    life = Life().dial(until=State.UPGRADE)
    life.session.upgraded(life.now, instance=None)
    facts = life.frame({**WELCOME, "data": data}).session.facts
    assert facts is not None
    assert (facts.server_connection_id, facts.server_instance) == ("c" * MOST_NAME, ("<b>" * MOST_NAME)[:MOST_NAME])


def test_a_late_start_keeps_its_schedule() -> None:
    life = Life()
    life.after(2.5).begin().stop()
    row = life.only("connect")
    assert row.started_at - row.scheduled_at == 2_500_000


def test_a_name_that_was_known_has_no_dns_time() -> None:
    life = Life().begin()
    life.session.resolved(life.now, measured=False)
    life.failed("refused", errno=111)
    assert life.only("connect").dns_s is None


def test_a_relay_tells_the_true_round_trip() -> None:
    life = Life(**PING_ONLY).dial(until=State.TCP)
    life.session.connected(life.now, tls=False, handshake_s=0.16, tcp_s=0.41)
    life.session.upgraded(life.now, instance=None)
    life.frame(WELCOME).stop()
    assert (life.only("connect").tcp_s, life.only("connect").rtt_s, life.only("exchange").rtt_s) == (0.41, 0.16, 0.16)


def test_the_round_trip_is_the_handshake_of_the_address_that_answered_and_the_phase_is_all_of_it() -> None:
    life = Life(**PING_ONLY).dial(until=State.TCP)
    began = life.now
    life.after(0.5)
    life.session.connected(life.now, tls=False, handshake_s=0.16)
    life.session.upgraded(life.now, instance=None)
    life.frame(WELCOME).stop()
    row = life.only("connect")
    assert (row.tcp_s, row.rtt_s, life.only("exchange").rtt_s) == (life.now - began, 0.16, 0.16)


@pytest.mark.parametrize("state", DIAL)
def test_a_silent_peer_is_a_timeout_in_the_phase_it_was_silent_in(state: State) -> None:
    life = Life(plan={"budgets": BUDGETS}).dial(tls=True, until=state).after(11.0)
    row = life.only("connect")
    assert said(row) == ("timeout", state.value, "silent_peer")
    assert row.duration_s == row.budget_s == 10.0
    assert life.session.state is State.CLOSED


def test_a_server_that_sends_no_welcome_is_a_timeout_in_welcome() -> None:
    life = Life(plan={"budgets": BUDGETS}).dial().after(1.0).frame(SERVICE_INFO).after(20.0)
    assert said(life.only("connect")) == ("timeout", "welcome", "silent_peer")
    assert life.session.facts is not None and life.session.facts.preface_frames == 1


def test_bytes_that_drip_do_not_lengthen_the_budget() -> None:
    life = Life(plan={"budgets": BUDGETS}).dial()
    for _ in range(100):
        life.after(0.5)
        if life.session.state is State.WELCOME:
            life.frame(SERVICE_INFO)
    row = life.only("connect")
    assert said(row) == ("timeout", "welcome", "silent_peer")
    assert row.duration_s == 10.0


@pytest.mark.parametrize("state", DIAL)
def test_what_was_waiting_while_our_loop_stood_still_is_the_harness(state: State) -> None:
    life = Life(plan={"budgets": BUDGETS}).dial(tls=True, until=state).blocked(12.0).tick(answered=True)
    row = life.only("connect")
    assert said(row) == ("timeout", state.value, "harness")
    assert row.loop_lag_s == 12.0


@pytest.mark.parametrize("state", DIAL)
def test_a_phase_that_is_done_after_a_late_deadline_is_a_timeout_of_the_harness(state: State) -> None:
    life = Life(plan={"budgets": BUDGETS}).dial(tls=True, until=state).blocked(12.0)
    s = life.session
    {
        State.DNS: lambda: s.resolved(life.now, measured=True),
        State.TCP: lambda: s.connected(life.now, tls=True),
        State.TLS: lambda: s.secured(life.now),
        State.UPGRADE: lambda: s.upgraded(life.now, instance=None),
    }[state]()
    assert said(life.take().only("connect")) == ("timeout", state.value, "harness")


def test_a_welcome_found_after_a_blocked_loop_is_a_timeout_of_the_harness() -> None:
    life = Life(plan={"budgets": BUDGETS}).dial().blocked(12.0).frame(WELCOME)
    assert said(life.only("connect")) == ("timeout", "welcome", "harness")
    assert not life.of("hold")


def test_a_blocked_loop_with_nothing_waiting_is_still_a_silent_peer() -> None:
    life = Life(plan={"budgets": BUDGETS}).dial().blocked(12.0).tick().after(GRACE_S)
    row = life.only("connect")
    assert said(row) == ("timeout", "welcome", "silent_peer")
    assert row.loop_lag_s == 12.0


# -- whoever must be asked first ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.TCP, State.TLS, State.UPGRADE, State.WELCOME])
def test_a_connect_that_runs_out_asks_where_it_was_lost(state: State) -> None:
    life = Life(plan={"budgets": BUDGETS}).dial(tls=True, until=state)
    assert not life.session.asks(109.9)
    assert life.session.asks(110.0)


def test_nobody_is_asked_about_a_name_a_refusal_or_a_pause() -> None:
    assert not Life(plan={"budgets": BUDGETS}).dial(until=State.DNS).session.asks(120.0)
    refused = Life(plan={"budgets": BUDGETS}).dial().frame(error("unauthorized"))
    assert refused.session.state is State.REFUSED and not refused.session.asks(120.0)
    pausing = Life(plan={"budgets": BUDGETS}, **{**PING_ONLY, "pace_s": 3.0}).ready().frame(PONG)
    assert pausing.session.deadline <= 110.0 and not pausing.session.asks(110.0)


def test_credentials_that_must_be_refused_and_are_not_are_no_silence() -> None:
    life = Life(protocol=Echo(), plan={"budgets": BUDGETS, "expect_refusal": True}).dial()
    assert life.session.state is State.WELCOME and not life.session.asks(life.session.deadline)


def test_an_exchange_its_peer_check_and_the_close_ask_at_their_end() -> None:
    life = Life(
        plan={"budgets": BUDGETS}, answers_checks=False, churn_exchanges=1, scenario="churn", **PING_ONLY
    ).ready()
    for _ in range(3):
        assert not life.session.asks(life.session.deadline - 0.001)
        assert life.session.asks(life.session.deadline)
        life.next()
    assert [row.kind for row in life.rows if row.outcome == "timeout"] == ["exchange", "close"]
    assert not life.session.asks(life.now + 1000.0)


@pytest.mark.parametrize("state", [State.TCP, State.TLS, State.UPGRADE, State.WELCOME])
def test_the_time_that_a_question_takes_is_in_no_connect(state: State) -> None:
    life = Life(plan={"budgets": BUDGETS}, answers_checks=False).dial(tls=True, until=state).blocked(10.2)
    came_at = life.session.deadline
    life.tick(came_at=came_at).after(GRACE_S + BUDGETS.peer_check_s)
    assert life.only("connect").duration_s == 10.0
    assert said(life.only("connect")) == ("timeout", state.value, "silent_peer")


def test_the_time_that_a_question_takes_is_in_no_wait_no_pong_and_not_in_the_next_exchange() -> None:
    life = pinging()
    came_at = life.session.deadline
    life.blocked(came_at + 0.2 - life.now).tick(came_at=came_at).after(0.1).frame(PONG).stop()
    first, second = life.of("exchange")[:2]
    assert (first.duration_s, first.pong_s) == (5.0, 0.0)
    assert second.started_at - first.started_at == 5_200_000


def test_what_ran_out_while_somebody_was_asked_is_the_next_ticks() -> None:
    life = pinging(in_flight=2)
    came_at = life.session.deadline
    life.session.tick(came_at + 1000.0, came_at=came_at - 0.001)
    assert life.take().rows[1:] == []


@pytest.mark.parametrize(
    ("cause", "end"),
    [
        ("dns", {"errno": -2}),
        ("refused", {"errno": 111}),
        ("tls", {"detail": "CERTIFICATE_VERIFY_FAILED"}),
        ("http_status", {"http_status": 503}),
        ("reset", {"errno": 104, "closed_by": "network"}),
    ],
)
@pytest.mark.parametrize("state", [*DIAL, State.WELCOME])
def test_a_failure_is_a_failed_connect_in_its_phase(state: State, cause: str, end: dict[str, Any]) -> None:
    life = Life().dial(tls=True, until=state).failed(cause, **end)
    row = life.only("connect")
    assert said(row) == ("failed", state.value, cause)
    assert {name: getattr(row, name) for name in end} == end
    assert life.session.result().ended_by == "failure"
    assert life.session.state is State.CLOSED


def test_a_refused_token_waits_for_the_close_code_but_not_in_its_duration() -> None:
    life = Life().dial().after(0.2).frame(error("VALIDATION_FAILED", "Token validation failed")).after(0.1)
    assert life.rows == []
    row = life.closed(1008, "SSOT Auth failed").only("connect")
    assert said(row) == ("failed", "welcome", "auth_rejected")
    assert (row.close_code, row.closed_by) == (1008, "server")
    assert row.duration_s == pytest.approx(0.23)
    assert row.detail == "VALIDATION_FAILED: Token validation failed"


def test_a_refusal_without_a_close_ends_by_itself() -> None:
    life = Life().dial().frame(error("FACTORY_INIT_FAILED")).after(REFUSAL_GRACE_S + 0.1)
    row = life.only("connect")
    assert said(row) == ("failed", "welcome", "server_error")
    assert row.close_code is None
    assert life.session.state is State.CLOSED


@pytest.mark.parametrize("way", ["stop", "lost"])
def test_a_refusal_stays_one_whatever_ends_the_wait_for_its_close(way: str) -> None:
    life = Life().dial().frame(error("NO_TOKEN"))
    row = (life.stop() if way == "stop" else life.failed("server_closed", close_code=1006)).only("connect")
    assert said(row) == ("failed", "welcome", "auth_rejected")


@pytest.mark.parametrize(
    ("code", "cause"),
    [(1008, "auth_rejected"), (1011, "server_error"), (1000, "server_closed"), (None, "server_closed")],
)
def test_a_close_instead_of_a_welcome_says_why(code: int | None, cause: str) -> None:
    row = Life().dial().closed(code, "main cleanup").only("connect")
    assert said(row) == ("failed", "welcome", cause)
    assert (row.close_code, row.closed_by, row.detail) == (code, "server", "main cleanup")


def test_a_welcome_that_is_not_ready_is_not_the_welcome() -> None:
    not_yet = {"type": "system_message", "data": {**WELCOME["data"], "connection_ready": False}}
    life = Life(plan={"budgets": BUDGETS}).dial().frame(not_yet).after(10.0 + GRACE_S)
    assert said(life.only("connect")) == ("timeout", "welcome", "silent_peer")


@pytest.mark.parametrize("payload", [b"not json", b"[1]", b'"text"'])
def test_a_frame_that_is_no_object_before_the_welcome_is_malformed(payload: bytes) -> None:
    life = Life().dial().frame(payload)
    assert said(life.only("connect")) == ("failed", "welcome", "malformed")
    assert life.only("connect").closed_by == "client"


def test_a_binary_message_before_the_welcome_is_malformed() -> None:
    life = Life().dial()
    life.session.binary(b"\x00", life.now)
    assert said(life.take().only("connect")) == ("failed", "welcome", "malformed")


@given(st.permutations([SERVICE_INFO, VALIDATION, SERVER_PING, PONG, acknowledgement(None), {"type": 5}]))
def test_whatever_comes_before_the_welcome_in_whatever_order_does_no_harm(frames: list[dict[str, Any]]) -> None:
    life = Life(**PING_ONLY).dial()
    for frame in frames:
        life.frame(frame)
    life.frame(WELCOME)
    assert said(life.only("connect")) == ("ok", "welcome", None)
    assert life.session.facts is not None and life.session.facts.preface_frames == len(frames)
    assert (TEXT, b'{"type":"pong"}') in life.sent


@pytest.mark.parametrize("frame", [error("NO_TOKEN"), None])
def test_an_auth_probe_that_is_refused_is_ok(frame: dict[str, Any] | None) -> None:
    life = Life("auth_probe", plan={"expect_refusal": True}).dial()
    if frame is not None:
        life.frame(frame)
    row = life.closed(1008, "SSOT Auth failed").only("connect")
    assert said(row) == ("ok", "welcome", None)
    assert row.close_code == 1008


def test_an_auth_probe_that_is_refused_by_status_is_ok() -> None:
    life = Life("auth_probe", plan={"expect_refusal": True}).dial(until=State.UPGRADE)
    assert said(life.failed("auth_rejected", http_status=401).only("connect")) == ("ok", "upgrade", None)


def test_an_auth_probe_that_is_let_in_fails() -> None:
    life = Life("auth_probe", plan={"expect_refusal": True, "token_kind": "forged"}).dial().frame(WELCOME)
    assert said(life.only("connect")) == ("failed", "welcome", "credentials_accepted")
    assert said(life.only("hold")) == ("ok", "hold", None)
    assert life.session.facts is not None and life.session.facts.token_kind == "forged"


@pytest.mark.parametrize(("code", "reason"), [(4401, ""), (1008, "no"), (3000, "")])
def test_an_auth_probe_of_a_server_without_a_welcome_waits_for_the_close_that_refuses_it(
    code: int, reason: str
) -> None:
    life = Life("auth_probe", protocol=Echo(), plan={"expect_refusal": True}).dial().after(ACCEPTANCE_GRACE_S - 0.1)
    assert life.rows == []
    row = life.closed(code, reason).only("connect")
    assert said(row) == ("ok", "welcome", None) and row.close_code == code
    assert not life.of("hold")


def test_an_auth_probe_of_a_server_without_a_welcome_was_let_in_when_nothing_came() -> None:
    life = Life("auth_probe", protocol=Echo(), plan={"expect_refusal": True}).dial()
    life.frame(b"hello").after(ACCEPTANCE_GRACE_S + 0.1)
    row = life.only("connect")
    assert said(row) == ("failed", "welcome", "credentials_accepted") and row.welcome_s is None
    assert said(life.only("hold")) == ("ok", "hold", None)


@pytest.mark.parametrize(("code", "cause"), [(1011, "server_error"), (1012, "server_closed")])
def test_an_auth_probe_that_is_closed_for_another_reason_is_no_refusal(code: int, cause: str) -> None:
    life = Life("auth_probe", protocol=Echo(), plan={"expect_refusal": True}).dial().closed(code)
    assert said(life.only("connect")) == ("failed", "welcome", cause)


def test_an_auth_probe_whose_token_nobody_looked_at_is_not_a_pass() -> None:
    life = Life("auth_probe", plan={"expect_refusal": True}).dial()
    row = life.frame(error("VALIDATION_FAILED", "auth_service_unreachable")).closed(1008).only("connect")
    assert said(row) == ("failed", "welcome", "server_error")
    assert row.detail == "the credentials were not checked: VALIDATION_FAILED: auth_service_unreachable"


def test_an_auth_probe_that_times_out_is_no_refusal() -> None:
    life = Life("auth_probe", plan={"expect_refusal": True, "budgets": BUDGETS}).dial().after(11.0)
    assert said(life.only("connect")) == ("timeout", "welcome", "silent_peer")


def test_the_age_of_the_token_is_known_at_the_start() -> None:
    token = Token("secret", issued_at=EPOCH_US / 1e6 - 60.0, expires_at=EPOCH_US / 1e6 + 840.0)
    life = Life(plan={"token": token}, **PING_ONLY).ready().stop()
    assert life.only("connect").token_age_s == pytest.approx(60.0)
    assert life.session.facts is not None and life.session.facts.token_ttl_s == 900.0


# -- exchanges ----------------------------------------------------------------------------------------------


def test_an_exchange_is_one_row() -> None:
    life = pinging().after(0.02).frame(PONG)
    row = life.of("exchange")[0]
    assert said(row) == ("ok", "exchange", None)
    assert (row.operation, row.budget_s) == ("ping", 5.0)
    assert row.duration_s == pytest.approx(0.02)
    assert (row.frames_in, row.frames_out) == (1, 1)
    assert row.bytes_out == len(b'{"type":"ping"}')
    assert (row.age_s, row.idle_s, row.cpu) == (0.0, 0.0, 0.5)


def test_the_servers_ping_is_answered_and_is_not_the_reply() -> None:
    life = pinging().frame(SERVER_PING).after(0.5)
    assert life.of("exchange") == []
    assert life.sent[-1] == (TEXT, b'{"type":"pong"}')
    assert life.frame(PONG).of("exchange")[0].frames_in == 2


def test_pings_can_be_left_unanswered() -> None:
    life = pinging(answer_pings=False).frame(SERVER_PING)
    assert (TEXT, b'{"type":"pong"}') not in life.sent


def test_a_request_without_a_reply_is_a_timeout_and_the_session_goes_on() -> None:
    life = pinging().after(5.0 + GRACE_S)
    row = life.only("exchange")
    assert said(row) == ("timeout", "exchange", "silent_peer")
    assert row.duration_s == 5.0
    assert life.session.state is State.READY
    assert len(life.requests()) == 2


def test_a_reply_found_after_a_blocked_loop_is_a_timeout_of_the_harness() -> None:
    row = pinging().blocked(7.0).frame(PONG).only("exchange")
    assert said(row) == ("timeout", "exchange", "harness")
    assert (row.loop_lag_s, row.loop_blocked_s) == (7.0, 7.0)


def test_a_reply_just_after_the_deadline_is_the_peers_timeout() -> None:
    life = pinging()
    life.now += 5.01
    assert said(life.frame(PONG).only("exchange")) == ("timeout", "exchange", "silent_peer")


def test_a_late_reply_is_not_taken_for_the_next_requests() -> None:
    life = pinging().after(5.0)
    assert life.requests()[-1]["type"] == "chat"  # its reply names it
    life.after(0.1).frame(PONG).after(0.1)
    assert len(life.of("exchange")) == 1
    chat = life.requests()[-1]
    life.frame(acknowledgement(chat["message_id"])).after(0.2).frame(PONG)
    assert [(r.operation, r.outcome) for r in life.of("exchange")] == [
        ("ping", "timeout"),
        ("chat", "ok"),
        ("ping", "ok"),
    ]
    assert life.of("exchange")[-1].duration_s == pytest.approx(0.2)


def test_a_reply_that_was_lost_does_not_shift_the_later_ones() -> None:
    life = pinging().after(5.0)
    life.frame(acknowledgement(life.requests()[-1]["message_id"]))  # the pong never came
    life.after(0.3).frame(PONG).after(GRACE_S)
    assert [r.outcome for r in life.of("exchange")] == ["ok", "ok", "timeout"]


def test_a_zombie_times_out_in_every_exchange() -> None:
    life = pinging().frame(PONG).after(25.0 + GRACE_S)
    assert [r.outcome for r in life.of("exchange")] == ["ok", *["timeout"] * 5]
    assert life.session.state is State.READY


def test_an_error_frame_answers_the_request_in_flight() -> None:
    life = pinging().frame(error("FORMAT_ERROR", "no JSON"))
    row = life.only("exchange")
    assert said(row) == ("failed", "exchange", "server_error")
    assert row.detail == "FORMAT_ERROR: no JSON"
    assert life.session.state is State.READY


class Named(Echo):
    """A server whose errors name the request, as JSON-RPC's do."""

    def read(self, payload: bytes | str) -> Message:
        frame = json.loads(payload)
        if "error" not in frame:
            return super().read(payload)
        return Message(Kind.ERROR, id=frame["id"], error=Refusal(frame["error"], False, "", is_clients=True))

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        return super().request(operation, number=number)._replace(reply_id=str(number))


def two_named() -> Life:
    """Two requests in flight, 1 and 2."""
    plan = {"budgets": BUDGETS}
    return Life(protocol=Named(), plan=plan, operations={"get": 1.0}, pace_s=60.0, in_flight=2).dial().next()


def test_an_error_that_names_its_request_answers_that_one() -> None:
    life = two_named().after(0.1).frame({"id": "2", "error": "invalid params"})
    row = life.only("exchange")
    assert said(row) == ("failed", "exchange", "client_error")
    assert life.after(0.1).frame({"id": "1", "op": "get"}).of("exchange")[1].outcome == "ok"


def test_an_error_that_names_nobodys_request_answers_none() -> None:
    life = two_named().frame({"id": "7", "error": "?"})
    assert life.of("exchange") == [] and life.session.state is State.READY


def test_an_error_that_names_a_request_which_ran_out_is_its_late_answer() -> None:
    life = two_named()
    life.answers_checks = False
    life.after(5.5).frame({"id": "2", "error": "slow"}).after(5.0)
    assert [(said(row), row.late_s) for row in life.of("exchange")] == [
        (("timeout", "exchange", "silent_peer"), None),
        (("timeout", "exchange", "silent_peer"), pytest.approx(0.5)),
    ]


def test_an_error_found_after_a_blocked_loop_is_a_timeout_of_the_harness() -> None:
    row = two_named().blocked(7.0).frame({"id": "1", "error": "?"}).only("exchange")
    assert said(row) == ("timeout", "exchange", "harness")


@pytest.mark.parametrize("payload", [b"{", b"[]"])
def test_a_frame_that_cannot_be_read_fails_the_request_in_flight(payload: bytes) -> None:
    assert said(pinging().frame(payload).only("exchange")) == ("failed", "exchange", "malformed")


def test_several_in_flight_are_matched_by_their_ids() -> None:
    life = Life(operations={"chat": 1.0}, pace_s=1.0, in_flight=3).ready().next()
    first, second, third = (r["message_id"] for r in life.requests())
    life.after(0.1).frame(acknowledgement(third)).after(0.1).frame(acknowledgement(first))
    life.after(0.1).frame(acknowledgement(second))
    assert len(life.of("exchange")) == 3
    waited = [row.duration_s for row in life.of("exchange")]
    assert [b - a for a, b in itertools.pairwise(waited)] == pytest.approx([0.1, 0.1])


def test_one_of_several_in_flight_may_time_out_alone() -> None:
    life = Life(operations={"chat": 1.0}, pace_s=30.0, in_flight=2, plan={"budgets": BUDGETS}).ready().next()
    life.frame(acknowledgement(life.requests()[0]["message_id"])).after(6.0)
    assert sorted(r.outcome for r in life.of("exchange")) == ["ok", "timeout"]


@given(st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_replies_in_any_order_with_any_lost_reach_their_own_requests(order: list[int], lost: set[int]) -> None:
    life = Life(operations={"chat": 1.0}, pace_s=60.0, in_flight=4, plan={"budgets": BUDGETS}).ready().next()
    ids = [r["message_id"] for r in life.requests()]
    for index in order:
        life.after(0.01)
        if index not in lost:
            life.frame(acknowledgement(ids[index]))
    life.after(6.0)
    outcomes = [r.outcome for r in life.of("exchange")]
    assert (outcomes.count("ok"), outcomes.count("timeout")) == (4 - len(lost), len(lost))
    assert life.tally.started == life.tally.ok + life.tally.timeout + 1  # the hold goes on


def test_the_agents_five_events_in_order_are_one_exchange() -> None:
    life = Life("agent", pace_s=1.0).ready().after(1.0)
    for event in EVENTS:
        life.after(0.1).frame({"type": event})
    row = life.only("exchange")
    assert said(row) == ("ok", "exchange", None)
    assert (row.operation, row.frames_in) == ("start_agent", 5)


def test_an_agent_whose_last_event_does_not_come_is_a_timeout_of_its_own_budget() -> None:
    life = Life("agent", pace_s=1.0, plan={"budgets": BUDGETS}).ready().after(1.0)
    for event in EVENTS[:-1]:
        life.frame({"type": event})
    row = life.after(15.0 + GRACE_S).only("exchange")
    assert said(row) == ("timeout", "exchange", "silent_peer")
    assert row.duration_s == 15.0


@given(st.permutations(EVENTS))
def test_events_out_of_order_complete_nothing(events: list[str]) -> None:
    life = Life("agent", pace_s=1.0).ready().after(1.0)
    for event in events:
        life.frame({"type": event})
    assert bool(life.of("exchange")) == (tuple(events) == EVENTS)


def test_the_round_trip_is_smoothed_over_earlier_pings_and_never_the_own() -> None:
    life = pinging()
    for took_s in (0.2, 0.4, 0.1):
        life.after(took_s).frame(PONG)
    known = [row.rtt_s for row in life.of("exchange")]
    assert known == pytest.approx([0.01, 0.2, 0.2 + (0.4 - 0.2) / 8])


def test_idle_time_is_since_the_last_frame_in_either_direction() -> None:
    life = Life("idle", heartbeat_s=20.0).ready().after(8.0).frame(SERVER_PING).after(12.0).frame(HEARTBEAT_ACK)
    row = life.only("exchange")
    assert row.operation == "heartbeat"
    assert row.age_s == pytest.approx(20.0)
    assert row.idle_s == pytest.approx(12.0)


def test_starts_keep_their_schedule_and_those_missed_are_counted() -> None:
    life = Life(operations={"ping": 1.0}, pace_s=1.0, plan={"budgets": BUDGETS}).ready()
    life.after(1.0)  # the first start lies within the first second
    life.after(3.0).frame(PONG).frame(PONG)
    first, second = life.of("exchange")
    assert second.scheduled_at == first.scheduled_at + (1 + life.tally.skipped) * 1_000_000
    assert second.started_at > second.scheduled_at
    assert life.tally.skipped >= 2


# -- the session's end --------------------------------------------------------------------------------------


def test_a_script_that_ends_closes_and_waits_for_the_answer() -> None:
    life = Life("churn", operations={"ping": 1.0}, churn_exchanges=1).ready().frame(PONG)
    assert life.sent[-1] == (CLOSE, (1000).to_bytes(2, "big"))
    assert said(life.only("hold")) == ("ok", "hold", None)
    row = life.after(0.05).closed(1000).only("close")
    assert said(row) == ("ok", "close", None)
    assert (row.close_code, row.closed_by) == (1000, "client")
    assert row.duration_s == pytest.approx(0.05)
    result = life.session.result()
    assert (result.ready, result.ended_by, result.outcome) == (True, "script", "ok")
    assert life.tally.balanced


def test_a_close_without_an_answer_is_a_timeout() -> None:
    life = Life("churn", churn_exchanges=0, plan={"budgets": BUDGETS}).ready().after(2.0)
    assert said(life.only("close")) == ("timeout", "close", "silent_peer")
    assert life.session.state is State.CLOSED


def test_a_connection_that_is_cut_while_closing_is_a_failed_close() -> None:
    life = Life("churn", churn_exchanges=0).ready().failed("server_closed", close_code=1006, closed_by="network")
    assert said(life.only("close")) == ("failed", "close", "server_closed")
    assert said(life.only("hold")) == ("ok", "hold", None)


def test_frames_that_come_while_closing_do_nothing() -> None:
    life = Life("churn", churn_exchanges=0).ready().frame(PONG).frame(b"{").closed(1000)
    assert said(life.only("close")) == ("ok", "close", None)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        *((1011, "server_error"), (1008, "auth_rejected"), (4401, "auth_rejected"), (3003, "auth_rejected")),
        *((1000, "server_closed"), (1012, "server_closed")),
    ],
)
def test_a_server_that_closes_fails_the_exchange_in_flight_and_the_hold(code: int, cause: str) -> None:
    life = pinging().after(1.0).closed(code, "why")
    assert said(life.only("exchange")) == ("failed", "exchange", cause)
    assert said(life.only("hold")) == ("failed", "hold", cause)
    assert {(r.close_code, r.closed_by) for r in (life.only("exchange"), life.only("hold"))} == {(code, "server")}
    assert life.session.result().ended_by == "peer"
    assert not life.of("close")
    assert life.tally.balanced


def test_a_policy_violation_after_an_answer_is_no_refusal_unless_the_token_has_expired() -> None:
    assert said(pinging().frame(PONG).closed(1008, "why").only("hold")) == ("failed", "hold", "server_closed")
    token = Token("secret", issued_at=EPOCH_US / 1e6 - 60.0, expires_at=EPOCH_US / 1e6 + 30.0)
    life = Life(plan={"token": token, "budgets": BUDGETS}, **PING_ONLY).ready().frame(PONG)
    assert said(life.after(30.0).closed(1008, "why").only("hold")) == ("failed", "hold", "auth_rejected")


def test_a_server_that_did_not_hear_us_says_so_on_every_row() -> None:
    life = pinging().after(1.0).closed(1011, "keepalive ping timeout")
    assert said(life.only("exchange")) == ("failed", "exchange", "keepalive")
    assert said(life.only("hold")) == ("failed", "hold", "keepalive")


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"


def test_a_token_that_the_server_repeats_is_in_no_row_and_in_no_fact() -> None:
    welcome = {"type": "system_message", "data": {**WELCOME["data"], "connection_id": TOKEN}}
    life = (
        Life(plan={"token": Token(TOKEN)}, **PING_ONLY).dial().frame(welcome).closed(1008, f"bad token {TOKEN[9:40]}")
    )
    assert {row.detail for row in life.of("hold") + life.of("exchange")} == {"bad token <redacted>"}
    assert life.session.facts is not None and life.session.facts.server_connection_id == "<redacted>"


def silences(life: Life) -> tuple[float | None, float | None]:
    row = life.only("hold")
    return row.idle_s, row.longest_silence_s


@pytest.mark.parametrize("scenario", ["steady", "agent"])
def test_a_session_that_compares_closes_by_itself_when_it_has_lived_its_time(scenario: str) -> None:
    lives_s = planned_s(scenario, ScriptSettings(session_s=60.0, pace_s=20.0), 7, longest_s=BUDGETS.hold_s)
    brief = Budgets(exchange_s=0.1, sequence_s=0.1, peer_check_s=0.0)
    life = Life(scenario, session_s=60.0, pace_s=20.0, plan={"budgets": brief}).ready()
    life.after(lives_s - 0.01)
    assert life.is_in(State.READY)
    life.after(0.02)
    assert life.is_in(State.CLOSING)
    hold = life.only("hold")
    assert said(hold) == ("ok", "hold", None)
    assert (hold.duration_s, hold.budget_s) == pytest.approx((lives_s, lives_s), abs=1e-6)


def test_a_held_session_goes_on_asking_until_the_run_ends() -> None:
    budgets = Budgets(exchange_s=5.0, hold_s=100.0)
    life = Life("hold", session_s=1.0, pace_s=10.0, operations={"ping": 1.0}, plan={"budgets": budgets}).ready()
    while life.now - life.begun < 95.0:
        life.after(4.0)
        if len(life.requests()) > len(life.of("exchange")):
            life.frame(PONG)
    assert life.session.state is State.READY
    assert len(life.of("exchange")) >= 9
    life.after(10.0)
    hold = life.only("hold")
    assert said(hold) == ("ok", "hold", None)
    assert hold.duration_s == pytest.approx(100.0)


def test_a_hold_says_how_silent_it_was_before_its_end_and_at_most() -> None:
    life = Life("idle", heartbeat_s=600.0).ready().after(30.0).heard().after(60.0).heard().after(20.0)
    assert silences(life.failed("server_closed", close_code=1006)) == pytest.approx((20.0, 60.0))


def test_the_silence_before_a_close_frame_ends_before_the_frame() -> None:
    assert silences(Life("idle", heartbeat_s=600.0).ready().after(60.0).closed(1000)) == pytest.approx((60.0, 60.0))


def test_a_planned_end_and_a_stop_have_their_silence_too() -> None:
    life = Life("idle", hold_s=30.0, heartbeat_s=20.0).ready().after(20.0).frame(HEARTBEAT_ACK).after(10.0)
    assert silences(life) == pytest.approx((10.0, 20.0))
    assert silences(pinging().after(1.5).stop()) == pytest.approx((1.5, 1.5))


def test_what_was_heard_while_connecting_is_not_the_holds() -> None:
    life = Life("idle", heartbeat_s=600.0).dial().after(5.0).frame(WELCOME).after(1.0)
    assert silences(life.failed("reset", errno=104)) == pytest.approx((1.0, 1.0))


def test_a_session_says_how_long_it_was_open() -> None:
    assert pinging().after(1.5).closed(1008).session.result().open_s == pytest.approx(1.5)
    assert Life().dial().closed(1008).session.result().open_s is None


def test_a_reset_fails_the_hold_of_an_idle_session() -> None:
    life = Life("idle").ready().after(5.0).failed("reset", errno=104, closed_by="network")
    row = life.only("hold")
    assert said(row) == ("failed", "hold", "reset")
    assert row.errno == 104
    assert row.duration_s == pytest.approx(5.0)


def test_a_hold_of_planned_length_ends_as_planned() -> None:
    life = Life("idle", hold_s=30.0, heartbeat_s=20.0).ready().after(20.0).frame(HEARTBEAT_ACK).after(10.0)
    row = life.only("hold")
    assert (row.outcome, row.budget_s) == ("ok", 30.0)
    assert row.duration_s == pytest.approx(30.0)


def test_a_storm_closes_an_idle_session_at_once_and_spreads_the_reconnects() -> None:
    life = Life("storm", storm_jitter_s=4.0).ready().after(3.0).storm()
    assert life.session.state is State.CLOSING
    result = life.closed(1000).session.result()
    assert result.storm and 0.0 <= result.pause_s <= 4.0
    assert said(life.only("hold")) == ("ok", "hold", None)


def test_a_storm_waits_for_the_exchange_in_flight() -> None:
    life = pinging().storm()
    before = life.session.state
    assert life.after(0.1).frame(PONG).only("exchange").outcome == "ok"
    assert (before, life.session.state) == (State.READY, State.CLOSING)


def test_storms_of_different_connections_end_at_different_times() -> None:
    pauses = set()
    for seed in range(20):
        life = Life("storm", storm_jitter_s=4.0, plan={"seed": seed}).ready().storm().closed(1000)
        pauses.add(life.session.result().pause_s)
    assert len(pauses) == 20


@pytest.mark.parametrize("state", [*DIAL, State.WELCOME])
def test_a_stop_while_connecting_aborts_the_connect(state: State) -> None:
    life = Life().dial(tls=True, until=state).after(0.5).stop()
    row = life.only("connect")
    assert said(row) == ("aborted", state.value, None)
    assert life.session.state is State.CLOSED
    assert life.session.result().ended_by == "stop"
    assert life.tally.balanced


def test_a_stop_aborts_what_is_in_flight_and_tells_the_peer() -> None:
    life = pinging().after(1.0).stop()
    assert said(life.only("exchange")) == ("aborted", "exchange", None)
    assert said(life.only("hold")) == ("aborted", "hold", None)
    assert life.sent[-1] == (CLOSE, (1001).to_bytes(2, "big"))
    assert life.tally.balanced


def test_a_stop_while_closing_aborts_the_close() -> None:
    life = Life("churn", churn_exchanges=0).ready().stop()
    assert said(life.only("close")) == ("aborted", "close", None)
    assert life.session.result().outcome == "ok"


def test_a_stop_before_the_start_leaves_no_row() -> None:
    life = Life().stop()
    assert life.rows == [] and life.session.state is State.CLOSED and life.tally.balanced


def test_after_the_end_nothing_counts() -> None:
    life = pinging().closed(1000)
    rows = len(life.rows)
    life.frame(PONG).closed(1011).failed("reset").tick().stop().storm()
    assert len(life.rows) == rows


# -- mitigations --------------------------------------------------------------------------------------------


def test_warmup_meets_the_cold_server_with_a_longer_budget_first() -> None:
    life = Life("churn", churn_exchanges=1, plan={"mitigation": "warmup", "budgets": BUDGETS}, operations={"ping": 1.0})
    life.ready().after(9.0).frame(PONG).frame(PONG)
    assert [row.budget_s for row in life.of("exchange")] == [15.0, 5.0]


def test_verify_state_looks_before_it_talks_and_leaves_a_dead_session() -> None:
    life = Life("steady", plan={"mitigation": "verify_state", "budgets": BUDGETS}, **PING_ONLY).ready().after(5.0)
    life.after(GRACE_S)
    assert said(life.only("exchange")) == ("timeout", "exchange", "silent_peer")
    assert life.only("exchange").operation == "protocol_ping"
    assert life.session.state is State.CLOSING


def test_verify_state_goes_on_where_the_session_is_alive() -> None:
    life = Life("steady", plan={"mitigation": "verify_state"}, **PING_ONLY).ready()
    opcode, payload = life.sent[-1]
    assert opcode == 0x9
    life.session.pong(payload, life.now)
    life.take().frame(PONG).frame(PONG)
    assert [r.operation for r in life.of("exchange")] == ["protocol_ping", "ping", "ping"]


def test_a_foreign_pong_frame_answers_nothing() -> None:
    life = Life("steady", plan={"mitigation": "verify_state"}, **PING_ONLY).ready()
    life.session.pong(b"other", life.now)
    assert life.take().of("exchange") == []


def test_longer_budgets_are_longer_for_every_wait() -> None:
    life = Life(plan={"mitigation": "longer_budget", "budgets": BUDGETS}, **PING_ONLY).ready().stop()
    assert (life.only("connect").budget_s, life.only("exchange").budget_s) == (30.0, 15.0)


# -- another protocol, misuse -------------------------------------------------------------------------------


def test_an_echo_server_is_ready_when_it_is_upgraded() -> None:
    life = Life(protocol=Echo(), **PING_ONLY).dial()
    assert life.only("connect").outcome == "ok" and life.only("connect").welcome_s is None
    life.after(0.1).frame(json.loads(life.sent[-1][1]))
    assert said(life.of("exchange")[0]) == ("ok", "exchange", None)


@pytest.mark.parametrize("call", ["resolved", "connected", "secured", "upgraded"])
def test_a_phase_out_of_order_is_the_drivers_mistake(call: str) -> None:
    every: dict[str, dict[str, Any]] = {
        "resolved": {"measured": True},
        "connected": {"tls": False},
        "secured": {},
        "upgraded": {"instance": None},
    }
    arguments = every[call]
    life = pinging()
    with pytest.raises(SessionMisuse):
        getattr(life.session, call)(life.now, **arguments)


def test_a_frame_before_the_upgrade_is_the_drivers_mistake() -> None:
    with pytest.raises(SessionMisuse):
        Life().dial(until=State.TCP).frame(PONG)


moves = st.lists(
    st.one_of(
        st.sampled_from(["pong", "ping", "ack", "error", "junk", "storm", "tick", "binary", "blocked"]),
        st.floats(0.0, 8.0).map(lambda s: round(s, 3)),
    ),
    max_size=30,
)


@given(moves, st.sampled_from(["stop", "reset", 1000, 1011]), st.sampled_from(["steady", "churn", "idle", "agent"]))
def test_whatever_happens_every_attempt_has_one_outcome(played: list[Any], end: Any, scenario: str) -> None:
    life = Life(scenario, pace_s=0.7, in_flight=2, hold_s=20.0, plan={"budgets": BUDGETS}).ready()
    for move in played:
        if isinstance(move, float):
            life.after(move)
        elif move == "storm":
            life.storm()
        elif move == "tick":
            life.tick()
        elif move == "blocked":
            life.blocked(6.0)
        elif move == "binary":
            life.session.binary(b"\x00", life.now)
            life.take()
        else:
            ids = [r.get("message_id") for r in life.requests()]
            frames: dict[str, dict[str, Any] | bytes] = {
                "pong": PONG,
                "ping": SERVER_PING,
                "ack": acknowledgement(ids[-1] if ids else None),
                "error": error("FORMAT_ERROR"),
                "junk": b"junk",
            }
            life.frame(frames[move])
    if end == "stop":
        life.stop()
    elif end == "reset":
        life.failed("reset", errno=104)
    else:
        life.closed(end)
    life.after(100.0)
    assert life.session.state is State.CLOSED
    assert life.tally.balanced
    assert life.tally.started == len(life.rows)
    assert len(life.of("connect")) == len(life.of("hold")) == 1
