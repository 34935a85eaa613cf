"""Dialling in virtual time: every step, every failure and every deadline, without a socket."""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Callable
from typing import Any

import pytest

from scenarios.clients import dial
from scenarios.clients.dialler import (
    Addresses,
    Answered,
    Connect,
    Dialler,
    Ended,
    Read,
    Ready,
    Resolve,
    Secure,
    Send,
)
from scenarios.plan import Target
from scenarios.relay.protocol import connected_reply, failed_reply, read_request, refused_reply
from scenarios.session.ledger import End
from scenarios.signals import Signal

DEADLINE = 12.0
FIRST, SECOND, THIRD = ((int(socket.AF_INET), ("127.0.0.1", port)) for port in (1, 2, 3))
RELAY, PROXY = ("127.0.0.9", 9), ("::1", 8)
AT_RELAY, AT_PROXY = (int(socket.AF_INET), RELAY), (int(socket.AF_INET6), PROXY)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


class Told:
    """Keeps what it is told; a phase at or after the deadline ends it, as in a session."""

    def __init__(self) -> None:
        self.deadline = DEADLINE
        self.heard: list[tuple[Any, ...]] = []
        self.over = False

    def _phase(self, now: float, *words: Any) -> None:
        self.heard.append(words)
        self.over = now >= self.deadline

    def resolved(self, now: float, *, measured: bool) -> None:
        self._phase(now, "resolved", measured)

    def connected(self, now: float, *, tls: bool, handshake_s: float | None) -> None:
        self._phase(now, "connected", tls, handshake_s)

    def secured(self, now: float) -> None:
        self._phase(now, "secured")

    def failed(self, end: End, now: float) -> None:
        self._phase(math.inf, "failed", end)

    def tick(self, now: float, *, answered: bool) -> None:
        self._phase(math.inf, "late", answered)

    @property
    def end(self) -> End:
        word, end = self.heard[-1]
        assert word == "failed"
        assert isinstance(end, End)
        return end


def target_of(**parts: Any) -> Target:
    return Target(**{"scheme": "ws", "host": "a.test", "port": 80, **parts})


def known_of(*addresses: dial.Address) -> Addresses:
    return {("a.test", 80): list(addresses)}


def begun(target: Target, *addresses: dial.Address, **settings: Any) -> tuple[Dialler, Told]:
    """A dialler whose target's addresses are known."""
    told = Told()
    dialler = Dialler(target, told, known_of(*addresses), **settings)
    dialler.begin(0.0)
    return dialler, told


def asked_relay(*addresses: dial.Address, **settings: Any) -> tuple[Dialler, Told]:
    """A dialler that has asked the relay for its first address."""
    dialler, told = begun(target_of(relay=RELAY), *addresses, **settings)
    dialler.connected(0.0)
    dialler.sent(0.0)
    return dialler, told


def asked_proxy(*addresses: dial.Address, **settings: Any) -> tuple[Dialler, Told]:
    """A dialler that has asked the proxy for the target."""
    dialler, told = begun(target_of(proxy=PROXY), *addresses, **settings)
    dialler.connected(0.0)
    dialler.sent(0.0)
    return dialler, told


def asked_target(*, scheme: str = "ws", is_asked: bool = False, is_upgrade: bool = True) -> tuple[Dialler, Told]:
    """A dialler that has sent its request to the target."""
    dialler, told = begun(target_of(scheme=scheme), FIRST)
    dialler.connected(1.0)
    if scheme == "wss":
        dialler.secured(2.0, is_asked_for_certificate=is_asked)
    dialler.ask(b"GET / HTTP/1.1\r\n\r\n", is_upgrade=is_upgrade)
    dialler.sent(2.0)
    return dialler, told


# -- names --------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_looked_up_and_remembered() -> None:
    told, known = Told(), Addresses()
    dialler = Dialler(target_of(), told, known)
    assert dialler.begin(0.0) == Resolve("a.test", 80, DEADLINE)
    assert dialler.resolved([FIRST], 1.0) == Connect(FIRST, DEADLINE)
    assert known == known_of(FIRST)
    assert told.heard == [("resolved", True)]


