from collections.abc import Iterable

import numpy as np
import pytest
from scipy import stats

from analysis.stats.groups import Ints
from analysis.stats.synchrony import ORDINARY_QUANTILE, ORDINARY_SHAPE, bad_slots, ordinary_limit, synchrony
from tests.typed import known


def rows(
    rng: np.random.Generator,
    *,
    groups: int = 2,
    slots: int = 360,
    n: int = 140,
    rate: float = 0.005,
    bursts: Iterable[int] = (),
    alone: Iterable[tuple[int, int]] = (),
) -> tuple[Ints, Ints, Ints, Ints]:
    group, slot = np.divmod(np.arange(groups * slots), slots)
    attempts = np.full(groups * slots, n)
    p = np.full(groups * slots, rate)
    for start in bursts:
        p[(slot >= start) & (slot < start + 3)] = 0.6
    for who, start in alone:
        p[(group == who) & (slot >= start) & (slot < start + 3)] = 0.6
    return group, slot + 180_000_000, attempts, rng.binomial(attempts, p)


def test_shared_bursts_are_found_and_their_size_too() -> None:
    found = known(synchrony(*rows(np.random.default_rng(1), bursts=(40, 150, 260))))
    assert found.p_above(0.005) < 0.001
    assert found.excess == pytest.approx(0.6 * 9 / 360, rel=0.1)
    assert found.slot_s == 10
    assert found.episodes == 3


def test_bursts_at_different_times_are_not_the_servers() -> None:
    bursts = [(0, 40), (0, 150), (0, 260), (1, 90), (1, 210), (1, 310)]
    found = known(synchrony(*rows(np.random.default_rng(2), alone=bursts)))
    assert found.p_above(0.005) > 0.05
    assert found.own_share.min() > 0.5


def test_one_group_has_nobody_to_compare_with() -> None:
    assert synchrony(*rows(np.random.default_rng(3), groups=1)) is None
    empty = np.zeros(0, dtype=np.int64)
    assert synchrony(empty, empty, empty, empty) is None


def test_slots_are_merged_until_a_burst_could_be_seen() -> None:
    found = known(synchrony(*rows(np.random.default_rng(4), n=4)))
    assert found.slot_s == 60
    assert found.other_attempts == 24


def test_no_failure_at_all_is_no_excess_and_no_evidence() -> None:
    found = known(synchrony(*rows(np.random.default_rng(5), rate=0.0)))
    assert found.excess == 0.0
    assert found.p_above(0.0) == 1.0


def test_false_alarms_of_independent_bursts_stay_below_five_percent() -> None:
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(200):
        alone = [(who, int(start)) for who in (0, 1) for start in rng.integers(0, 355, 4)]
        alarms += known(synchrony(*rows(rng, alone=alone))).p_above(0.0) < 0.05
    assert alarms / 200 < 0.08


def test_more_than_two_groups() -> None:
    shared = known(synchrony(*rows(np.random.default_rng(7), groups=4, n=40, bursts=(40, 150, 260))))
    assert shared.p_above(0.005) < 0.001
    lonely = known(synchrony(*rows(np.random.default_rng(8), groups=4, n=40, alone=[(0, 40), (0, 150), (0, 260)])))
    assert lonely.p_above(0.005) > 0.05


def test_shifting_all_times_by_whole_slots_changes_nothing() -> None:
    group, slot, n, x = rows(np.random.default_rng(9), bursts=(40,))
    one, two = (known(synchrony(group, moved, n, x)) for moved in (slot, slot + 6 * 977))
    assert one.p_above(0.005) == two.p_above(0.005)
    assert one.excess == two.excess


def test_ordinary_slots_are_rarely_bad() -> None:
    rng = np.random.default_rng(10)
    n = np.full(5000, 200.0)
    assert bad_slots(n, rng.binomial(200, 0.02, 5000).astype(float)).mean() < 0.005


def test_the_limit_of_ordinary_slots_is_the_negative_binomials_quantile() -> None:
    mean = np.concatenate([[1e-12], np.geomspace(1e-3, 500, 400)])
    chance = ORDINARY_SHAPE / (ORDINARY_SHAPE + mean)
    assert np.array_equal(ordinary_limit(mean), stats.nbinom.ppf(ORDINARY_QUANTILE, ORDINARY_SHAPE, chance))
