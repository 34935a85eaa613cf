"""The contract's reconnect settings, number by number."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.backoff import MAX_ATTEMPTS, backoff_s


@pytest.mark.parametrize(("failures", "least_s"), [(1, 1.0), (2, 2.0), (3, 8.0), (4, 16.0)])
@given(seed=st.integers())
def test_each_wait_is_the_contracts_plus_at_most_its_jitter(failures: int, least_s: float, seed: int) -> None:
    wait_s = backoff_s(failures, random.Random(seed))
    assert wait_s is not None
    assert least_s <= wait_s <= least_s + min(2.0, 0.1 * least_s)


def test_after_the_fifth_failure_it_gives_up() -> None:
    assert backoff_s(MAX_ATTEMPTS, random.Random(1)) is None


def test_the_same_seed_waits_the_same() -> None:
    assert backoff_s(2, random.Random(9)) == backoff_s(2, random.Random(9))


def test_two_users_do_not_come_back_together() -> None:
    assert len({backoff_s(4, random.Random(seed)) for seed in range(50)}) == 50