def test_a_known_name_is_not_looked_up() -> None:
    dialler, told = begun(target_of(), FIRST)
    assert dialler.step == Connect(FIRST, DEADLINE)
    assert told.heard == [("resolved", False)]


def test_of_two_look_ups_at_once_the_first_answer_holds() -> None:
    told, known = Told(), Addresses()
    dialler = Dialler(target_of(), told, known)
    dialler.begin(0.0)
    known["a.test", 80] = [SECOND]
    assert dialler.resolved([FIRST], 1.0) == Connect(SECOND, DEADLINE)


def test_an_address_instead_of_a_name_has_no_measured_look_up() -> None:
    told = Told()
    dialler = Dialler(target_of(host="127.0.0.1"), told, {})
    dialler.begin(0.0)
    dialler.resolved([FIRST], 1.0)
    assert told.heard == [("resolved", False)]


def test_a_name_that_does_not_exist_fails_as_dns() -> None:
    told = Told()
    dialler = Dialler(target_of(), told, {})
    dialler.begin(0.0)
    assert dialler.failed(socket.gaierror(-2, "Name or service not known"), 1.0) == Ended()
    assert (told.end.cause, told.end.errno) == ("dns", -2)


def test_a_name_without_addresses_is_unreachable() -> None:
    told = Told()
    dialler = Dialler(target_of(), told, {})
    dialler.begin(0.0)
    assert dialler.resolved([], 1.0) == Ended()
    assert told.end.cause == "unreachable"


def test_a_look_up_that_ends_after_the_deadline_is_the_end() -> None:
    told = Told()
    dialler = Dialler(target_of(), told, {})
    dialler.begin(0.0)
    assert dialler.resolved([FIRST], DEADLINE) == Ended()
    assert told.heard == [("resolved", True)]


# -- addresses ----------------------------------------------------------------------------------------------


def test_a_silent_address_has_its_share_of_the_time_and_the_last_one_all_that_is_left() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND, THIRD)
    assert dialler.step == Connect(FIRST, 4.0)
    assert dialler.woken(4.0, answered=False) == Connect(SECOND, 8.0)
    assert dialler.woken(8.0, answered=False) == Connect(THIRD, DEADLINE)
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.heard[-1] == ("late", False)


def test_a_wake_up_before_its_time_goes_on_with_the_same_step() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND)
    step = dialler.step
    assert dialler.woken(5.9, answered=False) is step
    assert told.heard == [("resolved", False)]


def test_an_address_that_refuses_is_left_at_once_and_the_last_failure_is_() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND)
    assert dialler.failed(REFUSED, 1.0) == Connect(SECOND, DEADLINE)
    assert dialler.failed(OSError(errno.EHOSTUNREACH, "No route to host"), 2.0) == Ended()
    assert told.end.cause == "unreachable"


def test_a_silent_address_does_not_hide_why_the_others_failed() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND, THIRD)
    dialler.failed(REFUSED, 0.0)
    assert dialler.woken(6.0, answered=False) == Connect(THIRD, DEADLINE)
    dialler.failed(REFUSED, 6.0)
    assert told.end.cause == "refused"


def test_the_address_that_worked_comes_first_from_now_on() -> None:
    told, known = Told(), known_of(FIRST, SECOND, THIRD)
    dialler = Dialler(target_of(), told, known)
    dialler.begin(0.0)
    dialler.failed(REFUSED, 1.0)
    known["a.test", 80].reverse()  # others have moved them meanwhile
    assert dialler.connected(2.0) == Ready(DEADLINE)
    assert known == known_of(SECOND, THIRD, FIRST)


def test_no_more_addresses_are_tried_than_allowed() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND, most_addresses=1)
    assert dialler.step == Connect(FIRST, DEADLINE)
    assert dialler.failed(REFUSED, 1.0) == Ended()
    assert told.end.cause == "refused"


def test_tls_is_next_only_where_the_target_has_it() -> None:
    dialler, told = begun(target_of(scheme="wss"), FIRST)
    assert dialler.connected(1.0) == Secure(DEADLINE)
    assert told.heard[-1] == ("connected", True, None)
    assert dialler.secured(2.0, is_asked_for_certificate=False) == Ready(DEADLINE)


