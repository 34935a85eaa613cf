from analysis.comparison.rated import rated
from analysis.stats.rates import Rate


def rate(events: int, n: int) -> Rate:
    return Rate(events=events, n=n, design_effect=1.0)


def test_the_worst_group_decides_corrected_for_the_choice() -> None:
    found = rated({"a": rate(3, 1000), "b": rate(40, 1000)}, 0.005, n=2000)
    assert found.worst == found.highest == "b"
    assert found.p_value == 2 * rate(40, 1000).p_above(0.005)
    assert found.finding.parts["b"].state == "confirmed"
    assert not found.all_below


def test_all_below_needs_every_group() -> None:
    assert rated({"a": rate(0, 1000), "b": rate(1, 2000)}, 0.005, n=3000).all_below
    assert not rated({"a": rate(0, 1000), "b": rate(0, 100)}, 0.005, n=1100).all_below
