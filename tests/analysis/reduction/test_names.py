"""Names of expressions are for a while."""

import pytest

from analysis.reduction.reduce import reduce
from analysis.runs.engine import open_rows
from tests.analysis.reduction.attempt_rows import LATE, a_row, arrow


@pytest.mark.slow
def test_nothing_is_left_behind_in_the_engine() -> None:
    rows = open_rows(arrow([a_row(), LATE]))
    names = "select view_name from duckdb_views() union select table_name from duckdb_tables()"
    before = set(rows.get_backend().raw_sql(names).fetchall())
    reduce(rows)
    left = set(rows.get_backend().raw_sql(names).fetchall()) - before
    assert not [name for (name,) in left if name.startswith("wsoak")]
