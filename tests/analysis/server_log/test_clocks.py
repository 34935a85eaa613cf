import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.server_log.clocks import UNKNOWN, Bound, Clocks, agreeing, met


def bound(low_s: float, high_s: float, at_s: float = 0.0, worker: str = "w", instance: str | None = None) -> Bound:
    return Bound(worker, instance, at_s, low_s, high_s)


@given(
    st.floats(-1000, 1000),
    st.lists(st.tuples(st.floats(0.001, 2.0), st.floats(0.001, 2.0)), min_size=1, max_size=200),
)
def test_the_true_offset_lies_within_the_error(true_s: float, gaps: list[tuple[float, float]]) -> None:
    """Whatever the network did: nothing arrives before it was sent."""
    clocks = Clocks(bound(true_s - low_s, true_s + high_s, at) for at, (low_s, high_s) in enumerate(gaps))
    for at in range(len(gaps)):
        offset_s, error_s = clocks.between("w", None, at)
        assert abs(offset_s - true_s) <= error_s + 1e-9


def test_many_connections_know_the_offset_better_than_one() -> None:
    assert met([bound(29.0, 31.0)]).error_s == pytest.approx(1.005)
    assert met([bound(29.0, 30.1), bound(29.9, 31.0)]) == pytest.approx((30.0, 0.105))


def test_a_clock_that_drifts_is_followed() -> None:
    clocks = Clocks(bound(at / 1000 - 0.05, at / 1000 + 0.05, at) for at in range(0, 10_000, 10))
    for at in (0, 5_000, 9_990):
        offset_s, error_s = clocks.between("w", None, at)
        assert abs(offset_s - at / 1000) <= error_s + 0.25
        assert error_s < 0.5


def test_one_line_whose_time_is_wrong_moves_nothing() -> None:
    true = [bound(-0.1, 0.1, at) for at in range(30)]
    assert met([*true, bound(900.0, 901.0)]) == pytest.approx((0.0, 0.105))


def test_workers_and_instances_have_clocks_of_their_own() -> None:
    clocks = Clocks([bound(4.9, 5.1, worker="a", instance="i"), bound(-0.1, 0.1, worker="b", instance="j")])
    assert clocks.between("a", "i", 0.0) == pytest.approx((5.0, 0.105))
    assert clocks.between("a", None, 0.0) == pytest.approx((5.0, 0.105))
    assert clocks.between("c", None, 0.0) == pytest.approx((2.5, 2.605))


def test_without_anything_in_common_the_offset_is_not_known() -> None:
    assert Clocks().between("w", None, 0.0) == UNKNOWN
    assert Clocks([bound(1.0, -1.0)]).connections == 0


def test_pairs_that_chance_made_agree_with_nobody() -> None:
    true = [bound(30.0 + n / 100, 30.2 + n / 100) for n in range(10)]
    chance = [bound(-200.0 * n, -200.0 * n + 0.2) for n in range(1, 8)]
    assert agreeing([*chance, *true]) == true
    assert agreeing(chance) == []
    assert agreeing(true[:1]) == []
