"""Dialling in virtual time: every step, every failure and every deadline, without a socket."""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Callable
from typing import Any

import pytest

from scenarios.addresses import ATTEMPT_DELAY_S, LEAST_AGE_S, Address, AddressBook
from scenarios.clients import dial
from scenarios.clients.dialler import (
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
from scenarios.relay.protocol import MOST_ADDRESSES, connected_reply, failed_reply, read_request, refused_reply
from scenarios.session.ledger import End
from scenarios.signals import Signal
from tests.scenarios.clients.rows import AsGiven

DEADLINE = 12.0
TTL_S = 5.0
FIRST, SECOND, THIRD = ((int(socket.AF_INET), ("127.0.0.1", port)) for port in (1, 2, 3))
V6 = (int(socket.AF_INET6), ("2001:db8::1", 80, 0, 0))
RELAY, PROXY = ("127.0.0.9", 9), ("::1", 8)
AT_RELAY, AT_PROXY = (int(socket.AF_INET), RELAY), (int(socket.AF_INET6), PROXY)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


class Told:
    """Keeps what it is told; a phase at or after the deadline ends it, as in a session."""

    def __init__(self) -> None:
        self.deadline = DEADLINE
        self.heard: list[tuple[Any, ...]] = []
        self.over = False
        self.tcp_s: float | None = None

    def _phase(self, now: float, *words: Any) -> None:
        self.heard.append(words)
        self.over = now >= self.deadline

    def resolved(self, now: float, *, measured: bool) -> None:
        self._phase(now, "resolved", measured)

    def connected(self, now: float, *, tls: bool, handshake_s: float | None, tcp_s: float | None) -> None:
        self._phase(now, "connected", tls, handshake_s)
        self.tcp_s = tcp_s

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


def book_of(*addresses: Address, host: str = "a.test", port: int = 80, at: float = 0.0) -> AddressBook:
    book = AddressBook()
    book.learn(host, port, addresses, at)
    return book


def begun(target: Target, *addresses: Address, **settings: Any) -> tuple[Dialler, Told]:
    """A dialler whose target's addresses are known."""
    told = Told()
    host, port = target.proxy or (target.host, target.port)
    dialler = Dialler(target, told, book_of(*addresses, host=host, port=port), AsGiven(), **settings)
    dialler.begin(0.0)
    return dialler, told


def stranger(target: Target, book: AddressBook | None = None) -> tuple[Dialler, Told]:
    """A dialler that does not know its target's addresses, or not any more."""
    told = Told()
    dialler = Dialler(target, told, book or AddressBook(), AsGiven())
    return dialler, told


def asked_relay(*addresses: Address, **settings: Any) -> tuple[Dialler, Told]:
    """A dialler that has asked the relay for its first address."""
    dialler, told = begun(target_of(relay=RELAY), *addresses, **settings)
    dialler.connected(AT_RELAY, 0.0)
    dialler.sent(0.0)
    return dialler, told


def asked_proxy(**settings: Any) -> tuple[Dialler, Told]:
    """A dialler that has asked the proxy for the target."""
    dialler, told = begun(target_of(proxy=PROXY), AT_PROXY, **settings)
    dialler.connected(AT_PROXY, 0.0)
    dialler.sent(0.0)
    return dialler, told


def asked_target(*, scheme: str = "ws", is_asked: bool = False, is_upgrade: bool = True) -> tuple[Dialler, Told]:
    """A dialler that has sent its request to the target."""
    dialler, told = begun(target_of(scheme=scheme), FIRST)
    dialler.connected(FIRST, 1.0)
    if scheme == "wss":
        dialler.secured(2.0, is_asked_for_certificate=is_asked)
    dialler.ask(b"GET / HTTP/1.1\r\n\r\n", is_upgrade=is_upgrade)
    dialler.sent(2.0)
    return dialler, told


# -- names --------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_looked_up_and_remembered() -> None:
    book = AddressBook()
    dialler, told = stranger(target_of(), book)
    assert dialler.begin(0.0) == Resolve("a.test", 80, DEADLINE)
    assert dialler.resolved([FIRST], 1.0) == Connect((FIRST,), DEADLINE)
    assert book.find("a.test", 80, 1.0, ttl_s=TTL_S) == (FIRST,)
    assert told.heard == [("resolved", True)]


def test_a_known_name_is_not_looked_up() -> None:
    dialler, told = begun(target_of(), FIRST)
    assert dialler.step == Connect((FIRST,), DEADLINE)
    assert told.heard == [("resolved", False)]


@pytest.mark.parametrize(("age_s", "is_known"), [(TTL_S - 0.001, True), (TTL_S, False)])
def test_a_name_is_looked_up_again_when_its_time_is_over(age_s: float, is_known: bool) -> None:
    dialler, _ = stranger(target_of(dns_ttl_s=TTL_S), book_of(FIRST))
    assert isinstance(dialler.begin(age_s), Connect if is_known else Resolve)


def test_an_address_instead_of_a_name_is_looked_up_once_and_that_is_not_measured() -> None:
    told, book, target = Told(), AddressBook(), target_of(host="127.0.0.1", dns_ttl_s=TTL_S)
    dialler = Dialler(target, told, book, AsGiven())
    dialler.begin(0.0)
    dialler.resolved([FIRST], 1.0)
    assert told.heard == [("resolved", False)]
    later = Dialler(target, Told(), book, AsGiven())
    assert later.begin(2 * TTL_S) == Connect((FIRST,), DEADLINE)


def test_a_name_that_does_not_exist_fails_as_dns() -> None:
    dialler, told = stranger(target_of())
    dialler.begin(0.0)
    assert dialler.failed(socket.gaierror(-2, "Name or service not known"), 1.0) == Ended()
    assert told.end == End("dns", errno=-2, detail="Name or service not known")


def test_a_name_without_addresses_is_unreachable() -> None:
    dialler, told = stranger(target_of())
    dialler.begin(0.0)
    assert dialler.resolved([], 1.0) == Ended()
    assert told.end.cause == "unreachable"


def test_a_look_up_that_ends_after_the_deadline_is_the_end() -> None:
    dialler, told = stranger(target_of())
    dialler.begin(0.0)
    assert dialler.resolved([FIRST], DEADLINE) == Ended()
    assert told.heard == [("resolved", True)]


# -- a target that moves ------------------------------------------------------------------------------------


def test_a_target_that_has_moved_is_looked_up_at_once_and_found() -> None:
    book = book_of(FIRST, SECOND)
    dialler, told = stranger(target_of(), book)
    dialler.begin(LEAST_AGE_S)
    dialler.failed(REFUSED, 2.0, FIRST)
    assert dialler.failed(REFUSED, 2.0, SECOND) == Resolve("a.test", 80, DEADLINE)
    assert dialler.resolved([SECOND, THIRD], 2.5) == Connect((THIRD,), DEADLINE)
    assert dialler.connected(THIRD, 3.0) == Ready(DEADLINE)
    assert told.heard == [("resolved", False), ("connected", False, 0.5)]
    assert book.find("a.test", 80, 3.0, ttl_s=TTL_S) == (SECOND, THIRD)


def test_a_target_that_has_not_moved_has_refused() -> None:
    dialler, told = stranger(target_of(), book_of(FIRST))
    dialler.begin(LEAST_AGE_S)
    dialler.failed(REFUSED, 2.0, FIRST)
    assert dialler.resolved([FIRST], 2.5) == Ended()
    assert told.end == End("refused", errno=errno.ECONNREFUSED)


def test_a_second_look_up_that_fails_does_not_hide_why_it_was_needed() -> None:
    dialler, told = stranger(target_of(), book_of(FIRST))
    dialler.begin(LEAST_AGE_S)
    dialler.failed(REFUSED, 2.0, FIRST)
    dialler.failed(socket.gaierror(-3, "Temporary failure in name resolution"), 2.5)
    assert told.end.cause == "refused"


def test_a_name_is_looked_up_once_more_and_not_for_ever() -> None:
    dialler, told = stranger(target_of(), book_of(FIRST))
    dialler.begin(LEAST_AGE_S)
    dialler.failed(REFUSED, 2.0, FIRST)
    dialler.resolved([SECOND], 2.5)
    assert dialler.failed(REFUSED, 3.0, SECOND) == Ended()
    assert told.end.cause == "refused"


def test_what_another_connection_has_learned_meanwhile_is_taken() -> None:
    book = book_of(FIRST)
    dialler, _ = stranger(target_of(), book)
    dialler.begin(LEAST_AGE_S)
    book.learn("a.test", 80, [SECOND], 1.5)
    assert dialler.failed(REFUSED, 2.0, FIRST) == Connect((SECOND,), DEADLINE)


def test_a_name_that_this_connection_has_looked_up_is_not_looked_up_again() -> None:
    dialler, told = stranger(target_of())
    dialler.begin(0.0)
    dialler.resolved([FIRST], 1.0)
    assert dialler.failed(REFUSED, 3.0, FIRST) == Ended()
    assert told.end.cause == "refused"


def test_a_target_that_refuses_is_not_looked_up_more_often_than_once_a_second() -> None:
    dialler, told = stranger(target_of(), book_of(FIRST))
    dialler.begin(0.1)
    assert dialler.failed(REFUSED, LEAST_AGE_S - 0.1, FIRST) == Ended()
    assert told.end.cause == "refused"


def test_an_address_that_refuses_is_not_looked_up_again() -> None:
    dialler, _ = stranger(target_of(host="127.0.0.1"), book_of(FIRST, host="127.0.0.1"))
    dialler.begin(5.0)
    assert dialler.failed(REFUSED, 6.0, FIRST) == Ended()


def test_whoever_comes_after_a_silent_target_looks_where_it_is_now() -> None:
    book = book_of(FIRST)
    dialler, _ = stranger(target_of(), book)
    dialler.begin(0.0)
    dialler.woken(DEADLINE, answered=False)
    assert isinstance(stranger(target_of(), book)[0].begin(DEADLINE), Resolve)


# -- several addresses (RFC 8305, section 5) ----------------------------------------------------------------


def test_the_next_address_joins_in_while_the_first_is_silent() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND, THIRD)
    assert dialler.step == Connect((FIRST,), ATTEMPT_DELAY_S)
    assert dialler.woken(0.25, answered=False) == Connect((FIRST, SECOND), 0.5)
    assert dialler.woken(0.5, answered=False) == Connect((FIRST, SECOND, THIRD), DEADLINE)
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.heard[-1] == ("late", False)


