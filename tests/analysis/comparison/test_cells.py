import numpy as np
import pytest

from analysis.comparison.cells import Cells
from analysis.stats.groups import Ints


def cells() -> tuple[Cells, list[str]]:
    """Three rows, and what was made of them so far."""
    made: list[str] = []

    def column(name: str) -> Ints:
        made.append(name)
        return np.array([1, 2, 3]) * (100 if name == "residual" else 1)

    return Cells(3, column), made


def test_a_column_is_made_when_it_is_first_read_and_once() -> None:
    all_of_them, made = cells()
    some = all_of_them.where(np.array([True, False, True])).where(np.array([False, True]))
    assert len(some) == 1
    assert made == []
    assert some.n.tolist() == [3]
    assert all_of_them.n.tolist() == [1, 2, 3]
    assert made == ["n"]


def test_rows_with_another_column_keep_the_others() -> None:
    all_of_them, _ = cells()
    none = np.zeros(3, dtype=np.int64)
    other = all_of_them.having(unanswered=none, on_way=none)
    assert other.where(np.array([False, True, True])).unexplained.tolist() == [202, 303]
    assert all_of_them.unexplained.tolist() == [99, 198, 297]


def test_a_name_that_is_no_column_is_refused() -> None:
    with pytest.raises(AttributeError, match="hosts"):
        getattr(cells()[0], "hosts")  # noqa: B009
