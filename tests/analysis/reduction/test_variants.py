"""The ways to count failures: each puts back what its name says."""

import numpy as np

from analysis.reduction.variants import EVERYTHING, OF_THE_TARGET, VARIANTS, failures, variant_of

FOUND = failures(100, silence=1, answers=10, way=20, others=1000)


def test_each_way_has_a_name_and_a_count_of_its_own() -> None:
    assert set(FOUND) == set(VARIANTS)
    assert len(set(VARIANTS)) == len(VARIANTS) == len(set(FOUND.values())) == 9


def test_what_is_explained_is_left_out_or_put_back_one_by_one() -> None:
    assert FOUND["unexplained"] == 79
    assert FOUND[variant_of(silence=True, answers=False, way=False)] == 80
    assert FOUND[variant_of(silence=False, answers=True, way=False)] == 89
    assert FOUND[variant_of(silence=False, answers=False, way=True)] == 99
    assert (FOUND[OF_THE_TARGET], FOUND[EVERYTHING]) == (110, 1110)


def test_arrays_are_counted_place_by_place() -> None:
    of_two = failures(np.array([3, 5]), silence=np.array([1, 0]), answers=0, way=np.array([0, 2]), others=0)
    assert of_two["unexplained"].tolist() == [2, 3]