def test_the_first_that_is_connected_wins_and_its_handshake_is_the_round_trip() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND, THIRD)
    dialler.woken(0.25, answered=False)
    assert dialler.towards == SECOND
    assert dialler.connected(FIRST, 0.375) == Ready(DEADLINE)
    assert told.heard[-1] == ("connected", False, 0.375)
    assert dialler.towards == FIRST
    dialler, told = begun(target_of(), FIRST, SECOND)
    dialler.woken(0.25, answered=False)
    dialler.connected(SECOND, 0.375)
    assert told.heard[-1] == ("connected", False, 0.125)


def test_of_one_address_the_handshake_is_the_phase() -> None:
    dialler, told = begun(target_of(), FIRST)
    dialler.connected(FIRST, 0.375)
    assert told.heard[-1] == ("connected", False, None)


def test_a_wake_up_before_its_time_goes_on_with_the_same_step() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND)
    step = dialler.step
    assert dialler.woken(0.249, answered=False) is step
    assert told.heard == [("resolved", False)]


def test_an_address_that_refuses_is_left_at_once_and_the_last_failure_is_told() -> None:
    dialler, told = begun(target_of(), FIRST, SECOND)
    assert dialler.failed(REFUSED, 0.1, FIRST) == Connect((SECOND,), DEADLINE)
    assert dialler.failed(OSError(errno.EHOSTUNREACH, "No route to host"), 0.2, SECOND) == Ended()
    assert told.end.cause == "unreachable"


