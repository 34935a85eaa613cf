import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report.figures.latency_curve import quantile_s, unanswered


def table(*rows: tuple[int, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["bin", "outcome", "n"])


def test_kaplan_meier_without_failures() -> None:
    # 10 attempts: 4 answered, then 2 cut, then 2 of the 4 left answered: 0.6 * (1 - 2/4) = 0.3
    curve = unanswered(table((200, "ok", 4), (210, "timeout", 2), (220, "ok", 2), (230, "timeout", 2)))
    assert curve["unanswered"].tolist() == pytest.approx([0.6, 0.6, 0.3, 0.3])
    assert curve["at_risk"].tolist() == [10, 6, 4, 2]
    assert curve["censored"].tolist() == [0, 2, 0, 2]


def test_failures_stay_among_the_unanswered() -> None:
    curve = unanswered(table((200, "failed", 5), (210, "ok", 5)))
    assert curve["unanswered"].tolist() == pytest.approx([1.0, 0.5])


def test_all_timeouts_are_never_answered() -> None:
    curve = unanswered(table((280, "timeout", 7)))
    assert curve["unanswered"].tolist() == [1.0]
    assert quantile_s(curve, 0.5) is None


def test_quantile_is_the_upper_edge_of_its_bin() -> None:
    curve = unanswered(table((200, "ok", 50), (240, "ok", 50)))
    assert quantile_s(curve, 0.5) == pytest.approx(10 ** (201 / 40) / 1e6)
    assert quantile_s(curve, 0.51) == pytest.approx(10 ** (241 / 40) / 1e6)


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from(["ok", "timeout", "failed"]), st.integers(1, 50)),
        min_size=1,
        max_size=30,
    )
)
def test_curve_never_rises_and_stays_a_ratio(rows: list[tuple[int, str, int]]) -> None:
    curve = unanswered(table(*rows))
    values = curve["unanswered"].to_numpy()
    assert np.all(np.diff(values) <= 1e-12)
    assert np.all((values >= 0) & (values <= 1))
    assert curve["at_risk"].iloc[0] == sum(n for _, _, n in rows)
