"""What several tests of the reduction hold theirs against."""

from __future__ import annotations

import pytest

from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.runs.engine import open_rows
from tests.analysis.reduction.attempt_rows import LATE, MANY_END, arrow, many_rows


@pytest.fixture(scope="session")
def many() -> Tables:
    """The tables of many rows and the late one."""
    return reduce(open_rows(arrow([*many_rows(), LATE])), ends=MANY_END)
