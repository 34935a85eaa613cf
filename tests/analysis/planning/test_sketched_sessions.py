"""Sessions of a sketch."""

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.planning.sketched_tables import sketched_tables
from tests.analysis.planning.test_sketch import SESSIONS


@pytest.mark.parametrize("session_s", [30.0, 180.0, 900.0, math.inf])
def test_sessions_make_as_many_attempts_and_connections_as_they_promise(session_s: float) -> None:
    sketch = replace(SESSIONS, session_s=session_s)
    tables = sketched_tables(sketch, np.random.default_rng(1))
    cells, dealt = tables.cells, tables.dealt
    connects = cells[cells["kind"] == "connect"]
    hosts = cells["host"].nunique()
    assert dealt["n"].sum() == cells["n"].sum()
    assert dealt["x_unexplained"].sum() == cells["bad"].sum()
    assert dealt[dealt["kind"] == "connect"]["m"].sum() == connects["n"].sum()
    assert connects["n"].sum() / hosts == pytest.approx(sketch.sessions, rel=0.08)
    assert cells["n"].sum() / hosts / sketch.minutes == pytest.approx(sketch.attempts_a_minute, rel=0.05)
    assert cells["bad"].sum() / cells["n"].sum() == pytest.approx(sketch.base_risk, rel=0.4)
    assert (cells["connections"] <= cells["n"]).all()