def test_one_that_refuses_leaves_those_that_are_on_their_way() -> None:
    dialler, _ = begun(target_of(), FIRST, SECOND, THIRD)
    dialler.woken(0.25, answered=False)
    assert dialler.failed(REFUSED, 0.3, FIRST) == Connect((SECOND, THIRD), DEADLINE)
    assert dialler.failed(REFUSED, 0.3, THIRD) == Connect((SECOND,), DEADLINE)
    assert dialler.connected(SECOND, 0.4) == Ready(DEADLINE)


def test_a_machine_without_a_way_to_one_address_does_not_hide_what_another_did() -> None:
    nowhere = OSError(errno.ENETUNREACH, "Network is unreachable")
    for first, second in ((REFUSED, nowhere), (nowhere, REFUSED)):
        dialler, told = begun(target_of(), FIRST, SECOND)
        dialler.failed(first, 0.1, FIRST)
        dialler.failed(second, 0.1, SECOND)
        assert told.end.cause == "refused"
    dialler, told = begun(target_of(), FIRST)
    dialler.failed(nowhere, 0.1, FIRST)
    assert told.end.errno == errno.ENETUNREACH


@pytest.mark.parametrize(("version", "used"), [("any", (FIRST, V6)), ("4", (FIRST,)), ("6", (V6,))])
def test_only_addresses_of_the_version_that_was_asked_for_are_used(version: str, used: tuple[Address, ...]) -> None:
    book = AddressBook()
    dialler, _ = stranger(target_of(ip_version=version), book)
    dialler.begin(0.0)
    assert dialler.resolved([FIRST, V6], 1.0) == Connect(used[:1], 1.0 + ATTEMPT_DELAY_S if used[1:] else DEADLINE)
    assert book.find("a.test", 80, 1.0, ttl_s=TTL_S) == used


