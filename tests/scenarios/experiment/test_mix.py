from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scenarios.experiment.mix import Mix, spread

DEFAULT = {"steady": 6.0, "churn": 2.0, "idle": 1.0, "agent": 1.0}
WEIGHTS = st.dictionaries(
    st.sampled_from("abcdef"), st.floats(0.1, 20.0).map(lambda x: round(x, 1)), min_size=1, max_size=6
)


def dealt(weights: dict[str, float], users: int, *, before: int = 0) -> list[str]:
    mix = Mix(weights, seed="1", before=before)
    return [mix.take() for _ in range(users)]


@given(WEIGHTS, st.integers(1, 120))
def test_after_each_user_every_scenario_has_its_share_within_one(weights: dict[str, float], users: int) -> None:
    counts = Counter[str]()
    total = sum(weights.values())
    for n, name in enumerate(dealt(weights, users), start=1):
        counts[name] += 1
        assert all(abs(counts[one] - n * weight / total) < 1 + 1e-9 for one, weight in weights.items())


@given(WEIGHTS, st.integers(1, 60), st.integers(1, 6))
def test_all_workers_together_have_the_shares_of_all_users(weights: dict[str, float], users: int, workers: int) -> None:
    counts = Counter[str]()
    for worker in range(workers):
        mine = spread(users, worker=worker + 1, workers=workers) - spread(users, worker=worker, workers=workers)
        counts += Counter(dealt(weights, mine, before=spread(users, worker=worker, workers=workers)))
    total = sum(weights.values())
    assert counts.total() == users
    assert all(abs(counts[one] - users * weight / total) < 1 + 1e-9 for one, weight in weights.items())


@pytest.mark.parametrize(("workers", "users"), list(product((2, 3, 4), (20, 40))))
def test_no_worker_lacks_a_scenario_that_its_users_suffice_for(workers: int, users: int) -> None:
    for worker in range(workers):
        counts = Counter(dealt(DEFAULT, users, before=spread(users * workers, worker=worker, workers=workers)))
        assert counts == {name: users * weight / 10 for name, weight in DEFAULT.items()}


def test_two_scenarios_do_not_alternate_between_two_workers() -> None:
    # As Locust dealt its classes: one to each worker in turn.
    for worker in range(2):
        assert Counter(dealt({"steady": 1, "churn": 1}, 6, before=6 * worker)) == {"steady": 3, "churn": 3}


GONE = st.lists(st.integers(0, 29), max_size=20, unique=True)


def after_replacing(mix: Mix, living: list[str], gone: list[int]) -> Counter[str]:
    """The users when those at some places have gone, and as many have come."""
    for place in gone:
        mix.give_back(living[place])
    staying = [name for place, name in enumerate(living) if place not in gone]
    return Counter(staying) + Counter(mix.take() for _ in gone)


@given(WEIGHTS, GONE)
@example({"a": 1.0, "b": 1.0, "c": 8.0, "d": 20.0, "e": 8.2, "f": 0.5}, [22])  # another is missing more than who goes
def test_who_goes_is_replaced_so_that_every_scenario_has_its_share_within_one(
    weights: dict[str, float], gone: list[int]
) -> None:
    mix, total = Mix(weights, seed="1"), sum(weights.values())
    counts = after_replacing(mix, [mix.take() for _ in range(30)], gone)
    assert counts.total() == 30
    assert all(abs(counts[one] - 30 * weight / total) < 1 + 1e-9 for one, weight in weights.items())


@given(GONE)
def test_where_the_shares_are_whole_the_mix_is_as_it_was(gone: list[int]) -> None:
    mix = Mix(DEFAULT, seed="1")
    living = [mix.take() for _ in range(30)]
    assert after_replacing(mix, living, gone) == Counter(living)


def test_the_seed_decides_what_weights_leave_open() -> None:
    equal = dict.fromkeys("abcdef", 1.0)
    orders = {tuple(Mix(equal, seed=str(seed)).take() for _ in range(1)) for seed in range(20)}
    assert len(orders) > 1
    assert [Mix(equal, seed="7").take() for _ in range(2)] == [Mix(equal, seed="7").take()] * 2


def test_a_scenario_without_weight_is_dealt_to_nobody() -> None:
    assert set(dealt({"steady": 1, "mute": 0}, 5)) == {"steady"}
