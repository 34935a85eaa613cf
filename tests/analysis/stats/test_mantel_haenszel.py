import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.datasets import china_smoking

from analysis.stats.groups import Bools, Ints
from analysis.stats.mantel_haenszel import (
    Arms,
    pooled_odds_ratio,
    risk_difference,
    risk_differences,
    sato_se,
    stratified_table,
    two_arms,
)
from tests.typed import known

# R's UCBAdmissions, departments A to F: men admitted, men rejected, women admitted, women rejected.
UCB = np.array(
    [
        [512, 313, 89, 19],
        [353, 207, 17, 8],
        [120, 205, 202, 391],
        [138, 279, 131, 244],
        [53, 138, 94, 299],
        [22, 351, 24, 317],
    ]
)
# Agresti, Categorical Data Analysis (1990), p. 231; R's mantelhaen.test: penicillin in rabbits.
RABBITS = np.array([[0, 6, 0, 5], [3, 3, 0, 6], [6, 0, 2, 4], [5, 1, 6, 0], [2, 0, 5, 0]])


def arms_of(table: Ints) -> Arms:
    a, b, c, d = table.T.astype(float)
    return Arms(a + b, a, c + d, c, np.zeros(len(a), dtype=np.int64))


def rows_of(table: Ints) -> tuple[Ints, Bools, Ints, Ints]:
    strata = len(table)
    a, b, c, d = table.T
    stratum = np.concatenate([np.arange(strata), np.arange(strata)])
    exposed = np.arange(2 * strata) < strata
    return stratum, exposed, np.concatenate([a + b, c + d]), np.concatenate([a, c])


def test_ucb_admissions_sign_flips_within_departments() -> None:
    stratum, exposed, n, x = rows_of(UCB)
    contrast = known(risk_difference(stratum, np.zeros(12, dtype=np.int64), exposed, n, x, chunks=1))
    assert contrast.estimate.value == pytest.approx(-0.018425, abs=5e-7)
    assert sato_se(contrast.arms, contrast.estimate.value) == pytest.approx(0.014825, abs=5e-7)
    crude = x[exposed].sum() / n[exposed].sum() - x[~exposed].sum() / n[~exposed].sum()
    assert crude == pytest.approx(0.141645, abs=5e-7)


def test_ucb_admissions_odds_ratio_and_tests() -> None:
    ratio = known(pooled_odds_ratio(arms_of(UCB)))
    assert ratio[:3] == pytest.approx((0.9046968, 0.7719074, 1.0603298), abs=5e-8)
    table = stratified_table(arms_of(UCB))
    with_correction = table.test_null_odds(correction=True)
    assert (with_correction.statistic, with_correction.pvalue) == pytest.approx((1.4269, 0.2323), abs=5e-5)
    without = table.test_null_odds(correction=False)
    assert (without.statistic, without.pvalue) == pytest.approx((1.5246, 0.2169), abs=6e-5)
    equal = table.test_equal_odds()
    assert (equal.statistic, equal.pvalue) == pytest.approx((18.8255, 0.0021), abs=6e-5)


def test_penicillin_rabbits() -> None:
    # R drops the stratum whose rabbits all had one fate; statsmodels gives it weight zero by itself.
    table = stratified_table(arms_of(RABBITS[:4]))
    result = table.test_null_odds(correction=True)
    assert (result.statistic, result.pvalue) == pytest.approx((3.928571, 0.04747), abs=5e-6)
    assert known(pooled_odds_ratio(arms_of(RABBITS))).value == pytest.approx(7.0)


@pytest.mark.parametrize(
    "table",
    [
        [[0, 9, 0, 9]],  # nothing failed
        [[0, 9, 4, 5], [3, 6, 9, 0]],  # zero: where the exposed failed, all others did
        [[4, 5, 0, 9], [9, 0, 3, 6]],  # infinite: the same the other way round
    ],
)
def test_an_odds_ratio_that_is_zero_infinite_or_undefined_is_none(table: list[tuple[int, int, int, int]]) -> None:
    assert pooled_odds_ratio(arms_of(np.array(table))) is None


def test_china_smoking() -> None:
    data = china_smoking.load_pandas().data
    table = data[
        ["smoking_yes_cancer_yes", "smoking_yes_cancer_no", "smoking_no_cancer_yes", "smoking_no_cancer_no"]
    ].to_numpy()
    ratio = known(pooled_odds_ratio(arms_of(table)))
    assert ratio[:3] == pytest.approx((2.174, 1.984, 2.383), abs=6e-4)
    both = stratified_table(arms_of(table))
    assert both.test_null_odds().statistic == pytest.approx(280.138, abs=6e-4)
    assert both.test_equal_odds().statistic == pytest.approx(5.1997, abs=6e-5)
    assert both.test_equal_odds().pvalue == pytest.approx(0.6356, abs=6e-5)
    assert both.riskratio_pooled == pytest.approx(1.519, abs=6e-4)