@pytest.mark.parametrize("answered", [True, False])
def test_a_connect_that_runs_out_says_whether_it_was_only_late(answered: bool) -> None:
    dialler, told = begun(target_of(), FIRST)
    assert dialler.woken(DEADLINE + 1.0, answered=answered) == Ended()
    assert told.heard[-1] == ("late", answered)


def test_a_connection_that_comes_after_the_deadline_is_the_end() -> None:
    dialler, told = begun(target_of(), FIRST)
    assert dialler.connected(DEADLINE) == Ended()
    assert told.heard[-1] == ("connected", False, None)


def test_tls_that_comes_after_the_deadline_is_the_end() -> None:
    dialler, _ = begun(target_of(scheme="wss"), FIRST)
    dialler.connected(1.0)
    assert dialler.secured(DEADLINE, is_asked_for_certificate=False) == Ended()


# -- the run's end ------------------------------------------------------------------------------------------


def test_a_run_that_has_stopped_dials_nobody() -> None:
    stop = Signal()
    stop.give()
    dialler, told = begun(target_of(), FIRST, stop=stop)
    assert dialler.step == Ended()
    assert told.heard == []


def test_a_stop_ends_it_without_a_word_even_at_the_deadline() -> None:
    stop = Signal()
    dialler, told = begun(target_of(), FIRST, stop=stop)
    stop.give()
    assert dialler.woken(DEADLINE, answered=True) == Ended()
    assert told.heard == [("resolved", False)]


# -- through the relay --------------------------------------------------------------------------------------


def test_the_relay_is_asked_for_the_address_and_tells_the_round_trip() -> None:
    dialler, told = begun(target_of(relay=RELAY), FIRST, SECOND, delay_s=0.25, seed=7)
    assert dialler.step == Connect(AT_RELAY, DEADLINE)
    asked = dialler.connected(1.0)
    assert isinstance(asked, Send)
    request = read_request(asked.data)
    assert request is not None and request[:3] == ("127.0.0.1:1", 0.25, 7)
    assert dialler.sent(1.0) == Read(6.0)
    reply = connected_reply(0.161)
    step = dialler.step
    assert dialler.received(reply[:9], 1.1) is step
    assert dialler.received(reply[9:], 1.2) == Ready(DEADLINE)
    assert told.heard[-1] == ("connected", False, 0.161)


def test_behind_the_relay_the_connection_leads_to_the_targets_address() -> None:
    dialler, _ = asked_relay(FIRST, SECOND)
    assert dialler.towards == FIRST
    dialler.received(failed_reply(errno.ECONNREFUSED, "Connection refused"), 1.0)
    assert dialler.towards == SECOND


def test_a_proxy_is_on_the_way_itself() -> None:
    dialler, _ = asked_proxy(FIRST)
    assert isinstance(dialler.step, Read)
    assert dialler.towards is not None and dialler.towards[1] == PROXY


def test_a_relay_that_takes_no_connection_is_the_harness_and_no_address_is_tried_instead() -> None:
    dialler, told = begun(target_of(relay=RELAY), FIRST, SECOND)
    step = dialler.step
    assert dialler.woken(6.0, answered=False) is step
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.end == dial.RELAY_SILENT


@pytest.mark.parametrize("error", [REFUSED, EOFError(), ConnectionResetError(errno.ECONNRESET, "reset")])
def test_a_relay_that_fails_is_the_harness(error: OSError | EOFError) -> None:
    dialler, told = asked_relay(FIRST, SECOND)
    assert dialler.failed(error, 1.0) == Ended()
    assert told.end.cause == "harness" and told.end.detail.startswith("the relay: ")


@pytest.mark.parametrize("answer", [b"junk\r\n\r\n", refused_reply("This relay leads to nobody."), b"x" * 5000])
def test_a_relay_that_does_not_do_it_is_the_harness(answer: bytes) -> None:
    dialler, told = asked_relay(FIRST, SECOND)
    assert dialler.received(answer, 1.0) == Ended()
    assert told.end.cause == "harness"


