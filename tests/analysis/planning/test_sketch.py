import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.planning.sketch import Sketch
from analysis.planning.sketched_tables import sketched_tables

SESSIONS = Sketch(minutes=60, users=20, hosts=2, effect=0.0, base_risk=0.02, host_sd=0.0, minute_sd=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("session_s", [60.0, 180.0, 900.0, math.inf])
def test_the_design_effect_is_the_one_that_the_tables_show(session_s: float) -> None:
    sketch = replace(SESSIONS, session_s=session_s, connection_sd=0.6, hosts=10, platforms=("Linux",))
    exchanges, attempts = [], []
    for rng in np.random.default_rng(1).spawn(20):
        dealt = sketched_tables(sketch, rng).dealt
        one = dealt[dealt["kind"] == "exchange"].sum(numeric_only=True)
        p = one["x_unexplained"] / one["n"]
        squares = one["xx_unexplained"] - 2 * p * one["nx_unexplained"] + p**2 * one["nn"]
        exchanges.append(squares / (one["n"] * p * (1 - p)))
        attempts.append(one["nn"] / one["n"])
    assert np.mean(exchanges) == pytest.approx(sketch.design_effect, rel=0.06)
    alike = sketch.base_risk / (1 - sketch.base_risk) * math.expm1(sketch.connection_sd**2)
    assert np.mean(attempts) == pytest.approx(1 + (sketch.design_effect - 1) / alike, rel=0.05)


def test_a_connection_of_its_own_for_each_attempt_shares_nothing() -> None:
    assert Sketch().design_effect == 1.0
    # On both sides of where the series takes over.
    one, two = (replace(SESSIONS, session_s=36e6 * factor).design_effect for factor in (0.999, 1.001))
    assert one == pytest.approx(two, rel=1e-5)
