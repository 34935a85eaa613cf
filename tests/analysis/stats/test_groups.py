import numpy as np
import pandas as pd
import pytest

from analysis.stats.groups import coded, coded_pair, combined, first_of, overlap, sums


def test_sums_by_combined_key() -> None:
    ids, count = combined(np.array([0, 1, 0, 1]), np.array([5, 5, 5, 7]))
    assert count == 3
    assert sums(ids, np.array([1, 2, 3, 4]), count).tolist() == [4.0, 2.0, 4.0]
    assert first_of(ids, np.array([9, 8, 9, 7]), count).tolist() == [9, 8, 7]
    assert combined(np.zeros(0, dtype=np.int64))[1] == 0


def test_codes_follow_the_sorted_values_and_null_is_minus_one() -> None:
    codes, labels = coded(pd.Series(["b", None, "a", "b"]))
    assert labels == ("a", "b")
    assert codes.tolist() == [1, -1, 0, 1]


def test_pairs_are_told_apart() -> None:
    codes, pairs = coded_pair(pd.Series(["h", "h", "g"]), pd.Series(["W", "L", "W"]))
    assert [pairs[code] for code in codes] == [("h", "W"), ("h", "L"), ("g", "W")]


def test_overlap_of_shares() -> None:
    assert overlap([1, 1], [10, 10]) == 1.0
    assert overlap([1, 0], [0, 1]) == 0.0
    assert overlap([3, 1], [1, 1]) == pytest.approx(0.75)
    assert overlap([0, 0], [1, 1]) == 0.0


def test_sums_are_floats_without_rows_too() -> None:
    none = sums(np.zeros(0, dtype=np.int64), np.zeros(0), 2)
    assert none.dtype == np.float64
    assert none.tolist() == [0.0, 0.0]


def test_combined_keys_are_numbered_alike_whether_few_or_many_combinations_there_could_be() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.integers(0, 5, 300), rng.integers(0, 7, 300)
    near, count = combined(one, two)
    far, same = combined(one * 1_000_000, two)
    assert near.tolist() == far.tolist()
    assert count == same == len(set(zip(one.tolist(), two.tolist(), strict=True)))
    pairs = sorted(zip(one.tolist(), two.tolist(), near.tolist(), strict=True))
    assert [place for *_, place in pairs] == sorted(near.tolist())
