import numpy as np
import pytest

from analysis.stats.groups import Ints
from analysis.stats.ordinal import kolmogorov_distance, ordinal_contrast
from tests.typed import known


def connects(rng: np.random.Generator, *, limit: int) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    host, time, ordinal = (a.ravel() for a in np.meshgrid(range(3), range(12), range(1, 9), indexing="ij"))
    n = rng.integers(10, 40, len(host))
    refused = np.where(ordinal > limit, rng.binomial(n, 0.5), 0)
    return host, time, time // 2, ordinal, n, refused


def test_a_quota_shows_above_the_mean_ordinal() -> None:
    contrast = known(ordinal_contrast(*connects(np.random.default_rng(1), limit=5), chunks=6))
    assert contrast.estimate.p_above(0.005) < 1e-4


def test_no_quota_no_contrast() -> None:
    contrast = known(ordinal_contrast(*connects(np.random.default_rng(2), limit=99), chunks=6))
    assert contrast.estimate.p_above(0.005) > 0.5


def test_a_single_ordinal_cannot_tell() -> None:
    ones = np.ones(5, dtype=np.int64)
    assert ordinal_contrast(0 * ones, 0 * ones, 0 * ones, ones, ones, 0 * ones, chunks=1) is None


def test_kolmogorov_distance_of_two_orders() -> None:
    assert kolmogorov_distance(np.array([5.0, 5.0]), np.array([50.0, 50.0])) == 0.0
    assert kolmogorov_distance(np.array([1.0, 0.0]), np.array([0.0, 9.0])) == pytest.approx(1.0)
    assert kolmogorov_distance(np.zeros(2), np.ones(2)) == 0.0
