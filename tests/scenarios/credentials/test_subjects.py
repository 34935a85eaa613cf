"""Leases: even, bounded, and given back."""

from __future__ import annotations

from collections import Counter

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.credentials.subjects import NoSubjectFree, SubjectPool, subject_names
from scenarios.errors import ConfigError, HarnessError


@given(st.integers(1, 8), st.integers(1, 5), st.lists(st.integers(-1, 40), max_size=80))
def test_no_subject_ever_holds_more_than_it_may(subjects: int, limit: int, steps: list[int]) -> None:
    """A step below 0 leases; any other gives back the lease of that number, if there are so many."""
    pool = SubjectPool(subject_names(subjects), max_connections=limit)
    held: list[str] = []
    for step in steps:
        if step < len(held) and step >= 0:
            pool.release(held.pop(step))
        elif len(held) == pool.capacity:
            with pytest.raises(NoSubjectFree):
                pool.lease()
        else:
            held.append(pool.lease())
        assert pool.leased == len(held)
        assert max(Counter(held).values(), default=0) <= limit


def test_connections_are_spread_evenly() -> None:
    pool = SubjectPool(("a", "b", "c"), max_connections=10)
    counts = Counter(pool.lease() for _ in range(20))
    assert sorted(counts.values()) == [6, 7, 7]


def test_an_exhausted_pool_refuses_with_the_way_out() -> None:
    pool = SubjectPool(("a",), max_connections=2)
    pool.lease()
    pool.lease()
    with pytest.raises(NoSubjectFree, match="All 1 subjects hold 2 connections each: raise --subjects"):
        pool.lease()
    with pytest.raises(NoSubjectFree):
        pool.lease(wait_s=0.01)


def test_a_waiting_connection_gets_the_subject_that_comes_free() -> None:
    pool = SubjectPool(("a",), max_connections=1)
    held = pool.lease()
    waiter = gevent.spawn(pool.lease, wait_s=30.0)
    gevent.sleep(0)
    assert not waiter.ready()
    pool.release(held)
    assert waiter.get(timeout=30.0) == "a"


def test_a_release_too_many_is_our_own_fault() -> None:
    with pytest.raises(HarnessError, match="'a' was released more often"):
        SubjectPool(("a",), max_connections=1).release("a")


def test_names_are_the_same_in_every_run() -> None:
    assert subject_names(2) == ("soak-user-0001", "soak-user-0002")


@pytest.mark.parametrize(
    ("subjects", "limit", "sentence"),
    [((), 1, "no subject"), (("a", "a"), 1, "twice"), (("a",), 0, "--connections-per-subject is 0")],
)
def test_a_pool_that_is_none_is_refused(subjects: tuple[str, ...], limit: int, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        SubjectPool(subjects, max_connections=limit)
