"""A name's addresses: how long they are known, whose turn it is, and which are tried at the same time."""

from __future__ import annotations

import math
import socket
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.addresses import ATTEMPT_DELAY_S, LEAST_AGE_S, Address, AddressBook, Race, Turns, interleaved

V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)
TTL_S = 30.0


def at(number: int, family: int = V4) -> Address:
    return family, (f"192.0.2.{number}" if family == V4 else f"2001:db8::{number}", 443)


A, B, C = map(at, (1, 2, 3))


def book_of(*addresses: Address) -> AddressBook:
    book = AddressBook()
    book.learn("a.test", 443, addresses, 0.0)
    return book


def known(book: AddressBook, now: float) -> tuple[Address, ...] | None:
    return book.find("a.test", 443, now, ttl_s=TTL_S)


# -- the book -----------------------------------------------------------------------------------------------


def test_what_was_never_looked_up_is_not_known() -> None:
    assert known(AddressBook(), 0.0) is None
    assert book_of(A).find("a.test", 80, 0.0, ttl_s=TTL_S) is None


def test_an_address_is_known_for_its_time_and_not_longer() -> None:
    book = book_of(A)
    assert known(book, TTL_S - 0.01) == (A,)
    assert known(book, TTL_S) is None


def test_with_no_time_at_all_each_connection_looks_up() -> None:
    assert book_of(A).find("a.test", 443, 0.0, ttl_s=0.0) is None


def test_an_address_that_a_resolver_names_twice_is_kept_once() -> None:
    assert known(book_of(A, B, A), 0.0) == (A, B)


def test_when_all_have_failed_the_name_is_to_be_looked_up_but_not_more_often_than_once_a_second() -> None:
    book = book_of(A, B)
    book.doubt("a.test", 443, [B, A])
    assert known(book, LEAST_AGE_S - 0.01) == (A, B)
    assert known(book, LEAST_AGE_S) is None
    book.learn("a.test", 443, [A, B], LEAST_AGE_S)
    assert known(book, 3 * LEAST_AGE_S) == (A, B)


def test_who_has_not_tried_all_that_is_known_says_nothing_of_it() -> None:
    book = book_of(A, B)
    book.doubt("a.test", 443, [A, C])
    assert known(book, 2.0) == (A, B)
    book.doubt("b.test", 443, [A])  # nor of a name that is not known


# -- turns --------------------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**32))
def test_each_address_is_the_first_of_equally_many_connections(count: int, rounds: int, seed: int) -> None:
    turns, addresses = Turns(), [at(n) for n in range(count)]
    first = Counter(turns.order(addresses, seed=seed + n)[0] for n in range(count * rounds))
    assert first == dict.fromkeys(addresses, rounds)


def test_turns_do_not_keep_step_with_anything_else() -> None:
    turns = Turns()
    of_one_arm = Counter(turns.order([A, B], seed=n)[0] for n in range(400) if n % 2 == 0)
    assert 60 < of_one_arm[A] < 140


@given(st.integers(0, 2**32))
def test_all_addresses_are_in_a_connections_order_once(seed: int) -> None:
    assert sorted(Turns().order([A, B, C], seed=seed)) == [A, B, C]


def test_an_address_that_is_new_gets_its_turn_and_one_that_is_gone_does_not() -> None:
    turns = Turns()
    turns.order([A, B], seed=1)
    assert {turns.order([B, C], seed=n)[0] for n in range(2, 8)} == {B, C}


def test_of_no_addresses_there_is_no_order() -> None:
    assert Turns().order([], seed=1) == []


@pytest.mark.parametrize(
    ("families", "order"),
    [
        ([V6, V6, V4, V4], [0, 2, 1, 3]),
        ([V4, V6, V6, V6], [0, 1, 2, 3]),
        ([V6, V6, V6, V4], [0, 3, 1, 2]),
        ([V4, V4], [0, 1]),
        ([], []),
    ],
)
def test_the_families_take_turns_beginning_with_the_first(families: list[int], order: list[int]) -> None:
    addresses = [at(n, family) for n, family in enumerate(families)]
    assert interleaved(addresses) == [addresses[n] for n in order]


# -- a race -------------------------------------------------------------------------------------------------


def test_the_next_one_starts_a_quarter_of_a_second_after_the_one_before() -> None:
    race = Race([A, B, C], 10.0)
    assert (list(race.running), race.next_at) == ([A], 10.25)
    race.start(10.25)
    assert (list(race.running), race.next_at) == ([A, B], 10.5)
    race.start(10.5)
    assert (race.running, race.next_at) == ({A: 10.0, B: 10.25, C: 10.5}, math.inf)
    race.start(11.0)
    assert list(race.running) == [A, B, C]


def test_after_a_failure_the_next_one_starts_at_once_and_the_others_go_on() -> None:
    race = Race([A, B, C], 0.0)
    race.start(0.25)
    race.failed(A, 0.3)
    assert race.running == {B: 0.25, C: 0.3}
    assert not race.is_lost


def test_a_race_is_lost_when_all_have_failed() -> None:
    race = Race([A, B], 0.0)
    race.failed(A, 0.1)
    assert not race.is_lost and race.next_at == math.inf
    race.failed(B, 0.1)
    assert race.is_lost
    assert Race([], 0.0).is_lost


def test_the_delay_is_the_one_that_the_rfc_recommends() -> None:
    assert ATTEMPT_DELAY_S == 0.25
