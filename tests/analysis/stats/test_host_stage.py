import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.groups import Floats, Ints
from analysis.stats.host_stage import (
    between_groups,
    group_contrast,
    host_effects,
    one_sample,
    over_chunks,
    sole_host,
    weighted_mean,
)
from tests.typed import known

# Student (1908), "The probable error of a mean": extra hours of sleep with two drugs, ten patients.
SLEEP = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_second_stage_is_welchs_test_of_students_sleep() -> None:
    values = np.concatenate([SLEEP, SLEEP_2])
    estimate = known(between_groups(values, np.repeat([0, 1], 10), 0))
    (spread,) = estimate.spreads
    assert estimate.value / spread.se == pytest.approx(-1.860813, abs=5e-7)
    assert spread.df == pytest.approx(17.776474, abs=5e-7)
    assert estimate.p_outside(0.0) == pytest.approx(0.079394, abs=5e-7)
    reference = stats.ttest_ind(SLEEP, SLEEP_2, equal_var=False)
    assert estimate.p_outside(0.0) == pytest.approx(reference.pvalue)


def test_one_sample_is_the_paired_t_test_of_students_sleep() -> None:
    estimate = known(one_sample(SLEEP - SLEEP_2))
    assert estimate.value / estimate.spreads[0].se == pytest.approx(-4.062128, abs=5e-7)
    assert estimate.p_outside(0.0) == pytest.approx(0.002833, abs=5e-7)


def test_nine_measurements_of_a_mass() -> None:
    # statsmodels' meta-analysis notebook, after Rukhin et al.
    effects = np.array([61.00, 61.40, 62.21, 62.30, 62.34, 62.60, 62.70, 62.84, 65.90])
    errors = np.array([0.2025, 1.2100, 0.0900, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225])
    estimate = known(weighted_mean(effects, errors))
    assert estimate.value == pytest.approx(62.407620, abs=5e-6)
    assert estimate.interval() == pytest.approx((61.628120, 63.187119), abs=5e-6)
    assert weighted_mean(effects[:1], errors[:1]) is None
    assert known(weighted_mean(np.zeros(3), np.array([1e-6, 1e-5, 1e-4]))).value == 0.0
    # Known as well as each other they are a plain sample.
    plain, even = known(one_sample(effects)), known(weighted_mean(effects, np.full(9, 0.01)))
    assert even.interval() == pytest.approx(plain.interval(), rel=1e-6)


def test_one_host_a_side_has_no_degrees_of_freedom() -> None:
    assert between_groups(np.array([0.1, 0.2]), np.array([0, 1]), 0) is None
    assert between_groups(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 1, 1]), 0) is None
    assert one_sample(np.array([0.1])) is None


def test_a_third_group_is_compared_with_the_mean_of_the_others() -> None:
    weights = group_contrast(np.array([0, 0, 1, 2, 2, 2]), 0)
    assert weights == pytest.approx([0.5, 0.5, -0.5, -1 / 6, -1 / 6, -1 / 6])
    assert group_contrast(np.zeros(3, dtype=np.int64), 0) is None


def table(
    rng: np.random.Generator, *, hosts: int = 4, strata: int = 80, effects: Floats | None = None
) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    stratum, host = np.divmod(np.arange(strata * hosts), hosts)
    n = rng.integers(5, 40, strata * hosts)
    level = rng.uniform(0.01, 0.2, strata)[stratum]
    rate = level + (0 if effects is None else effects[host])
    return stratum, stratum // 8, host, n, n * rate


def test_host_effects_are_found_exactly_where_the_model_is_exact() -> None:
    effects = np.array([0.03, -0.01, 0.0, -0.02])
    stratum, chunk, host, n, x = table(np.random.default_rng(1), effects=effects)
    found = host_effects(stratum, chunk, host, n, x, hosts=4, chunks=10)
    assert found.effects == pytest.approx(effects - effects.mean(), abs=1e-9)
    assert np.abs(found.scores).max() < 1e-9
    assert len(set(found.component)) == 1


def test_least_squares_gives_the_same_effects() -> None:
    rng = np.random.default_rng(2)
    stratum, chunk, host, n, x = table(rng)
    x = rng.binomial(n, 0.1).astype(float)
    found = host_effects(stratum, chunk, host, n, x, hosts=4, chunks=10)
    design = np.zeros((len(n), 80 + 4))
    design[np.arange(len(n)), stratum] = 1
    design[np.arange(len(n)), 80 + host] = 1
    root = np.sqrt(n)
    solution = np.linalg.lstsq(design * root[:, None], x / n * root, rcond=None)[0][80:]
    assert found.effects == pytest.approx(solution - solution.mean(), abs=1e-9)


def test_hosts_that_never_met_are_in_different_components() -> None:
    stratum = np.array([0, 0, 1, 1])
    host = np.array([0, 1, 2, 3])
    found = host_effects(stratum, np.zeros(4, dtype=np.int64), host, np.full(4, 10), np.ones(4), hosts=4, chunks=1)
    assert found.component[0] == found.component[1] != found.component[2] == found.component[3]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_chunk_scores_of_any_contrast_sum_to_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stratum, chunk, host, n, _ = table(rng)
    found = host_effects(stratum, chunk, host, n, rng.binomial(n, 0.05), hosts=4, chunks=10)
    contrast = known(group_contrast(np.array([0, 0, 1, 1]), 0))
    scores = found.scores @ contrast
    assert scores.sum() == pytest.approx(0.0, abs=1e-10)
    estimate = over_chunks(float(contrast @ found.effects), scores, 10)
    assert estimate.spreads[0].df == 9


@pytest.mark.parametrize(("few", "many"), [(3, 3), (3, 8), (4, 12)])
def test_a_side_that_varies_more_does_not_make_a_difference(few: int, many: int) -> None:
    """The few machines differ from each other twenty times as much as the many do."""
    rng = np.random.default_rng(12)
    group = np.repeat([0, 1], [few, many])
    spread = np.repeat([0.02, 0.001], [few, many])
    rejected = sum(
        known(between_groups(rng.normal(0, 1, few + many) * spread, group, 0)).p_outside(0.0) < 0.05
        for _ in range(2000)
    )
    assert rejected / 2000 < 0.07


def test_a_difference_that_one_host_makes_names_it() -> None:
    group = np.repeat([0, 1], 4)
    effects = np.array([0.08, 0.001, 0.0, 0.002, 0.001, 0.0, 0.0, 0.001])
    assert sole_host(effects, group, 0, 0.005) == 0
    assert sole_host(effects + np.where(group == 0, 0.03, 0.0), group, 0, 0.005) is None
    assert sole_host(np.zeros(8), group, 0, 0.005) is None


def test_false_positives_of_the_second_stage_with_three_hosts_a_side() -> None:
    rng = np.random.default_rng(11)
    group = np.repeat([0, 1], 3)
    rejected = sum(known(between_groups(rng.normal(0, 0.01, 6), group, 0)).p_outside(0.0) < 0.05 for _ in range(2000))
    assert rejected / 2000 == pytest.approx(0.05, abs=0.015)
