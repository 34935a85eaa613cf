from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.stats.holm import bonferroni, weighted_holm

PS = st.lists(st.floats(0, 1), min_size=1, max_size=9)


def test_holm_published_numbers() -> None:
    adjusted = weighted_holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}, dict.fromkeys("abcd", 1.0))
    assert [adjusted[name] for name in "abcd"] == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(PS)
def test_equal_weights_agree_with_statsmodels(values: list[float]) -> None:
    names = [str(i) for i in range(len(values))]
    adjusted = weighted_holm(dict(zip(names, values, strict=True)), dict.fromkeys(names, 3.0))
    # It collects all garbage at each call, of which a whole test run has much.
    with patch("gc.collect"):
        theirs = multipletests(values, method="holm")[1]
    assert [adjusted[name] for name in names] == pytest.approx(theirs)


@given(PS, st.lists(st.floats(0.01, 1), min_size=9, max_size=9))
def test_an_adjusted_p_value_is_never_below_its_own_nor_above_its_bonferroni(
    values: list[float], weights: list[float]
) -> None:
    names = [str(i) for i in range(len(values))]
    share = dict(zip(names, weights, strict=False))
    adjusted = weighted_holm(dict(zip(names, values, strict=True)), share)
    total = sum(share.values())
    for name, value in zip(names, values, strict=True):
        assert value - 1e-12 <= adjusted[name] <= max(min(1.0, value * total / share[name]), max(adjusted.values()))


def test_bonferroni_counts_looks() -> None:
    assert bonferroni(0.01, 3) == pytest.approx(0.03)
    assert bonferroni(0.5, 3) == 1.0