def test_what_the_relay_tells_of_an_address_is_the_targets_and_the_next_one_is_tried() -> None:
    dialler, told = asked_relay(FIRST, SECOND)
    refusal = failed_reply(errno.ECONNREFUSED, "Connection refused")
    assert dialler.received(refusal, 1.0) == Connect(AT_RELAY, DEADLINE)
    asked = dialler.connected(2.0)
    assert isinstance(asked, Send) and asked.data.startswith(b"CONNECT 127.0.0.1:2 ")
    dialler.sent(2.0)
    assert dialler.received(refusal, 3.0) == Ended()
    assert told.end == End("refused", errno=errno.ECONNREFUSED)


def test_an_address_that_is_silent_behind_the_relay_has_its_share_of_the_time() -> None:
    dialler, told = asked_relay(FIRST, SECOND)
    assert dialler.woken(6.0, answered=False) == Connect(AT_RELAY, DEADLINE)
    dialler.connected(6.0)
    assert dialler.sent(6.0) == Read(DEADLINE)
    assert dialler.woken(DEADLINE, answered=True) == Ended()
    assert told.heard[-1] == ("late", True)


def test_half_an_answer_of_one_path_is_not_taken_for_the_next() -> None:
    dialler, _ = asked_relay(FIRST, SECOND)
    dialler.received(b"HTTP/1.1 502 Bad", 1.0)
    dialler.woken(6.0, answered=False)
    dialler.connected(6.0)
    dialler.sent(6.0)
    assert dialler.received(connected_reply(0.1), 7.0) == Ready(DEADLINE)


# -- through a proxy ----------------------------------------------------------------------------------------


def test_a_proxy_is_asked_for_the_target_by_name() -> None:
    dialler, told = begun(target_of(proxy=PROXY), FIRST)
    assert dialler.step == Connect(AT_PROXY, DEADLINE)
    asked = dialler.connected(1.0)
    assert isinstance(asked, Send) and asked.data.startswith(b"CONNECT a.test:80 HTTP/1.1\r\n")
    assert dialler.sent(1.0) == Read(DEADLINE)
    step = dialler.step
    assert dialler.received(b"HTTP/1.1 200 OK\r\n", 2.0) is step
    assert dialler.received(b"\r\n", 2.0) == Ready(DEADLINE)
    assert told.heard[-1] == ("connected", False, None)


@pytest.mark.parametrize(
    ("answer", "must_refuse", "cause", "status"),
    [
        (b"HTTP/1.1 407 No\r\n\r\n", False, "auth_rejected", 407),
        (b"HTTP/1.1 407 No\r\n\r\n", True, "http_status", 407),
        (b"HTTP/1.1 502 No\r\n\r\n", False, "http_status", 502),
        (b"junk\r\n\r\n", False, "http_status", None),
        (b"x" * 70_000, False, "http_status", None),
    ],
)
def test_a_proxy_that_refuses_is_a_status(answer: bytes, must_refuse: bool, cause: str, status: int | None) -> None:
    dialler, told = asked_proxy(FIRST, SECOND, must_refuse=must_refuse)
    assert dialler.received(answer, 1.0) == Ended()
    assert (told.end.cause, told.end.http_status) == (cause, status)


def test_a_proxy_that_is_silent_at_the_connect_is_tried_again_for_the_next_address() -> None:
    dialler, _ = begun(target_of(proxy=PROXY), FIRST, SECOND)
    assert dialler.step == Connect(AT_PROXY, 6.0)
    assert dialler.woken(6.0, answered=False) == Connect(AT_PROXY, DEADLINE)


def test_a_proxy_that_is_asked_has_all_the_time() -> None:
    dialler, told = asked_proxy(FIRST, SECOND)
    step = dialler.step
    assert step == Read(DEADLINE)
    assert dialler.woken(11.9, answered=False) is step
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.heard[-1] == ("late", False)


@pytest.mark.parametrize(("error", "cause"), [(EOFError(), "harness"), (REFUSED, "refused")])
def test_a_proxy_that_breaks_is_tried_again_for_the_next_address(error: OSError | EOFError, cause: str) -> None:
    dialler, told = asked_proxy(FIRST, SECOND)
    assert dialler.failed(error, 1.0) == Connect(AT_PROXY, DEADLINE)
    assert dialler.failed(error, 2.0) == Ended()
    assert told.end.cause == cause