def test_a_name_without_an_address_of_that_version_says_so() -> None:
    dialler, told = stranger(target_of(ip_version="6"))
    dialler.begin(0.0)
    assert dialler.resolved([FIRST], 1.0) == Ended()
    assert told.end == End("unreachable", detail="the name has no IPv6 address")


def test_a_proxys_addresses_are_all_used() -> None:
    dialler, _ = stranger(target_of(proxy=("proxy.test", 8), ip_version="6"))
    dialler.begin(0.0)
    assert dialler.resolved([FIRST], 1.0) == Connect((FIRST,), DEADLINE)


def test_a_deadline_before_the_next_address_is_the_end() -> None:
    told = Told()
    dialler = Dialler(target_of(), told, book_of(FIRST, SECOND), AsGiven())
    told.deadline = 0.2
    assert dialler.begin(0.0) == Connect((FIRST,), 0.2)
    assert dialler.woken(0.2, answered=False) == Ended()


def test_tls_is_next_only_where_the_target_has_it() -> None:
    dialler, told = begun(target_of(scheme="wss"), FIRST)
    assert dialler.connected(FIRST, 1.0) == Secure(DEADLINE)
    assert told.heard[-1] == ("connected", True, None)
    assert dialler.secured(2.0, is_asked_for_certificate=False) == Ready(DEADLINE)


@pytest.mark.parametrize("answered", [True, False])
def test_a_connect_that_runs_out_says_whether_it_was_only_late(answered: bool) -> None:
    dialler, told = begun(target_of(), FIRST)
    assert dialler.woken(DEADLINE + 1.0, answered=answered) == Ended()
    assert told.heard[-1] == ("late", answered)


def test_a_connection_that_comes_after_the_deadline_is_the_end() -> None:
    dialler, told = begun(target_of(), FIRST)
    assert dialler.connected(FIRST, DEADLINE) == Ended()
    assert told.heard[-1] == ("connected", False, None)


def test_tls_that_comes_after_the_deadline_is_the_end() -> None:
    dialler, _ = begun(target_of(scheme="wss"), FIRST)
    dialler.connected(FIRST, 1.0)
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


