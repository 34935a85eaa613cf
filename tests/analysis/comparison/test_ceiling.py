from analysis.comparison.ceiling import below_ceiling
from analysis.stats.rates import Rate


def test_every_side_must_be_below_the_margin() -> None:
    clean = Rate(events=0, n=2000, design_effect=1.0)
    assert below_ceiling([clean, clean], 0.005)
    assert not below_ceiling([clean, Rate(events=40, n=2000, design_effect=1.0)], 0.005)


def test_too_little_data_is_no_ceiling() -> None:
    assert not below_ceiling([Rate(events=0, n=100, design_effect=1.0)], 0.005)
    assert not below_ceiling([], 0.005)
    assert not below_ceiling([Rate(events=0, n=0, design_effect=1.0)], 0.005)
