from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench.slopes import FEWEST, handed_on, long_run_variance, slope_per_hour

EVERY_S = 5.0
N = 288  # 24 minutes: what half an hour leaves after the warm-up
SECONDS = np.arange(N) * EVERY_S


def series(rng: np.random.Generator, *, per_hour: float, share: float) -> npt.NDArray[np.float64]:
    """A line whose errors hand on a share of themselves."""
    errors = np.zeros(N)
    for n in range(1, N):
        errors[n] = share * errors[n - 1] + rng.normal()
    return 100 + per_hour * SECONDS / 3600 + errors


def test_a_line_has_its_slope_and_an_interval_of_no_width() -> None:
    slope = slope_per_hour(SECONDS, 3 + 2 * SECONDS / 3600)
    assert slope == pytest.approx((2, 2, 2))


def test_what_never_changes_has_no_slope() -> None:
    assert slope_per_hour(SECONDS, np.full(N, 7.0)) == pytest.approx((0, 0, 0))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.97])
def test_the_interval_holds_the_slope_as_often_as_it_says_also_where_values_depend_on_each_other(share: float) -> None:
    rng = np.random.default_rng(1)
    drawn = [slope_per_hour(SECONDS, series(rng, per_hour=6, share=share)) for _ in range(120)]
    assert np.mean([one.low <= 6 <= one.high for one in drawn]) >= 0.9


def test_ordinary_regression_would_be_far_too_sure_so_that_the_rule_can_fail() -> None:
    rng = np.random.default_rng(1)
    x = SECONDS - SECONDS.mean()
    held = 0
    for _ in range(100):
        y = series(rng, per_hour=6, share=0.9)
        slope = x @ y / (x @ x)
        error = np.sqrt(np.sum((y - y.mean() - slope * x) ** 2) / (N - 2) / (x @ x))
        held += abs(slope - 6 / 3600) <= 1.96 * error
    assert held < 60


def test_half_an_hour_finds_a_slope_that_is_large_beside_its_noise() -> None:
    slope = slope_per_hour(SECONDS, series(np.random.default_rng(1), per_hour=60, share=0.5))
    assert slope.low > 30


def test_the_share_that_is_handed_on_is_found() -> None:
    rng = np.random.default_rng(1)
    assert handed_on(series(rng, per_hour=0, share=0.9) - 100) == pytest.approx(0.9, abs=0.07)
    assert handed_on(rng.normal(size=N)) < 0.15
    assert handed_on(np.zeros(N)) == 0


def test_errors_that_take_turns_are_not_taken_for_less_than_they_are() -> None:
    turns = np.tile([1.0, -1.0], N // 2)
    assert long_run_variance(turns) == pytest.approx(1.0)


def test_too_few_values_are_refused() -> None:
    few = np.arange(FEWEST - 1.0)
    with pytest.raises(ValueError, match=f"{FEWEST} or more"):
        slope_per_hour(few, few)