def test_the_relay_is_asked_for_all_addresses_and_tells_which_it_is_and_the_round_trip() -> None:
    led: list[Any] = []
    dialler, told = begun(target_of(relay=RELAY), FIRST, SECOND, delay_s=0.25, seed=7, leads=led.append)
    assert dialler.step == Connect((AT_RELAY,), DEADLINE)
    asked = dialler.connected(AT_RELAY, 1.0)
    assert isinstance(asked, Send)
    request = read_request(asked.data)
    assert request is not None and request[:4] == ("a.test:80", 0.25, 7, ("127.0.0.1:1", "127.0.0.1:2"))
    assert dialler.sent(1.0) == Read(DEADLINE)
    reply = connected_reply(0.161, tcp_s=0.411, address="127.0.0.1:2")
    step = dialler.step
    assert dialler.received(reply[:9], 1.1) is step
    assert dialler.received(reply[9:], 1.2) == Ready(DEADLINE)
    assert told.heard[-1] == ("connected", False, 0.161)
    assert told.tcp_s == 0.411
    assert led == [SECOND]


def test_behind_the_relay_the_connection_leads_to_the_targets_address() -> None:
    dialler, _ = asked_relay(FIRST, SECOND)
    assert dialler.towards == FIRST
    dialler.received(connected_reply(0.1, address="192.0.2.7:99"), 1.0)  # nobody asked for that one
    assert dialler.towards == FIRST


def test_no_more_addresses_are_asked_for_than_the_relay_reads() -> None:
    many = [(int(socket.AF_INET6), (f"2001:db8:{n:04x}:1111:2222:3333:4444:5555", 65_535)) for n in range(100)]
    dialler, _ = begun(target_of(relay=RELAY), *many)
    asked = dialler.connected(AT_RELAY, 0.0)
    assert isinstance(asked, Send)
    request = read_request(asked.data)
    assert request is not None and len(request.addresses) == MOST_ADDRESSES


def test_a_proxy_is_on_the_way_itself() -> None:
    dialler, _ = asked_proxy()
    assert isinstance(dialler.step, Read)
    assert dialler.towards is not None and dialler.towards[1] == PROXY


def test_a_relay_that_takes_no_connection_is_the_harness() -> None:
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


def test_what_the_relay_tells_of_the_addresses_is_the_targets() -> None:
    dialler, told = asked_relay(FIRST, SECOND)
    assert dialler.received(failed_reply(errno.ECONNREFUSED, "Connection refused"), 0.5) == Ended()
    assert told.end == End("refused", errno=errno.ECONNREFUSED)


def test_a_target_that_has_moved_is_found_behind_the_relay_too() -> None:
    dialler, _ = stranger(target_of(relay=RELAY), book_of(FIRST))
    dialler.begin(LEAST_AGE_S)
    dialler.connected(AT_RELAY, 2.0)
    dialler.sent(2.0)
    refusal = failed_reply(errno.ECONNREFUSED, "Connection refused")
    assert dialler.received(refusal, 2.1) == Resolve("a.test", 80, DEADLINE)
    assert dialler.resolved([SECOND], 2.2) == Connect((AT_RELAY,), DEADLINE)
    asked = dialler.connected(AT_RELAY, 2.3)
    assert isinstance(asked, Send) and b"Soak-Addresses: 127.0.0.1:2\r\n" in asked.data
    dialler.sent(2.3)
    assert dialler.received(connected_reply(0.1), 2.4) == Ready(DEADLINE)


def test_half_an_answer_of_one_path_is_not_taken_for_the_next() -> None:
    dialler, _ = stranger(target_of(relay=RELAY), book_of(FIRST))
    dialler.begin(LEAST_AGE_S)
    dialler.connected(AT_RELAY, 2.0)
    dialler.sent(2.0)
    dialler.received(failed_reply(errno.ECONNREFUSED, "Connection refused") + b"HTTP/1.1 502 Bad", 2.1)
    dialler.resolved([SECOND], 2.2)
    dialler.connected(AT_RELAY, 2.3)
    dialler.sent(2.3)
    assert dialler.received(connected_reply(0.1), 7.0) == Ready(DEADLINE)


