import pytest

from analysis.calibration.naive import naive_verdict
from analysis.claims import registry
from analysis.simulation.simulate import simulate_rows


@pytest.mark.slow
def test_it_falls_into_the_traps_that_it_stands_for() -> None:
    null = naive_verdict(simulate_rows("null", rows=10_000, minutes=15, seed=1))
    assert set(null) == set(registry.names())
    # A timeout's duration is its budget: correlating it with failing confirms latency where there is none.
    assert null["latency"] == "confirmed"
    alone = naive_verdict(simulate_rows("one_host", rows=20_000, seed=1))
    assert alone["platform"] == "confirmed"


@pytest.mark.slow
def test_no_attempt_is_no_error() -> None:
    empty = simulate_rows("null", rows=2_000, minutes=5).slice(0, 0)
    assert set(naive_verdict(empty)) == set(registry.names())
