import numpy as np
import pytest

from analysis.stats.confidence_sequence import SILENT_MINUTES, half_width, running_interval


def test_half_width_published_numbers() -> None:
    widths = [half_width(minutes, 1.0, alpha=0.05) for minutes in (20, 60, 240)]
    assert widths == pytest.approx([0.70262, 0.39187, 0.20260], abs=5e-6)


def test_the_first_twenty_minutes_are_silent() -> None:
    assert running_interval(np.ones(SILENT_MINUTES - 1), alpha=0.05) is None
    assert running_interval(np.arange(float(SILENT_MINUTES)), alpha=0.05) is not None


def test_watched_every_minute_for_four_hours_it_errs_less_than_it_says() -> None:
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(300):
        minutes = rng.normal(0.005, 0.02, 240)
        wrong += any(
            interval is not None and not interval[1] <= 0.005 <= interval[2]
            for interval in (running_interval(minutes[:t], alpha=0.05) for t in range(20, 241, 5))
        )
    assert wrong / 300 < 0.05