def test_arms_that_never_meet_in_a_stratum_give_nothing() -> None:
    stratum = np.array([0, 1, 2, 3])
    exposed = np.array([True, False, True, False])
    n = np.full(4, 100)
    assert risk_difference(stratum, np.zeros(4, dtype=np.int64), exposed, n, n // 50, chunks=1) is None


def test_overlap_is_low_where_arms_were_switched_in_blocks() -> None:
    stratum = np.repeat(np.arange(10), 2)
    exposed = np.tile([True, False], 10)
    balanced = known(risk_difference(stratum, stratum // 2, exposed, np.full(20, 50), np.ones(20), chunks=5))
    assert balanced.overlap == pytest.approx(1.0)
    blocks = np.where(exposed == (stratum < 5), 99, 1)
    switched = known(risk_difference(stratum, stratum // 2, exposed, blocks, np.ones(20), chunks=5))
    assert switched.overlap < 0.05


def test_nothing_failed_is_not_certainty() -> None:
    stratum = np.repeat(np.arange(20), 2)
    exposed = np.tile([True, False], 20)
    none = known(risk_difference(stratum, stratum // 2, exposed, np.full(40, 5), np.zeros(40), chunks=10))
    assert none.estimate.value == 0.0
    assert none.estimate.interval()[1] > 0.005


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_scores_sum_to_zero_and_rows_written_again_shrink_nothing(seed: int, times: int) -> None:
    rng = np.random.default_rng(seed)
    stratum = np.repeat(np.arange(60), 2)
    exposed = np.tile([True, False], 60)
    n = rng.integers(1, 30, 120)
    x = rng.binomial(n, 0.1)
    once = known(risk_difference(stratum, stratum // 6, exposed, n, x, chunks=10))
    assert once.scores.sum() == pytest.approx(0.0, abs=1e-12)
    # Every row written again: as many connections as before, so each now has `times` the attempts.
    again = known(
        risk_difference(stratum, stratum // 6, exposed, times * n, times * x, chunks=10, design_effect=float(times))
    )
    assert again.estimate.value == pytest.approx(once.estimate.value)
    assert again.estimate.interval()[1] >= once.estimate.interval()[1] - 1e-9


def test_a_shared_outage_of_both_arms_is_no_difference() -> None:
    rng = np.random.default_rng(3)
    stratum = np.repeat(np.arange(60), 2)
    exposed = np.tile([True, False], 60)
    n = np.full(120, 40)
    x = np.where(stratum == 20, 40, rng.binomial(n, 0.01))
    contrast = known(risk_difference(stratum, stratum // 6, exposed, n, x, chunks=10))
    low, high = contrast.estimate.interval()
    assert low < 0 < high


def test_row_order_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    stratum = rng.integers(0, 30, 500)
    exposed = rng.random(500) < 0.5
    n = rng.integers(1, 10, 500)
    x = rng.binomial(n, 0.05)
    order = rng.permutation(500)
    one = two_arms(stratum, stratum // 5, exposed, n, x)
    two = two_arms(stratum[order], stratum[order] // 5, exposed[order], n[order], x[order])
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b)


def test_each_group_has_the_difference_that_it_would_have_alone() -> None:
    rng = np.random.default_rng(3)
    stratum, exposed = np.repeat(np.arange(24), 4), np.tile([True, False], 48)
    exposed[:4] = True
    group, chunk = np.minimum(stratum // 8, 1), stratum % 8 // 2
    n = rng.integers(20, 60, 96)
    x = rng.binomial(n, 0.1)
    found = risk_differences(group, stratum, chunk, exposed, n, x, chunks=4, design_effect=2.0)
    assert list(found) == [0, 1]
    for one, contrast in found.items():
        of = group == one
        rows = (stratum[of], chunk[of], exposed[of], n[of], x[of])
        alone = known(risk_difference(*rows, chunks=4, design_effect=2.0))
        assert contrast.estimate == alone.estimate
        assert contrast.scores.tolist() == alone.scores.tolist()
        assert contrast.overlap == alone.overlap
    assert list(risk_differences(group, stratum, chunk, exposed | (group == 0), n, x, chunks=4)) == [1]