# -- TLS, and one question ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (EOFError(), dial.TLS_CUT),
        (ConnectionResetError(errno.ECONNRESET, "r"), End("reset", errno=errno.ECONNRESET, closed_by="network")),
    ],
)
def test_a_peer_that_leaves_in_the_tls_handshake(error: OSError | EOFError, end: End) -> None:
    dialler, told = begun(target_of(scheme="wss"), FIRST, SECOND)
    dialler.connected(1.0)
    assert dialler.failed(error, 2.0) == Ended()
    assert told.end == end


@pytest.mark.parametrize("answered", [True, False])
def test_a_tls_handshake_that_runs_out(answered: bool) -> None:
    dialler, told = begun(target_of(scheme="wss"), FIRST, SECOND)
    step = dialler.connected(1.0)
    assert dialler.woken(11.9, answered=answered) is step
    assert dialler.woken(DEADLINE, answered=answered) == Ended()
    assert told.heard[-1] == ("late", answered)


def test_the_answers_head_is_given_with_what_came_behind_it() -> None:
    dialler, _ = asked_target()
    step = dialler.step
    assert step == Read(DEADLINE)
    assert dialler.received(b"", 3.0) is step
    assert dialler.received(b"HTTP/1.1 101 Yes\r\n", 3.0) is step
    assert dialler.received(b"\r\n\x81", 3.0) == Answered(b"HTTP/1.1 101 Yes", b"\x81", DEADLINE)


def test_a_head_without_an_end_is_malformed() -> None:
    dialler, told = asked_target()
    assert dialler.received(b"x" * 70_000, 3.0) == Ended()
    assert told.end == dial.ENDLESS


def test_an_answer_that_does_not_come_runs_out() -> None:
    dialler, told = asked_target()
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.heard[-1] == ("late", False)


def test_a_peer_that_leaves_without_an_answer() -> None:
    dialler, told = asked_target()
    assert dialler.failed(EOFError(), 3.0) == Ended()
    assert told.end == dial.NO_RESPONSE


@pytest.mark.parametrize(
    ("is_asked", "is_upgrade", "cause"),
    [(True, True, "tls"), (True, False, "server_closed"), (False, True, "server_closed")],
)
def test_a_server_that_wanted_a_certificate_and_leaves(is_asked: bool, is_upgrade: bool, cause: str) -> None:
    dialler, told = asked_target(scheme="wss", is_asked=is_asked, is_upgrade=is_upgrade)
    dialler.failed(EOFError(), 3.0)
    assert told.end.cause == cause


def test_an_error_of_the_socket_is_told_as_it_is() -> None:
    dialler, told = asked_target()
    dialler.failed(ConnectionResetError(errno.ECONNRESET, "r"), 3.0)
    assert told.end.cause == "reset"


def test_whoever_drives_may_give_up() -> None:
    dialler, told = begun(target_of(scheme="wss"), FIRST)
    dialler.connected(1.0)
    end = End("subprotocol")
    assert dialler.fail(end, 2.0) == Ended()
    assert told.end == end


def test_what_is_sent_never_shows_itself() -> None:
    dialler, _ = begun(target_of(), FIRST)
    dialler.connected(1.0)
    assert "secret" not in repr(dialler.ask(b"GET /?token=secret", is_upgrade=True))


WAITS: list[Callable[[], tuple[Dialler, Told]]] = [
    lambda: begun(target_of(), FIRST),
    lambda: begun(target_of(proxy=PROXY), FIRST),
    lambda: asked_relay(FIRST),
    lambda: asked_proxy(FIRST),
    asked_target,
]


@pytest.mark.parametrize("waiting", WAITS)
def test_every_wait_ends_at_the_deadline_and_is_told_once(waiting: Callable[[], tuple[Dialler, Told]]) -> None:
    dialler, told = waiting()
    before = len(told.heard)
    assert dialler.step.until == DEADLINE
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.heard[before:] == [("late", False)]