def test_addresses_that_are_silent_behind_the_relay_run_out() -> None:
    dialler, told = asked_relay(FIRST, SECOND)
    step = dialler.step
    assert step == Read(DEADLINE)
    assert dialler.woken(6.0, answered=False) is step
    assert dialler.woken(DEADLINE, answered=True) == Ended()
    assert told.heard[-1] == ("late", True)


# -- through a proxy ----------------------------------------------------------------------------------------


def test_a_proxy_is_asked_for_the_target_by_name() -> None:
    dialler, told = begun(target_of(proxy=PROXY), AT_PROXY)
    assert dialler.step == Connect((AT_PROXY,), DEADLINE)
    asked = dialler.connected(AT_PROXY, 1.0)
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
    dialler, told = asked_proxy(must_refuse=must_refuse)
    assert dialler.received(answer, 1.0) == Ended()
    assert (told.end.cause, told.end.http_status) == (cause, status)


def test_behind_a_proxy_the_proxys_name_is_looked_up_and_the_targets_is_not() -> None:
    dialler, told = stranger(target_of(proxy=("proxy.test", 8)))
    assert dialler.begin(0.0) == Resolve("proxy.test", 8, DEADLINE)
    dialler.failed(socket.gaierror(-2, "Name or service not known"), 1.0)
    assert told.end == End("dns", errno=-2, detail="the proxy's name: Name or service not known")


def test_a_proxy_that_is_asked_has_all_the_time() -> None:
    dialler, told = asked_proxy()
    step = dialler.step
    assert step == Read(DEADLINE)
    assert dialler.woken(11.9, answered=False) is step
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.heard[-1] == ("late", False)


@pytest.mark.parametrize(("error", "cause"), [(EOFError(), "harness"), (REFUSED, "refused")])
def test_a_proxy_that_breaks_when_it_was_asked_is_the_end(error: OSError | EOFError, cause: str) -> None:
    dialler, told = asked_proxy()
    assert dialler.failed(error, 2.0) == Ended()
    assert told.end.cause == cause


def test_a_proxy_that_refuses_at_one_address_is_tried_at_its_next() -> None:
    dialler, _ = begun(target_of(proxy=("proxy.test", 8)), FIRST, SECOND)
    assert dialler.failed(REFUSED, 0.1, FIRST) == Connect((SECOND,), DEADLINE)


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
    dialler.connected(FIRST, 1.0)
    assert dialler.failed(error, 2.0) == Ended()
    assert told.end == end


@pytest.mark.parametrize("answered", [True, False])
def test_a_tls_handshake_that_runs_out(answered: bool) -> None:
    dialler, told = begun(target_of(scheme="wss"), FIRST, SECOND)
    step = dialler.connected(FIRST, 1.0)
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
    dialler.connected(FIRST, 1.0)
    end = End("subprotocol")
    assert dialler.fail(end, 2.0) == Ended()
    assert told.end == end


def test_what_is_sent_never_shows_itself() -> None:
    dialler, _ = begun(target_of(), FIRST)
    dialler.connected(FIRST, 1.0)
    assert "secret" not in repr(dialler.ask(b"GET /?token=secret", is_upgrade=True))


WAITS: list[Callable[[], tuple[Dialler, Told]]] = [
    lambda: begun(target_of(), FIRST),
    lambda: begun(target_of(proxy=PROXY), AT_PROXY),
    lambda: asked_relay(FIRST),
    asked_proxy,
    asked_target,
]


@pytest.mark.parametrize("waiting", WAITS)
def test_every_wait_ends_at_the_deadline_and_is_told_once(waiting: Callable[[], tuple[Dialler, Told]]) -> None:
    dialler, told = waiting()
    before = len(told.heard)
    assert dialler.step.until == DEADLINE
    assert dialler.woken(DEADLINE, answered=False) == Ended()
    assert told.heard[before:] == [("late", False)]
